// In a window the gateway wants to know that the page still paints; anywhere else nobody asks.
import { ApiError, api } from './client';

/** The window's name for this page, or one of its own: a page that was loaded anew is another one. */
export function pageName(search: string): string {
  const given = new URLSearchParams(search).get('page') ?? '';
  return /^[A-Za-z0-9-]{1,64}$/.test(given) ? given : `page-${Math.random().toString(36).slice(2, 10)}`;
}

const PERIOD_MS = 2_000;

/** Beats until the returned function is called, or until it is clear that there is no gateway. */
export function beat(page: string, painted: () => number): () => void {
  let timer: number | null = null;
  const once = async () => {
    try {
      await api.heartbeat(page, painted());
    } catch (error) {
      // 404, or 405 from a server that answers every other path with the page: not a gateway.
      if (error instanceof ApiError && [404, 405].includes(error.status)) return;
    }
    timer = window.setTimeout(() => void once(), PERIOD_MS);
  };
  timer = window.setTimeout(() => void once(), 0);
  return () => {
    if (timer !== null) window.clearTimeout(timer);
  };
}
