// The filter of the live records, and what the list and its foot say. No markup here.
import type { RecordWire, StreamWire } from '../../api/wire';
import type { State } from '../../domain';
import { age, clockFine, count, rate, time } from '../../format';
import { isLog } from '../../signals';
import { words } from '../../words';

const say = words.signals;

/** The worst first, as syslog has them (RFC 5424, section 6.2.1). */
export const LEVELS = [
  'emergency',
  'alert',
  'critical',
  'error',
  'warning',
  'notice',
  'info',
  'debug',
] as const;

/** A level as a mark: the grave ones as states, the others as shapes of their own. */
export type Mark = State | 'notice' | 'info' | 'debug';

export function markOf(level: string): Mark {
  const rank = (LEVELS as readonly string[]).indexOf(level);
  if (rank < 0) return 'unknown';
  if (rank <= LEVELS.indexOf('error')) return 'fault';
  return level === 'warning' ? 'warn' : (level as Mark);
}

/** What the address of the page says about the filter, as the engine wants it. */
export const FILTERS = ['node', 'service', 'stream', 'level', 'grep'] as const;
export type Filter = (typeof FILTERS)[number];

export function queryOf(place: URLSearchParams): string {
  const query = new URLSearchParams();
  for (const key of FILTERS) {
    const value = place.get(key)?.trim() ?? '';
    if (value !== '') query.set(key, value);
  }
  return query.toString();
}

/** When it was: what it says itself, or when it was read. */
export const momentOf = (record: RecordWire): string => clockFine(time(record.time ?? record.seen));

/** Machine and service, as far as it says them. */
export const sourceOf = (record: RecordWire): string =>
  [record.node === '' ? say.unknownNode : record.node, record.service]
    .filter((part) => part !== '')
    .join(' · ');

/** The foot of the list: how old the newest is, how many come, and what was lost on the way. */
export interface Foot {
  newest: string;
  stale: boolean;
  rate: string;
  lost: string[];
}

/** Past three times the longest usual pause nothing is taken for the present. */
export function footOf(streams: StreamWire[], skipped: number, now: number): Foot {
  const logs = streams.filter(isLog);
  const newest = Math.max(
    -Infinity,
    ...logs.map((one) => (one.newest === null ? -Infinity : time(one.newest))),
  );
  const pace = Math.min(Infinity, ...logs.map((one) => one.pace ?? Infinity));
  const known = logs.filter((one) => one.rate !== null);
  const sum = (of: (stream: StreamWire) => number) => logs.reduce((all, one) => all + of(one), 0);
  const [dropped, bad] = [sum((one) => one.dropped), sum((one) => one.bad)];
  return {
    newest: Number.isFinite(newest) ? say.newest(age(now - newest)) : say.neverAny,
    stale: Number.isFinite(newest) && now - newest > 3 * 1000 * Math.max(1, pace),
    rate: known.length === 0 ? say.rateUnknown : rate(sum((one) => one.rate ?? 0)),
    lost: [
      say.dropped(count(dropped)),
      say.bad(count(bad)),
      ...(skipped > 0 ? [say.lagged(count(skipped))] : []),
    ],
  };
}

/** What is wrong first, then the logs, then our own watchers. */
export function inOrder(streams: StreamWire[]): StreamWire[] {
  const rank = (one: StreamWire) => ((one.failure ?? one.silence) !== null ? 0 : isLog(one) ? 1 : 2);
  return [...streams].sort((a, b) => rank(a) - rank(b) || a.title.localeCompare(b.title));
}

/** A stream of the list. */
export interface StreamRow {
  state: State;
  newest: string;
  rate: string;
  pace: string;
  /** What is wrong and what to do; `null` when nothing is. */
  wrong: { why: string; remedy: string } | null;
}

export function streamRow(stream: StreamWire, now: number): StreamRow {
  const failure = stream.failure ?? stream.silence?.failure ?? null;
  const state: State =
    stream.failure !== null
      ? 'fault'
      : stream.silence !== null
        ? 'warn'
        : stream.newest === null
          ? 'unknown'
          : 'up';
  return {
    state,
    newest: stream.newest === null ? say.never : say.ago(age(now - time(stream.newest))),
    rate: stream.rate === null ? '–' : rate(stream.rate),
    pace: stream.pace === null ? say.learning : say.pace(paceOf(stream.pace)),
    wrong:
      failure === null
        ? null
        : {
            // What failed is plain where something fell silent; where it could not begin it is not.
            why: stream.failure === null ? failure.why : `${failure.what}: ${failure.why}`,
            remedy: failure.remedy,
          },
  };
}

const paceOf = (seconds: number): string =>
  seconds < 9.95 ? `${seconds.toFixed(1)} s` : age(Math.round(seconds) * 1000);
