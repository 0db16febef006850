// What every screen must hold, whatever it shows.
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** The kiosk's screen, a laptop's, a telephone's. */
export const SIZES = {
  kiosk: { width: 1024, height: 600 },
  laptop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
} as const;

export async function expectAccessible(page: Page): Promise<void> {
  // A glow lasts 320 ms; contrast is measured when it is over.
  await page.waitForFunction(() => document.querySelector('.glow') === null);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
  expect(found).toEqual([]);
}

/** Nothing reaches beyond the right edge, and main does not scroll where it must not. */
export async function expectFits(page: Page, still: boolean): Promise<void> {
  // After a change of size the page has had a frame to answer, and another to paint.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const beyond = await page.evaluate(() => {
    const main = document.querySelector('main > .view');
    if (main === null) throw new Error('the page has no view');
    const hidden = (element: Element) => {
      const clip = element.closest('.heard-only, dialog:not([open]), svg');
      return clip !== null && clip !== element;
    };
    const wide = [...document.querySelectorAll('body *')].filter(
      (element) => !hidden(element) && element.getBoundingClientRect().right > window.innerWidth + 0.5,
    );
    return {
      wide: wide.map((element) => `${element.tagName} ${element.className.toString()}`),
      sideways: main.scrollWidth - main.clientWidth,
      down: main.scrollHeight - main.clientHeight,
    };
  });
  expect(beyond.wide, 'elements beyond the right edge').toEqual([]);
  expect(beyond.sideways, 'main scrolls sideways').toBe(0);
  if (still) expect(beyond.down, 'main scrolls').toBe(0);
}

/** What can be touched is large enough for a finger. Links within a sentence are let be, as WCAG does. */
export async function expectTouchable(page: Page): Promise<void> {
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('a[href], button, select')]
      .filter((element) => element.closest('p, [inert]') === null)
      .map((element) => ({ name: element.textContent?.trim() ?? '', box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && (box.height < 43.5 || box.width < 43.5))
      .map(({ name, box }) => `${name} ${box.width.toFixed(0)}×${box.height.toFixed(0)}`),
  );
  expect(small).toEqual([]);
}

/** Adds up every layout shift from now on, none is excused; and tells what moved. */
export async function watchShifts(page: Page): Promise<() => Promise<{ sum: number; moved: string[] }>> {
  const handle = await page.evaluateHandle(() => {
    const found = { sum: 0, moved: [] as string[] };
    const name = (node: Node | null) =>
      (node instanceof Element ? node : (node?.parentElement ?? null))?.outerHTML.slice(0, 100);
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const shift = entry as unknown as { value: number; sources: { node: Node | null }[] };
        found.sum += shift.value;
        found.moved.push(
          `${shift.value.toFixed(4)} ${shift.sources.map((source) => name(source.node)).join(' | ')}`,
        );
      }
    }).observe({ type: 'layout-shift' });
    return found;
  });
  return () => handle.evaluate((found) => found);
}
