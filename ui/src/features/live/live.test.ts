import { describe, expect, it } from 'vitest';
import type { EventWire } from '../../api/wire';
import { aRecord, at } from '../../testing';
import { LOOKS, curves, happenings, withLook } from './live';

const event = (seq: number, seconds: number, kind = 'marked'): EventWire => ({
  seq,
  at: at(seconds),
  mono_us: 0,
  host_boot: 'b',
  run: null,
  boot: null,
  actor: 'engine',
  reason: null,
  subject: 'node1',
  kind,
  says: `event ${seq}`,
  data: {},
  schema: 1,
});
const nameOf = (subject: string) => subject.replace('node', 'PC ');

describe('the curve', () => {
  it('keeps two minutes', () => {
    const looks = Array.from({ length: LOOKS + 9 }, (_, i) => i).reduce<(number | null)[]>(withLook, []);
    expect([looks.length, looks[0], looks.at(-1)]).toEqual([LOOKS, 9, LOOKS + 8]);
  });
  it('ends at the right edge and leaves out what nobody knew', () => {
    const [first, second, ...rest] = curves([2, 4, null, 4], 119, 44);
    expect(rest).toEqual([]);
    expect(first?.map(([x]) => x)).toEqual([116, 117]);
    expect(second?.[0]?.[0]).toBe(119);
    expect(second?.[0]?.[1], 'a tenth of room above the highest').toBeCloseTo(4);
    expect(first?.[0]?.[1]).toBeCloseTo(24);
  });
  it('of silence lies on the ground', () => expect(curves([0], 119, 44)).toEqual([[[119, 44]]]));
});

describe('what just happened', () => {
  it('is one list of events and records, the newest first, with the names of the shelf', () => {
    const list = happenings([event(2, 5), event(1, 1)], [aRecord({ id: 7, seen: at(3) })], nameOf, 5);
    expect(list.map((one) => [one.key, one.about])).toEqual([
      ['event 2', 'PC 1'],
      ['record 7', 'PC 1'],
      ['event 1', 'PC 1'],
    ]);
  });
  it('marks what is grave', () => {
    const records = ['error', 'warning', 'notice'].map((level, i) => aRecord({ id: i, level, seen: at(-i) }));
    expect(happenings([event(1, 9, 'device-lost')], records, nameOf, 9).map((one) => one.tone)).toEqual([
      'warn',
      'fault',
      'warn',
      'faint',
    ]);
  });
  it('has no more than finds room, and our own log only once', () => {
    const own = aRecord({ id: 9, stream: 'statusinator', seen: at(99) });
    const list = happenings([event(3, 5), event(2, 4), event(1, 3)], [own], nameOf, 2);
    expect(list.map((one) => one.key)).toEqual(['event 3', 'event 2']);
  });
});
