// What the second screen tells: the rate as a curve, and what happened last. No markup here.
import type { EventWire, RecordWire } from '../../api/wire';
import { time } from '../../format';

/** Two minutes, one look a second. */
export const LOOKS = 120;

/** The newest last; `null` where nobody knew. */
export const withLook = (looks: (number | null)[], look: number | null): (number | null)[] =>
  [...looks, look].slice(-LOOKS);

/** Stretches of the curve without gaps, in a box of `width` by `height`; the newest at the right edge. */
export function curves(looks: (number | null)[], width: number, height: number): [number, number][][] {
  const top = Math.max(1, ...looks.map((look) => look ?? 0)) * 1.1;
  const list: [number, number][][] = [];
  let open = false;
  looks.forEach((look, i) => {
    if (look === null) {
      open = false;
      return;
    }
    const x = width - ((looks.length - 1 - i) / (LOOKS - 1)) * width;
    const point: [number, number] = [x, height - (look / top) * height];
    if (open) list[list.length - 1]?.push(point);
    else list.push([point]);
    open = true;
  });
  return list;
}

export interface Happening {
  key: string;
  at: number;
  about: string;
  says: string;
  tone: 'fault' | 'warn' | 'plain' | 'faint';
}

const GRAVE = ['emergency', 'alert', 'critical', 'error'];
const GRAVE_KINDS = /-(failed|lost|refused|silent)$/;

const ofEvent = (event: EventWire, nameOf: (subject: string) => string): Happening => ({
  key: `event ${event.seq}`,
  at: time(event.at),
  about: nameOf(event.subject),
  says: event.says,
  tone: GRAVE_KINDS.test(event.kind) ? 'warn' : 'plain',
});

const ofRecord = (record: RecordWire, nameOf: (subject: string) => string): Happening => ({
  key: `record ${record.id}`,
  at: time(record.seen),
  about: nameOf(record.node),
  says: record.message,
  tone: GRAVE.includes(record.level) ? 'fault' : record.level === 'warning' ? 'warn' : 'faint',
});

/** Our own log says what our events say. */
const OWN = 'statusinator';

/** Events and log records as one list, the newest first. */
export function happenings(
  events: EventWire[],
  records: RecordWire[],
  nameOf: (subject: string) => string,
  most: number,
): Happening[] {
  return [
    ...events.slice(0, most).map((event) => ofEvent(event, nameOf)),
    ...records
      .filter((record) => record.stream !== OWN)
      .slice(0, most)
      .map((record) => ofRecord(record, nameOf)),
  ]
    .sort((a, b) => b.at - a.at)
    .slice(0, most);
}
