// The lab as a whole: what is there after transport, and its way into the dark.
import type { EndingWire, PlaceWire } from '../../api/wire';
import { words } from '../../words';

/** Present is up, missing a fault, and what nobody can tell is unknown. */
export const markOf = (place: PlaceWire): 'up' | 'fault' | 'unknown' =>
  place.presence === 'present' ? 'up' : place.presence === 'missing' ? 'fault' : 'unknown';

/** One sentence about all of it. */
export function summary(places: PlaceWire[]): string {
  const count = (presence: string) => places.filter((place) => place.presence === presence).length;
  return words.whole.called(count('present'), count('missing'), count('unknown'));
}

export interface Dark {
  state: 'up' | 'warn' | 'boot';
  says: string;
}

/** Whether the power may be cut. Nothing less than every PC seen off is safe. */
export function darkOf(ending: EndingWire | null): Dark | null {
  if (ending === null) return null;
  if (!ending.ended) return { state: 'boot', says: words.whole.under(ending.left_on) };
  if (!ending.safe) return { state: 'warn', says: words.whole.unsafe(ending.left_on) };
  return {
    state: 'up',
    says: ending.host === null ? words.whole.safe : words.whole.safeHere(ending.host.why),
  };
}
