// What came along after transport, a stranger in a broken PC's place, and the way into the dark. See mock.ts.
import type { EndingWire, PlaceWire, ReplacementWire } from '../src/api/wire';
import { iso, type Scene } from './records.ts';

const MAC = '16:09:01:1a:f4:77';

export function placesOf(scene: Scene, t0: number): PlaceWire[] {
  const place = (kind: string, name: string, says: string, change: Partial<PlaceWire> = {}): PlaceWire => ({
    kind,
    name,
    presence: 'present',
    says,
    since: iso(t0 - 60_000),
    losses: 0,
    ...change,
  });
  const gone = scene === 'stranger';
  return [
    ...[1, 2, 3, 4, 5, 6].map((box) =>
      gone && box === 4
        ? place('pc', 'node4', 'nothing was heard since its button was pressed: look whether it is this PC', {
            presence: 'missing',
            losses: 2,
          })
        : place('pc', `node${box}`, 'its link is up'),
    ),
    place('device', 'power', 'it answers'),
    place('device', 'switch', 'it answers'),
    place('device', 'router', 'it answers'),
    place('device', 'display', 'nobody has looked for it yet', { presence: 'unknown' }),
    place('screen', 'screens', 'two are plugged in'),
  ];
}

export const replacementsOf = (scene: Scene, t0: number, taken: boolean): ReplacementWire[] =>
  scene === 'stranger' && !taken
    ? [{ box: 4, machine: 'node4', mac: MAC, code: 'K7-QF', since: iso(t0 - 20_000) }]
    : [];

/** Everything goes off, one PC stays on. */
export const endingOf = (at: number | null, restart: boolean): EndingWire | null =>
  at === null
    ? null
    : {
        ended: Date.now() - at > 3_000,
        host: null,
        left_on: ['PC 4'],
        restart,
        safe: false,
        since: iso(at),
      };
