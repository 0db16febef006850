// What the list of certificates says, read from its wire form. No markup here.
import type { CertificateWire, CertificatesWire, ClockWire, GateWire } from '../../api/wire';
import type { State } from '../../domain';
import { age, date, dated, measured, sentence, span, time } from '../../format';
import { believed, certificateState } from '../../signals';
import { words } from '../../words';

const say = words.certificates;

/** What stands above the list: how many are good, or that nobody can say; then everything that is not in order. */
export interface Headline {
  first: string;
  rest: string[];
  /** What to do about the clock, before any certificate is looked at; `null` while it is believed. */
  clock: string | null;
}

export function headline(certificates: CertificatesWire, clock: ClockWire | null, now: number): Headline {
  const rest: string[] = [];
  const counts = new Map<string, number>();
  for (const one of certificates.list)
    if (one.state !== 'good') counts.set(one.word, (counts.get(one.word) ?? 0) + 1);
  const worstFirst = [...counts].sort(([a], [b]) => rank(certificates, b) - rank(certificates, a));
  for (const [word, n] of worstFirst) rest.push(`${n} ${word}`);
  if (certificates.ca_failure !== null) {
    const since = certificates.ca_silent_since;
    rest.push(say.caSilent(certificates.ca, since === null ? null : age(now - time(since))));
  }
  if (clock !== null && !believed(clock))
    return { first: words.time.inStep(clock.says), rest, clock: say.clockFirst(clock.remedy) };
  if (clock?.trust === 'good') rest.push(words.time.inStep(clock.says));
  else if (clock !== null) rest.push(words.time.notConfirmed);
  return { first: say.of(certificates.good, certificates.list.length), rest, clock: null };
}

const STATES = [
  'good',
  'unknown',
  'late',
  'not-yet-valid',
  'wrong-name',
  'chain-broken',
  'unusable',
  'expired',
];
const rank = (certificates: CertificatesWire, word: string): number =>
  STATES.indexOf(certificates.list.find((one) => one.word === word)?.state ?? '');

/** One certificate of the list. */
export interface Row {
  state: State;
  /** What is left of its life, 0 to 1; `null` where that is not known or not judged. */
  left: number | null;
  /** What comes next, or what is wrong. */
  next: string;
  /** The right end of the row. */
  ends: string;
}

export function rowOf(one: CertificateWire, now: number): Row {
  const state = certificateState(one);
  return { state, left: leftOf(one, now), next: nextOf(one, now), ends: endsOf(one, now) };
}

function leftOf(one: CertificateWire, now: number): number | null {
  if (one.not_before === null || one.not_after === null || one.state === 'unknown') return null;
  const [from, to] = [time(one.not_before), time(one.not_after)];
  if (one.state === 'not-yet-valid' || to <= from) return null;
  return Math.min(1, Math.max(0, (to - now) / (to - from)));
}

function nextOf(one: CertificateWire, now: number): string {
  const why = one.renewal_failure?.why ?? null;
  const next = one.renewal_next === null ? null : date(time(one.renewal_next), now);
  if (one.state === 'late' && one.due !== null) return say.late(age(now - time(one.due)), why, next);
  if (!one.ours && one.state !== 'good' && one.state !== 'unknown' && one.note !== null) return one.note;
  if (why !== null && one.ours && one.state !== 'unknown') return say.renewalFailed(why, next);
  if (one.state !== 'good') return one.says;
  if (one.due !== null) return say.due(one.says, date(time(one.due), now));
  // Nothing to add to a state that stands there already.
  return one.says === one.word ? '' : one.says;
}

function endsOf(one: CertificateWire, now: number): string {
  const end = one.not_after === null ? null : time(one.not_after);
  if (one.state === 'expired' && end !== null) return say.expired(age(now - end));
  if (one.state === 'not-yet-valid' && one.not_before !== null)
    return say.validIn(span(time(one.not_before) - now));
  if ((one.state === 'good' || one.state === 'late') && end !== null) return span(end - now);
  return one.word;
}

/** Those that are not in order first, where not all find room; else as the board file has them. */
export function pagesOf(list: CertificateWire[], size: number): CertificateWire[][] {
  if (list.length <= size) return [list];
  const bad = list.filter((one) => one.state !== 'good');
  const all = [...bad, ...list.filter((one) => one.state === 'good')];
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

/** The last time that certificates had to be good before anything started. */
export function gateOf(gate: GateWire | null): { state: State; says: string } {
  if (gate === null) return { state: 'unknown', says: `${say.gateRule} ${say.gateNever}` };
  const off = gate.off_seconds === null ? null : span(gate.off_seconds * 1000);
  const took = measured(gate.seconds);
  const parts = [
    say.gateRule,
    say.gateLast(off),
    gate.renewed > 0 ? say.gateRenewed(gate.renewed, took) : say.gateGood(gate.good, took),
  ];
  if (gate.failed.length > 0) parts.push(say.gateFailed(gate.failed.join(', ')));
  return { state: gate.failed.length > 0 ? 'fault' : 'up', says: parts.join(' ') };
}

/** What a certificate says of itself: name and value, in the order in which people ask. */
export function factsOf(one: CertificateWire, now: number): [string, string][] {
  const the = say.detail;
  const broken = one.state === 'chain-broken';
  const judged = one.state !== 'unknown' && one.state !== 'unusable';
  const facts: [string, string | null][] = [
    [the.usedBy, one.used_by],
    [the.place, one.place],
    [the.subject, one.subject],
    [the.names, one.names.length === 0 ? null : one.names.join(', ')],
    [the.issuer, one.issuer],
    [the.chain, broken ? one.says : one.subject === null ? null : judged ? the.chainGood : the.chainUnknown],
    [
      the.valid,
      one.not_before === null || one.not_after === null
        ? null
        : the.from(dated(time(one.not_before), now), dated(time(one.not_after), now)),
    ],
    [the.fingerprint, one.fingerprint],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null && fact[1] !== '');
}

/** How its renewal goes. */
export function renewalOf(one: CertificateWire, now: number): [string, string][] {
  const the = say.detail;
  const moment = (at: string | null) => (at === null ? null : dated(time(at), now));
  const renewed = moment(one.renewed);
  const facts: [string, string | null][] = [
    [the.renewed, renewed === null ? the.never : the.by(renewed, one.renewed_by)],
    [the.tried, moment(one.renewal_tried)],
    [the.next, moment(one.renewal_next) ?? moment(one.due)],
    [the.reload, one.reload ?? the.noReload],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

/** What to do about one that is not in order, where no failure beside it says so. */
export function remedyOf(one: CertificateWire, clock: ClockWire | null): string | null {
  if (!believed(clock)) return say.clockFirst(clock?.remedy ?? '');
  if (one.state === 'good' || one.renewal_failure !== null || one.failure !== null) return null;
  return one.note === null ? null : sentence(/[.!?]$/.test(one.note) ? one.note : `${one.note}.`);
}
