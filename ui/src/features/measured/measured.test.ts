import { describe, expect, it } from 'vitest';
import type { MeasuredWire } from '../../api/wire';
import { at } from '../../testing';
import { rowsOf } from './measured';

let minutes = 0;
const boot = (change: Partial<MeasuredWire>): MeasuredWire => ({
  measurement: 40,
  machine: 'node1',
  boot: 7,
  way: 'ipxe',
  network_s: 10,
  whole_s: 40,
  at: at((minutes += 60)),
  ...change,
});

describe('measured boots', () => {
  it('are nothing when nothing was measured', () => expect(rowsOf([])).toEqual([]));

  it('of one way are one row, with the median and both ends', () => {
    const rows = rowsOf([40, 44, 41].map((whole_s) => boot({ whole_s })));
    expect(rows).toMatchObject([{ good: 3, all: 3, whole: { median: 41, low: 40, high: 44 }, ratio: null }]);
    expect(rowsOf([40, 44].map((whole_s) => boot({ whole_s })))[0]?.whole?.median).toBe(42);
  });

  it('that did not arrive are counted and give no figure', () => {
    const lost = { whole_s: null, network_s: null };
    expect(rowsOf([boot({}), boot(lost)])).toMatchObject([{ good: 1, all: 2, whole: { median: 40 } }]);
    expect(rowsOf([boot(lost)])).toMatchObject([{ good: 0, all: 1, whole: null, network: null }]);
  });

  it('stand against the owner’s way of the same measurement and machine, and against no other', () => {
    const rows = rowsOf([
      boot({ way: 'owner', network_s: 20, whole_s: 80 }),
      boot({ way: 'ipxe', network_s: 10, whole_s: 40 }),
      boot({ way: 'http', network_s: null, whole_s: null }),
      boot({ way: 'ipxe', machine: 'node2' }),
    ]);
    const ratios = rows.map((row) => [row.machine, row.way, row.ratio]);
    expect(ratios).toEqual([
      ['node2', 'ipxe', null],
      ['node1', 'owner', null],
      ['node1', 'ipxe', { whole: 0.5, network: 0.5 }],
      ['node1', 'http', { whole: null, network: null }],
    ]);
  });

  it('have the newest measurement first, its ways in the order in which they were tried', () => {
    const rows = rowsOf([
      boot({ measurement: 40, way: 'owner' }),
      boot({ measurement: 52, way: 'owner' }),
      boot({ measurement: 52, way: 'http' }),
      boot({ measurement: 52, way: 'owner' }),
    ]);
    expect(rows.map((row) => [row.measurement, row.way, row.all])).toEqual([
      [52, 'owner', 2],
      [52, 'http', 1],
      [40, 'owner', 1],
    ]);
  });
});
