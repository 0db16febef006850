// What a public touch screen needs beyond a browser's page: `?kiosk=1`.

/** A visitor who walked away leaves the Board behind. */
export const IDLE_MS = 120_000;

export const isKiosk = (search: string): boolean => new URLSearchParams(search).get('kiosk') === '1';

/** Calls `home` after two minutes without a touch, unless `busy`. Returns the end of it. */
export function watchKiosk(home: () => void, busy: () => boolean): () => void {
  document.documentElement.classList.add('kiosk');
  let timer = 0;
  const arm = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      if (!busy()) home();
      arm();
    }, IDLE_MS);
  };
  // WebKitGTK ends a hold of two seconds in a context menu, with Back and Reload in it.
  const noMenu = (event: Event) => event.preventDefault();
  const signs = ['touchstart', 'pointerdown', 'keydown'] as const;
  document.addEventListener('contextmenu', noMenu);
  for (const sign of signs) document.addEventListener(sign, arm, { passive: true, capture: true });
  arm();
  return () => {
    window.clearTimeout(timer);
    document.removeEventListener('contextmenu', noMenu);
    for (const sign of signs) document.removeEventListener(sign, arm, { capture: true });
  };
}
