import { describe, expect, it } from 'vitest';
import type { EndingWire, PlaceWire } from '../../api/wire';
import { darkOf, markOf, summary } from './whole';

const place = (presence: string): PlaceWire => ({
  kind: 'pc',
  name: 'node1',
  presence,
  says: '',
  losses: 0,
  since: null,
});

const ending = (change: Partial<EndingWire>): EndingWire => ({
  restart: false,
  since: '2026-01-01T00:00:00Z',
  ended: true,
  left_on: [],
  safe: true,
  host: null,
  ...change,
});

describe('the lab as a whole', () => {
  it('tells what is missing apart from what nobody knows', () => {
    expect(['present', 'missing', 'unknown'].map((word) => markOf(place(word)))).toEqual([
      'up',
      'fault',
      'unknown',
    ]);
    expect(summary([place('present'), place('missing'), place('unknown')])).toBe(
      '1 present, 1 missing, 1 unknown',
    );
  });

  it('says "safe" only when every PC is off', () => {
    expect(darkOf(null)).toBeNull();
    expect(darkOf(ending({ ended: false, safe: false, left_on: ['node2'] }))?.state).toBe('boot');
    const left = darkOf(ending({ safe: false, left_on: ['node2'] }));
    expect(left?.state).toBe('warn');
    expect(left?.says).toContain('Do not cut the power');
    expect(left?.says).toContain('node2');
    expect(darkOf(ending({}))?.state).toBe('up');
  });
});
