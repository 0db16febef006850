// The made-up board's run, in each state. See mock.ts.
import type { MachineWire, RunWire } from '../src/api/wire';
import { iso, type Scene } from './records.ts';

export function runOf(
  scene: Scene,
  t0: number,
  startedAt: number | null,
  cancelled: number | null,
  machines: MachineWire[],
): RunWire | null {
  if (['empty', 'idle', 'fault', 'refuse'].includes(scene) && startedAt === null) return null;
  const over = ['done', 'failed', 'normal', 'booting', 'gear', 'watch'].includes(scene);
  const begun = scene === 'run' ? t0 - 28_000 : over ? t0 - 90_000 : (startedAt ?? t0);
  const good = machines.filter((m) => m.boot?.state === 'good').length;
  const failed = scene === 'failed';
  const state = cancelled !== null ? 'cancelling' : failed ? 'failed' : over ? 'done' : 'running';
  const step = (
    id: string,
    words: string,
    tells: string,
    state: string,
    seconds: number | null,
    at: number | null,
    done: number,
    total: number,
  ) => ({
    id,
    words,
    tells,
    state,
    started: at === null ? null : iso(begun + at * 1000),
    seconds,
    limit_s: 240,
    done,
    failed: 0,
    total,
    undo: null,
  });
  const w = (s: string) => (over ? 'done' : s);
  return {
    run: 31,
    lab: 'rehearsal',
    title: 'Rehearsal',
    state,
    reason: failed
      ? 'PC 6 did not boot'
      : over
        ? 'every PC reported'
        : cancelled === null
          ? null
          : 'held on the page of the run',
    actor: 'kiosk',
    started: iso(begun),
    ended: over ? iso(begun + 57_300) : null,
    seconds: over ? 57.3 : null,
    usual_seconds: scene === 'failed' ? null : 58.2,
    step: over ? (failed ? 'boot' : null) : 'boot',
    machines: machines.map((m) => ({
      machine: m.name,
      box: m.box,
      state: failed && m.box === 6 ? 'failed' : over ? 'done' : 'running',
      boot: m.boot?.id ?? null,
      facts: null,
      failure:
        failed && m.box === 6
          ? {
              code: 'boot-failed',
              what: 'boot PC 6',
              why: 'no DHCP packet within 35 s after the press',
              remedy: 'Look at its screen: put the network first in its boot order.',
            }
          : null,
    })),
    steps: [
      step('check', 'check', 'The engine looks whether everything it needs is there.', 'done', 0.21, 0, 1, 1),
      step(
        'power-up',
        'power up',
        'Each power button is pressed, one after the other.',
        'done',
        4.6,
        0.3,
        6,
        6,
      ),
      {
        ...step(
          'boot',
          'boot',
          'Each PC asks for an address, fetches a kernel and a small system over the network and starts them in memory. No disk is touched.',
          failed ? 'failed' : w('running'),
          over ? 46.2 : null,
          1,
          failed ? 5 : over ? 6 : good,
          6,
        ),
        failed: failed ? 1 : 0,
      },
      step(
        'report',
        'report',
        'Each PC says what it consists of.',
        failed ? 'done' : w('waiting'),
        over ? 2.1 : null,
        over ? 47 : null,
        over ? (failed ? 5 : 6) : 0,
        6,
      ),
      step(
        'power-down',
        'power down',
        'Each PC is told to switch itself off.',
        failed ? 'done' : w('waiting'),
        over ? 6.4 : null,
        over ? 50 : null,
        over ? 6 : 0,
        6,
      ),
    ],
    tasks: [],
  };
}
