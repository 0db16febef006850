// In a window the gateway wants to know that the page still paints; anywhere else nobody asks.
import { ApiError, api } from './client';

const PERIOD_MS = 2_000;

/** Beats until the returned function is called, or until it is clear that there is no gateway. */
export function beat(page: () => string, painted: () => number): () => void {
  let timer: number | null = null;
  const once = async () => {
    try {
      await api.heartbeat(page(), painted());
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
