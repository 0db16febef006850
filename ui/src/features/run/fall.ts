// All machines of a run on one time axis, from their boots.
import type { BootWire, FailureWire, RunMachineWire } from '../../api/wire';
import type { FallRow } from '../../components/Waterfall.svelte';
import { axisEnd, elapsed, spans } from '../../domain';
import { measured, time } from '../../format';
import { words } from '../../words';

export interface FallOf {
  rows: FallRow[];
  end: number;
}

interface Entry {
  machine: RunMachineWire;
  boot: BootWire | null;
  /** What the machine's tile says of the phase. */
  says: string | null;
  usual: number | null;
}

/** Time zero is the first begin of a boot; a boot without phases yet is a row without stretches. */
export function fallOf(entries: Entry[], now: number, href: (boot: number) => string): FallOf {
  const begins = entries.flatMap(({ boot }) => (boot === null ? [] : [time(boot.started)]));
  const zero = Math.min(...begins);
  const rows = entries.map((entry) => rowOf(entry, zero, now, href));
  const reached = Math.max(0, ...rows.flatMap((row) => row.segments.map((s) => s.to)));
  const usual = Math.max(
    0,
    ...entries.map(({ boot, usual }) =>
      boot === null || usual === null ? 0 : (time(boot.started) - zero) / 1000 + usual,
    ),
  );
  return { rows, end: axisEnd(Math.max(reached, usual) * 1.25 || 10) };
}

function rowOf(
  { machine, boot, says, usual }: Entry,
  zero: number,
  now: number,
  href: (boot: number) => string,
): FallRow {
  const box = machine.box;
  const label = box === null ? machine.machine : words.pc(box);
  const from = boot === null ? 0 : (time(boot.started) - zero) / 1000;
  const segments =
    boot === null
      ? []
      : spans(boot, now).map((s) => ({ tone: s.tone, from: s.from + from, to: s.to + from }));
  const { text, state } = fateOf(machine.failure, boot, says, now);
  const more = usual === null || boot === null ? '' : `, ${words.run.usual(measured(usual))}`;
  return {
    id: machine.machine,
    label,
    href: boot === null ? null : href(boot.id),
    segments,
    text,
    state,
    says: `${text}${more}`,
  };
}

function fateOf(failure: FailureWire | null, boot: BootWire | null, says: string | null, now: number) {
  if (boot === null) {
    return failure === null ? { text: words.run.waits, state: 'off' } : { text: failure.why, state: 'fault' };
  }
  const phase = boot.phases.at(-1)?.phase ?? 'firmware';
  const word = words.phase[phase] ?? phase;
  // Why is told below in full; beside its bar only how far it came.
  if (failure !== null || boot.state === 'failed') return { text: words.run.failedIn(word), state: 'fault' };
  if (boot.state === 'good') return { text: measured(elapsed(boot, now)), state: 'up' };
  if (boot.state === 'running') return { text: says ?? word, state: 'boot' };
  return { text: boot.reason ?? words.boots.state.abandoned ?? '', state: 'off' };
}
