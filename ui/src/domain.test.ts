import { describe, expect, it } from 'vitest';
import { axisEnd, elapsed, isStale, shelf, spans, stateOf, usualSpans } from './domain';
import { aBoot, aGoodBoot, aMachine, aStatus, at, T0 } from './testing';

describe('the stretches of a boot', () => {
  it('grow with the open phase until the boot ends', () => {
    const [firmware, address] = spans(aBoot(), T0 + 12_000);
    expect(firmware).toMatchObject({ from: 0, to: 9, open: false, tone: 0 });
    expect(address).toMatchObject({ from: 9, to: 12, open: true, tone: 1 });
  });

  it('stop with a boot that failed', () => {
    const boot = aBoot({ state: 'failed', ended: at(30), seconds: 30 });
    expect(spans(boot, T0 + 999_000).at(-1)).toMatchObject({ to: 30, open: false });
  });

  it('are six without gaps after a good boot', () => {
    const all = spans(aGoodBoot(), T0);
    expect(all).toHaveLength(6);
    expect(all.at(-1)?.to).toBe(43);
    all
      .slice(1)
      .forEach((span, i) => expect(span.from, 'each begins where the one before ended').toBe(all[i]?.to));
  });

  it('fall back on wall time where the host restarted meanwhile', () => {
    const boot = aBoot({
      phases: [
        { phase: 'firmware', started: at(0), seconds: null, usual: null, expected: null, marks: [] },
        { phase: 'address', started: at(5), seconds: null, usual: null, expected: null, marks: [] },
      ],
    });
    expect(spans(boot, T0 + 8_000)[0]).toMatchObject({ from: 0, to: 5, open: false });
  });

  it('never take a negative length from clocks that disagree', () => {
    expect(elapsed(aBoot(), T0 - 5_000)).toBe(0);
    expect(spans(aBoot(), T0 - 5_000).every((span) => span.to >= span.from)).toBe(true);
  });
});

describe('the picture read plainly', () => {
  it('calls a state that it does not know unknown', () => {
    expect(stateOf('up')).toBe('up');
    expect(stateOf('sleeping')).toBe('unknown');
  });

  it('is stale only after the patience of that machine', () => {
    const machine = aMachine({ heard: { at: at(0), what: 'heartbeat', patience_ms: 6000 } });
    expect(isStale(machine, T0 + 6_000)).toBe(false);
    expect(isStale(machine, T0 + 6_001)).toBe(true);
    expect(isStale(aMachine(), T0), 'never heard is unknown, not stale').toBe(false);
  });

  it('keeps the shelf, and the place of a box without a machine', () => {
    const rows = shelf(aStatus({ machines: [aMachine({ box: 2 }), aMachine({ box: 1 })] }));
    expect(rows.map((row) => row.map((machine) => machine?.box ?? null))).toEqual([[1, null], [2]]);
  });

  it('lays the usual phases end to end', () =>
    expect(usualSpans([1, 2]).map((s) => [s.from, s.to])).toEqual([
      [0, 1],
      [1, 3],
    ]));

  it('ends axes at round numbers that hold everything', () =>
    expect([0.3, 41, 60, 61, 9_999].map(axisEnd)).toEqual([0.4, 60, 60, 80, 9_999]));
});
