// What more than one screen tells of streams, certificates and the clock. No markup here.
import type { CertificateWire, CertificatesWire, ClockWire, StreamWire } from './api/wire';
import type { State } from './domain';
import { age, rate, sentence, span, time } from './format';
import { words } from './words';

/** The inputs of log records by their names (lab::stream); whatever else keeps coming is a watcher of ours. */
const LOGS = ['collector', 'otlp', 'syslog-udp', 'syslog-tcp', 'talos', 'boot-log', 'statusinator'];

/** One fact for the header: mark, words, and the whole sentence for who listens. */
export interface Lamp {
  state: State;
  says: string;
  whole: string;
}

export const isLog = (stream: StreamWire): boolean => LOGS.includes(stream.name);

/** Log records a second over all inputs; `null` while nobody knows. */
export function logRate(streams: StreamWire[]): number | null {
  const known = streams.filter((stream) => isLog(stream) && stream.rate !== null);
  return known.length === 0 ? null : known.reduce((sum, stream) => sum + (stream.rate ?? 0), 0);
}

/** Streams that are silent, the one that has been so for longest first. */
export const silentOf = (streams: StreamWire[]): StreamWire[] =>
  streams
    .filter((stream) => stream.silence !== null)
    .sort((a, b) => sinceOf(a) - sinceOf(b) || a.name.localeCompare(b.name));

const startOf = (stream: StreamWire): string | null => stream.silence?.since ?? null;

function sinceOf(stream: StreamWire): number {
  const start = startOf(stream);
  return start === null ? -Infinity : time(start);
}

/** For how long it has been silent; `null` when it never said anything. */
export function silentFor(stream: StreamWire, now: number): string | null {
  const start = startOf(stream);
  return start === null ? null : age(now - time(start));
}

/** What the logs do; `null` on a board without any. */
export function logLamp(streams: StreamWire[], now: number): Lamp | null {
  const logs = streams.filter(isLog);
  if (logs.length === 0) return null;
  const worst = silentOf(logs)[0];
  if (worst !== undefined) {
    const old = silentFor(worst, now);
    const says = old === null ? words.logs.silentNow : words.logs.silent(old);
    return { state: 'warn', says, whole: words.logs.banner(streamName(worst), old) };
  }
  const failed = logs.find((stream) => stream.failure !== null);
  if (failed?.failure) {
    const whole = `${streamName(failed)}: ${words.logs.failed}, ${failed.failure.why}`;
    return { state: 'warn', says: words.logs.failed, whole };
  }
  const sum = logRate(streams);
  if (sum === null) return { state: 'unknown', says: '–', whole: words.logs.unknown };
  return { state: 'up', says: rate(sum), whole: words.logs.rate(rate(sum)) };
}

/** A stream as people call it; where it is read stands on Signals. */
export const streamName = (stream: StreamWire): string =>
  words.logs.names[stream.name] ?? sentence(stream.title);

export interface Silent {
  says: string;
  cause: string;
  remedy: string;
  /** How many others are silent as well. */
  more: number;
}

const ended = (text: string) => (text === '' || /[.!?]$/.test(text) ? text : `${text}.`);

/** The banner's sentence: which stream, since when, why probably, what to do. */
export function silentBanner(streams: StreamWire[], now: number): Silent | null {
  const silent = silentOf(streams);
  const worst = silent[0];
  const failure = worst?.silence?.failure;
  if (worst === undefined || failure === undefined) return null;
  return {
    says: words.logs.banner(streamName(worst), silentFor(worst, now)),
    cause: failure.why,
    remedy: ended(failure.remedy),
    more: silent.length - 1,
  };
}

/** Whether dates may be judged by the clock. Unknown is not wrong: nothing has compared it yet. */
export const believed = (clock: ClockWire | null): boolean =>
  clock === null || clock.trust === 'good' || clock.trust === 'unconfirmed';

/** What is wrong with the clock, in few words; `null` when nothing is. */
export function clockTrouble(clock: ClockWire | null): string | null {
  if (clock === null || believed(clock)) return null;
  if (clock.ahead === null || clock.ahead === 0) return words.time.off;
  const by = age(Math.abs(clock.ahead) * 1000);
  return clock.ahead < 0 ? words.time.behind(by) : words.time.ahead(by);
}

/** The wall time's trust for who listens. */
export function clockTrust(clock: ClockWire | null): string {
  if (clock === null || clock.trust === 'unconfirmed') return words.time.unconfirmed;
  return believed(clock) ? words.time.believed : words.time.wrong(clock.says);
}

const BROKEN = ['expired', 'unusable', 'chain-broken', 'wrong-name', 'not-yet-valid'];

/** A certificate's word as one of the six states; a word that this UI does not know is never good. */
export function certificateState({ state }: CertificateWire): State {
  if (state === 'good') return 'up';
  if (state === 'late') return 'warn';
  return BROKEN.includes(state) ? 'fault' : 'unknown';
}

/** The worst state, then the soonest date; `null` on a board without certificates. */
export function certificateLamp(certificates: CertificatesWire | null, now: number): Lamp | null {
  const worst = certificates?.worst ?? null;
  if (certificates === null || worst === null) return null;
  const say = words.certificates.header;
  const state = certificateState(worst);
  const end = worst.not_after === null ? null : time(worst.not_after);
  if (state !== 'up') {
    const says = say.one(certificates.worst_count, worst.word);
    // A date that is not judged is not told as one.
    const left = state === 'unknown' || end === null || end <= now ? '' : ` · ${brief(end - now)}`;
    return { state, says: `${says}${left}`, whole: `${says}: ${worst.name}, ${worst.says}` };
  }
  if (end === null) return { state, says: say.good, whole: say.good };
  return { state, says: say.left(brief(end - now)), whole: say.soonest(span(end - now)) };
}

/** The header is narrow; the list of certificates has the minutes. */
const brief = (ms: number): string => (ms < 172_800_000 ? age(ms) : span(ms));
