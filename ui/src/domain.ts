// Pure readings of the picture that more than one screen needs.
import type { BootWire, MachineWire, RunWire, StatusWire } from './api/wire';
import { time } from './format';
import { words } from './words';

/** The phases of a boot, in the order in which every good one passes them. */
export const PHASES = ['firmware', 'address', 'loader', 'kernel', 'os', 'service'] as const;

/** The six states of the design language. */
export const STATES = ['off', 'boot', 'up', 'warn', 'fault', 'unknown'] as const;
export type State = (typeof STATES)[number];

/** A word from the wire as a state; what this UI does not know is shown as unknown, never as good. */
export const stateOf = (word: string): State => STATES.find((state) => state === word) ?? 'unknown';

/** A stretch of a boot in seconds since its begin. */
export interface Span {
  phase: string;
  /** 0 to 5: place in the ladder of lightness. */
  tone: number;
  from: number;
  to: number;
  /** Still growing. */
  open: boolean;
}

export const toneOf = (phase: string): number => Math.max(0, (PHASES as readonly string[]).indexOf(phase));

/** Seconds since the boot began; stops with its end. */
export function elapsed(boot: BootWire, now: number): number {
  if (boot.seconds !== null) return boot.seconds;
  const end = boot.ended === null ? now : time(boot.ended);
  return Math.max(0, (end - time(boot.started)) / 1000);
}

/** The boot's phases on its own time axis. Lengths come from the engine; only an open phase is drawn up to `now`. */
export function spans(boot: BootWire, now: number): Span[] {
  const total = elapsed(boot, now);
  let from = 0;
  return boot.phases.map((phase, i) => {
    const last = i === boot.phases.length - 1;
    const length = phase.seconds ?? (last ? total - from : gapTo(phase.started, boot.phases[i + 1]?.started));
    const span = {
      phase: phase.phase,
      tone: toneOf(phase.phase),
      from,
      to: from + Math.max(0, length),
      open: false,
    };
    span.open = last && phase.seconds === null && boot.state === 'running';
    from = span.to;
    return span;
  });
}

const gapTo = (a: string, b: string | undefined): number =>
  b === undefined ? 0 : (time(b) - time(a)) / 1000;

/** The usual boot as spans, for comparison. */
export function usualSpans(phases: number[]): Span[] {
  let from = 0;
  return phases.map((length, tone) => {
    const span = { phase: PHASES[tone] ?? '', tone, from, to: from + length, open: false };
    from = span.to;
    return span;
  });
}

/** Each is parted into four without fractions to speak of. */
const STEPS = [
  0.4, 0.8, 1.2, 1.6, 2, 3, 4, 6, 8, 10, 12, 16, 20, 30, 40, 60, 80, 120, 160, 200, 240, 320, 400, 600, 1200,
  2400, 3600,
];

/** The end of an axis that holds `seconds`: a round number, so that it rarely changes. */
export const axisEnd = (seconds: number): number => STEPS.find((step) => step >= seconds) ?? seconds;

export const isOver = (run: RunWire): boolean => !['running', 'cancelling'].includes(run.state);

/** The run that is under way. */
export const liveRun = (status: StatusWire): RunWire | null =>
  status.run !== null && !isOver(status.run) ? status.run : null;

export const runSeconds = (run: RunWire, now: number): number =>
  run.seconds ?? Math.max(0, ((run.ended === null ? now : time(run.ended)) - time(run.started)) / 1000);

/** Whether a sign of life is older than its own patience. */
export const isStale = (machine: MachineWire, now: number): boolean =>
  machine.heard !== null && now - time(machine.heard.at) > machine.heard.patience_ms;

export const machineNamed = (status: StatusWire, name: string): MachineWire | undefined =>
  status.machines.find((machine) => machine.name === name);

/** Boxes as they stand on the shelf; a box without a machine leaves its place free. */
export const shelf = (status: StatusWire): (MachineWire | null)[][] =>
  status.board.shelf.map((row) => row.map((box) => status.machines.find((m) => m.box === box) ?? null));

/** A device as people call it; the control of a machine's own is named after its box. */
export function deviceName(status: StatusWire, name: string): string {
  const own = /^power (.+)$/.exec(name)?.[1];
  if (own !== undefined) {
    const machine = machineNamed(status, own);
    return words.gear.ofPc(machine === undefined ? own : words.pc(machine.box));
  }
  if (name === 'power' && status.board.kind === 'virtual') return words.gear.virtual;
  return words.device[name] ?? name;
}

/** Why nothing of this board may be switched from here. */
export const watched = (status: StatusWire): string | null =>
  status.board.watch_only ? words.watchOnly : null;
