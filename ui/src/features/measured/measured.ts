// Measured boots beside each other: one row for each way of one machine in one measurement. No markup here.
import type { MeasuredWire } from '../../api/wire';
import { time } from '../../format';

/** A figure with what it rests on, in seconds. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

export interface Row {
  key: string;
  measurement: number;
  machine: string;
  way: string;
  /** Boots that arrived, of all that were measured. */
  good: number;
  all: number;
  whole: Spread | null;
  network: Spread | null;
  /** Medians against those of the owner's way in the same measurement; `null` where that was not measured. */
  ratio: { whole: number | null; network: number | null } | null;
  /** When its last boot was kept, in milliseconds. */
  at: number;
}

/** The way in which the board booted before this program; all others are told against it. */
const OWNER = 'owner';

export function rowsOf(measured: MeasuredWire[]): Row[] {
  const groups = new Map<string, MeasuredWire[]>();
  for (const one of measured) {
    const key = `${one.measurement} ${one.machine} ${one.way}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const rows = [...groups].flatMap(([key, boots]) => rowOf(key, boots) ?? []);
  // Newest measurement first, and within one the ways in the order in which they were tried.
  const newest = new Map<string, number>();
  for (const row of rows) newest.set(of(row), Math.max(row.at, newest.get(of(row)) ?? 0));
  rows.sort((a, b) => (newest.get(of(b)) ?? 0) - (newest.get(of(a)) ?? 0));
  return rows.map((row) => ({ ...row, ratio: against(row, rows) }));
}

const of = (row: { measurement: number; machine: string }) => `${row.measurement} ${row.machine}`;

function rowOf(key: string, boots: MeasuredWire[]): Row | null {
  const [first] = boots;
  if (first === undefined) return null;
  const figures = (pick: (boot: MeasuredWire) => number | null) =>
    spread(boots.map(pick).filter((figure) => figure !== null));
  return {
    key,
    measurement: first.measurement,
    machine: first.machine,
    way: first.way,
    good: boots.filter((boot) => boot.whole_s !== null).length,
    all: boots.length,
    whole: figures((boot) => boot.whole_s),
    network: figures((boot) => boot.network_s),
    ratio: null,
    at: Math.max(...boots.map((boot) => time(boot.at))),
  };
}

function spread(figures: number[]): Spread | null {
  const sorted = [...figures].sort((a, b) => a - b);
  const [low, high] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined) return null;
  const [lower, upper] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return { median: ((lower ?? low) + (upper ?? high)) / 2, low, high };
}

function against(row: Row, rows: Row[]): Row['ratio'] {
  const owner = rows.find((other) => of(other) === of(row) && other.way === OWNER);
  if (owner === undefined || row.way === OWNER) return null;
  const part = (now: Spread | null, base: Spread | null) =>
    now === null || base === null || base.median <= 0 ? null : now.median / base.median;
  return { whole: part(row.whole, owner.whole), network: part(row.network, owner.network) };
}
