// Where the visitor is, as a rune.
import { parse, type Place } from './route';

export class Route {
  place = $state.raw<Place>(parse(location.hash));

  start(): () => void {
    const changed = () => {
      this.place = parse(location.hash);
    };
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }

  go(hash: string): void {
    location.hash = hash;
  }

  /** Goes without leaving a trace in the history. */
  replace(hash: string): void {
    history.replaceState(null, '', hash);
    this.place = parse(hash);
  }
}
