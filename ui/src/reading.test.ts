import { describe, expect, it } from 'vitest';
import { at, T0 } from './testing';
import { ROUTER_PERIOD_MS, SWITCH_PERIOD_MS, reading, uplinkOf } from './reading';

describe('a reading', () => {
  it.each([
    [-1, SWITCH_PERIOD_MS, 'read 1 s ago', false],
    [-6, SWITCH_PERIOD_MS, 'read 6 s ago', false],
    [-7, SWITCH_PERIOD_MS, '7 s old', true],
    [-18, ROUTER_PERIOD_MS, 'read 18 s ago', false],
    [-240, ROUTER_PERIOD_MS, '4 min old', true],
    [3, ROUTER_PERIOD_MS, 'read 0 s ago', false],
  ])('of %s s, every %s ms: %s', (seconds, period, says, stale) =>
    expect(reading(at(seconds), period, T0)).toEqual({ says, stale }),
  );
});

describe('the way to the world', () => {
  const up = { up: true, interface: 'wan', address: '198.51.100.23', ssid: null, signal: null };

  it('that nobody told of is unknown, not down', () =>
    expect(uplinkOf(null)).toEqual({ state: 'unknown', says: 'unknown' }));
  it('by cable', () => expect(uplinkOf(up)).toEqual({ state: 'up', says: 'up, by wan, 198.51.100.23' }));
  it('by Wi-Fi, without an address', () =>
    expect(uplinkOf({ ...up, up: false, address: null, ssid: 'Fair', signal: -71 })).toEqual({
      state: 'warn',
      says: 'down, by wan, Fair, weak, −71 dBm, no address',
    }));
});
