import { describe, expect, it } from 'vitest';
import type { RunMachineWire } from '../../api/wire';
import { aBoot, aGoodBoot, at, T0 } from '../../testing';
import { fallOf } from './fall';

const machine = (change: Partial<RunMachineWire> = {}): RunMachineWire => ({
  machine: 'node1',
  box: 1,
  state: 'running',
  boot: 7,
  facts: null,
  failure: null,
  ...change,
});
const href = (boot: number) => `#${boot}`;
const failure = { code: 'timed-out', what: 'boot node1', why: 'nothing was heard', remedy: 'look' };

describe('the boots of a run on one axis', () => {
  it('begin at the first of them', () => {
    const { rows, end } = fallOf(
      [
        { machine: machine(), boot: aGoodBoot(), says: null, usual: null },
        {
          machine: machine({ machine: 'node2', box: 2 }),
          boot: aBoot({ started: at(5) }),
          says: 'asks',
          usual: null,
        },
      ],
      T0 + 20_000,
      href,
    );
    expect(rows.map((row) => row.segments[0]?.from)).toEqual([0, 5]);
    expect(rows.map((row) => [row.label, row.text, row.state, row.href])).toEqual([
      ['PC 1', '43 s', 'up', '#7'],
      ['PC 2', 'asks', 'boot', '#7'],
    ]);
    expect(end).toBeGreaterThan(43);
  });

  it('have room for what is usual before it is reached', () =>
    expect(
      fallOf([{ machine: machine(), boot: aBoot(), says: null, usual: 80 }], T0 + 1_000, href).end,
    ).toBeGreaterThan(80));

  it('wait in words before they exist', () => {
    const { rows, end } = fallOf(
      [{ machine: machine({ boot: null }), boot: null, says: null, usual: null }],
      T0,
      href,
    );
    expect(rows[0]).toMatchObject({ text: 'waits', state: 'off', segments: [], href: null });
    expect(Number.isFinite(end)).toBe(true);
  });

  it('say how far a failed one came', () => {
    const failed = aBoot({ state: 'failed', seconds: 30, ended: at(30) });
    const { rows } = fallOf(
      [{ machine: machine({ failure }), boot: failed, says: null, usual: null }],
      T0,
      href,
    );
    expect(rows[0]).toMatchObject({ text: 'failed in address', state: 'fault' });
  });

  it('say why there is none', () => {
    const { rows } = fallOf(
      [{ machine: machine({ failure, boot: null }), boot: null, says: null, usual: null }],
      T0,
      href,
    );
    expect(rows[0]).toMatchObject({ text: 'nothing was heard', state: 'fault' });
  });
});
