// Which of the events on record a visitor wants to see.
import type { EventWire } from '../../api/wire';

export interface Filter {
  subject: string | null;
  kind: string | null;
}

export const matches = (event: EventWire, filter: Filter): boolean =>
  (filter.subject === null || event.subject === filter.subject) &&
  (filter.kind === null || event.kind === filter.kind);

/** What can be chosen: everything that occurs, in alphabetical order. */
export const choices = (events: EventWire[], of: 'subject' | 'kind'): string[] =>
  [...new Set(events.map((event) => event[of]))].sort();
