// How the controller itself is, and by what its clock is compared. No markup here.
import type { ClockSourceWire, ClockWire, HealthWire, TroubleWire } from '../../api/wire';
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

/** The troubles of the engine's own judgement, by whose name a figure is in trouble: one fact has one state everywhere. */
const TROUBLES = {
  cpu: 'cpu',
  memory: 'memory',
  disk: 'disk',
  celsius: 'temperature',
  socketDrops: 'sockets',
  backlogDrops: 'sockets',
} as const;

export function figuresOf(health: HealthWire, troubles: TroubleWire[]): Figure[] {
  const used = ratio(health.memory_used, health.memory_total);
  const free = ratio(health.disk_free, health.disk_total);
  const figure = (
    id: keyof typeof TROUBLES | 'softirq',
    value: string | null,
    share: number | null = null,
  ): Figure => {
    if (value === null) return { id, label: say[id], value: words.unknown, share: null, state: 'unknown' };
    const bad = id !== 'softirq' && troubles.some((trouble) => trouble.service === TROUBLES[id]);
    return { id, label: say[id], value, share, state: bad ? 'warn' : 'up' };
  };
  const drops = (n: number | null) => (n === null ? null : say.drops(count(n)));
  const { cpu, softirq, celsius } = health;
  return [
    figure('cpu', cpu === null ? null : percent(cpu), cpu),
    figure('softirq', softirq === null ? null : percent(softirq), softirq),
    figure(
      'memory',
      used === null ? null : say.used(memory(health.memory_used ?? 0), memory(health.memory_total ?? 0)),
      used,
    ),
    figure(
      'disk',
      free === null ? null : say.free(bytes(health.disk_free ?? 0), bytes(health.disk_total ?? 0)),
      free === null ? null : 1 - free,
    ),
    figure('celsius', celsius === null ? null : say.degrees(celsius), share(celsius)),
    figure('socketDrops', drops(health.socket_drops)),
    figure('backlogDrops', drops(health.backlog_drops)),
  ];
}

/** Of 100 °C, at which no mini PC works any more. */
const share = (celsius: number | null): number | null =>
  celsius === null ? null : Math.min(1, Math.max(0, celsius / 100));

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
