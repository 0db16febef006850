// The three things every view reads: what the engine says, what time it is there, and where the visitor is.
import { Clock } from './clock.svelte';
import { Live } from './api/live.svelte';
import { Route } from './route.svelte';

export const live = new Live();
export const clock = new Clock();
export const route = new Route();

/** Whether list and detail stand side by side. The same width stands in the stylesheets. */
class Wide {
  private readonly query = window.matchMedia('(min-width: 1200px)');
  is = $state(this.query.matches);
  constructor() {
    this.query.addEventListener('change', () => (this.is = this.query.matches));
  }
}
export const wide = new Wide();
