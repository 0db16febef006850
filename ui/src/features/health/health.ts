// How the controller itself is, and by what its clock is compared. No markup here.
import type { ClockSourceWire, ClockWire, HealthWire } from '../../api/wire';
import type { State } from '../../domain';
import { age, bytes, count, measured, memory, percent, sentence, time } from '../../format';
import { words } from '../../words';

const say = words.health;

/** It is read about each second. */
export const HEALTH_PERIOD_MS = 1_000;

/** One figure: its share of what is possible, 0 to 1, where there is such a thing. */
export interface Figure {
  id: string;
  label: string;
  state: State;
  value: string;
  share: number | null;
}

// From where on a figure is no longer usual. A mini PC's processor slows itself down from about 90 °C.
const CPU_FULL = 0.95;
const MEMORY_FULL = 0.92;
const DISK_LOW = 0.05;
const DISK_NONE = 0.01;
const WARM_C = 80;
const HOT_C = 90;
/** One of four processors that does nothing but network interrupts. */
const SOFTIRQ_FULL = 0.25;

export function figuresOf(health: HealthWire): Figure[] {
  const used = ratio(health.memory_used, health.memory_total);
  const free = ratio(health.disk_free, health.disk_total);
  const figure = (
    id: string,
    label: string,
    value: string | null,
    share: number | null,
    state: State,
  ): Figure =>
    value === null
      ? { id, label, value: words.unknown, share: null, state: 'unknown' }
      : { id, label, value, share, state };
  const drops = (id: string, label: string, n: number | null) =>
    figure(id, label, n === null ? null : say.drops(count(n)), null, (n ?? 0) > 0 ? 'warn' : 'up');
  const { cpu, softirq, celsius } = health;
  return [
    figure('cpu', say.cpu, cpu === null ? null : percent(cpu), cpu, (cpu ?? 0) >= CPU_FULL ? 'warn' : 'up'),
    figure(
      'softirq',
      say.softirq,
      softirq === null ? null : percent(softirq),
      softirq,
      (softirq ?? 0) >= SOFTIRQ_FULL ? 'warn' : 'up',
    ),
    figure(
      'memory',
      say.memory,
      used === null ? null : say.used(memory(health.memory_used ?? 0), memory(health.memory_total ?? 0)),
      used,
      (used ?? 0) >= MEMORY_FULL ? 'warn' : 'up',
    ),
    figure(
      'disk',
      say.disk,
      free === null ? null : say.free(bytes(health.disk_free ?? 0), bytes(health.disk_total ?? 0)),
      free === null ? null : 1 - free,
      (free ?? 1) < DISK_NONE ? 'fault' : (free ?? 1) < DISK_LOW ? 'warn' : 'up',
    ),
    figure(
      'celsius',
      say.celsius,
      celsius === null ? null : say.degrees(celsius),
      celsius === null ? null : Math.min(1, Math.max(0, celsius / 100)),
      (celsius ?? 0) >= HOT_C ? 'fault' : (celsius ?? 0) >= WARM_C ? 'warn' : 'up',
    ),
    drops('socket-drops', say.socketDrops, health.socket_drops),
    drops('backlog-drops', say.backlogDrops, health.backlog_drops),
  ];
}

const ratio = (part: number | null, whole: number | null): number | null =>
  part === null || whole === null || whole === 0 ? null : part / whole;

/** How old the look is, and whether it is too old to be taken for the present. */
export function ageOf(at: string, now: number): { says: string; stale: boolean } {
  const old = Math.max(0, now - time(at));
  const stale = old > 3 * HEALTH_PERIOD_MS + 1_000;
  return { says: stale ? say.old(age(old)) : say.read(age(old)), stale };
}

const TRUST: Record<string, State> = { good: 'up', unconfirmed: 'unknown', off: 'fault', behind: 'fault' };

export interface Trust {
  state: State;
  word: string;
  says: string;
  remedy: string | null;
}

export function trustOf(clock: ClockWire): Trust {
  return {
    state: TRUST[clock.trust] ?? 'unknown',
    word: words.time.trust[clock.trust] ?? clock.trust,
    says: sentence(clock.says),
    remedy: clock.remedy === '' ? null : `${sentence(clock.remedy)}.`,
  };
}

/** Nearer than this, two clocks are in step: a second is what the owner's certificates tolerate. */
const IN_STEP_S = 1;

/** These only say that time is not before something. */
const FLOORS = ['store', 'certificate', 'build'];

/** What one source says of our clock. */
export function sourceOf(source: ClockSourceWire): { name: string; says: string } {
  const kind = words.time.sources[source.source] ?? source.source;
  const floor = FLOORS.includes(source.source);
  const synced = source.synced === null || source.says !== '' ? null : words.time.synced(source.synced);
  const parts = [synced, comparedWith(source.ahead, floor), source.says];
  return {
    name: floor || source.name === kind ? kind : `${source.name} (${kind})`,
    says: parts.filter((part) => part !== null && part !== '').join(', '),
  };
}

function comparedWith(ahead: number | null, floor: boolean): string {
  if (ahead === null) return words.time.noComparison;
  if (floor && ahead >= 0) return words.time.after;
  if (Math.abs(ahead) < IN_STEP_S) return words.time.same;
  return words.time.offset(apart(Math.abs(ahead)), ahead > 0);
}

const apart = (seconds: number): string => (seconds < 100 ? measured(seconds) : age(seconds * 1000));
