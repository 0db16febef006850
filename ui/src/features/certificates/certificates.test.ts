import { describe, expect, it } from 'vitest';
import { T0, aCertificate, aCertificates, aClock, aClockBehind, at } from '../../testing';
import { factsOf, gateOf, headline, pagesOf, remedyOf, renewalOf, rowOf } from './certificates';

const refused = { code: 'unreachable', what: 'renew otelcol', why: 'CA did not answer', remedy: 'start it' };
const late = aCertificate({
  state: 'late',
  not_before: at(-17 * 3600),
  not_after: at(7 * 3600),
  due: at(-3000),
  says: 'its renewal is late: CA did not answer',
  renewal_failure: refused,
  renewal_next: at(120),
});
const expired = aCertificate({
  name: 'wally',
  state: 'expired',
  ours: false,
  due: null,
  not_after: at(-2 * 86_400),
  not_before: at(-90 * 86_400),
  note: 'open its page',
  says: 'expired; open its page',
});

describe('the line above the list', () => {
  it('counts the good ones, then the worst first, then the CA, then the clock', () => {
    const all = aCertificates({
      list: [aCertificate(), late, expired],
      ca_failure: refused,
      ca_silent_since: at(-52 * 60),
    });
    expect(headline(all, aClock(), T0)).toEqual({
      first: '1 of 3',
      rest: ['1 expired', '1 late', 'CA silent for 52 min', 'clock in step (4 ms)'],
      clock: null,
    });
  });
  it('says of a clock that nobody confirms no more than that', () => {
    const clock = aClock({ trust: 'unconfirmed', says: 'nobody outside confirms it', ahead: null });
    expect(headline(aCertificates(), clock, T0).rest).toEqual(['clock not confirmed']);
  });
  it('names a clock that is not right before anything else', () => {
    const unknown = aCertificate({ state: 'unknown' });
    expect(headline(aCertificates({ list: [unknown] }), aClockBehind(), T0)).toEqual({
      first: 'clock 5 d behind the newest event',
      rest: ['1 unknown'],
      clock: 'No certificate is judged by a clock that is not right. Set the clock.',
    });
  });
});

describe('a row', () => {
  it('of a good one tells what is left and when it renews itself', () =>
    expect(rowOf(aCertificate(), T0)).toEqual({
      state: 'up',
      left: 0.625,
      next: 'renews at two thirds of its life · due 21:07',
      ends: '15 h 0 m',
    }));
  it('of a late one tells by how much, why, and when it is tried again', () =>
    expect(rowOf(late, T0)).toMatchObject({
      state: 'warn',
      next: 'renewal is 50 min late: CA did not answer, next try 14:09',
      ends: '7 h 0 m',
    }));
  it('of an expired one that is not ours tells what to do', () =>
    expect(rowOf(expired, T0)).toEqual({
      state: 'fault',
      left: 0,
      next: 'open its page',
      ends: 'expired 2 d ago',
    }));
  it('of an expired one of ours tells why it was not renewed', () =>
    expect(rowOf({ ...late, state: 'expired', not_after: at(-60) }, T0).next).toBe(
      'renewal failed: CA did not answer, next try 14:09',
    ));
  it('that is not judged shows no life and no date', () =>
    expect(rowOf(aCertificate({ state: 'unknown', says: 'not judged: the clock is not right' }), T0)).toEqual(
      {
        state: 'unknown',
        left: null,
        next: 'not judged: the clock is not right',
        ends: 'unknown',
      },
    ));
  it('of a good one of others says no more than that', () =>
    expect(rowOf(aCertificate({ ours: false, due: null, says: 'good' }), T0).next).toBe(''));
  it('of one to come tells when it begins', () =>
    expect(rowOf(aCertificate({ state: 'not-yet-valid', not_before: at(3 * 3600) }), T0)).toMatchObject({
      left: null,
      ends: 'valid in 3 h 0 m',
    }));
});

describe('pages', () => {
  const good = Array.from({ length: 7 }, (_, i) => aCertificate({ name: `c${i}` }));
  it('are one, in the board’s order, while all find room', () =>
    expect(pagesOf([good[0] ?? late, late], 6).map((page) => page.map((one) => one.name))).toEqual([
      ['c0', 'otelcol'],
    ]));
  it('begin with what is not in order', () => {
    const pages = pagesOf([...good, late], 6);
    expect(pages.map((page) => page.length)).toEqual([6, 2]);
    expect(pages[0]?.[0]?.name).toBe('otelcol');
  });
});

describe('the gate', () => {
  const passed = {
    at: at(-100),
    good: 6,
    renewed: 6,
    failed: [],
    seconds: 1.94,
    off_seconds: 7 * 86_400 + 4 * 3600,
  };
  it('tells how long it was off, how many were renewed and how fast', () =>
    expect(gateOf(passed)).toEqual({
      state: 'up',
      says: 'Nothing that needs a certificate starts before its own is good. Last start after 7 d 4 h off: 6 certificates renewed in 1.9 s.',
    }));
  it('tells whom it could not make good', () => {
    const gate = gateOf({ ...passed, renewed: 0, off_seconds: null, failed: ['wally', 'otelcol'] });
    expect(gate.state).toBe('fault');
    expect(gate.says).toMatch(
      /Last start: 6 certificates were good after 1.9 s\. Not made good: wally, otelcol\.$/,
    );
  });
  it('that was never passed is unknown', () => expect(gateOf(null).state).toBe('unknown'));
});

describe('one certificate', () => {
  it('says what it is, and of its chain only what is known', () => {
    const facts = (one = aCertificate()) => Object.fromEntries(factsOf(one, T0));
    expect(facts()).toMatchObject({ chain: 'leads to its root', valid: 'today 05:07 to tomorrow 05:07' });
    expect(facts(aCertificate({ state: 'unknown' })).chain).toBe('not judged');
    expect(facts(aCertificate({ state: 'chain-broken', says: 'its root is another' })).chain).toBe(
      'its root is another',
    );
    expect(facts(aCertificate({ subject: null, not_before: null }))).not.toHaveProperty('valid');
  });
  it('says how its renewal went', () =>
    expect(Object.fromEntries(renewalOf(late, T0))).toEqual({
      renewed: 'today 05:07, by lab CA',
      next: 'today 14:09',
      reload: 'no command is set',
    }));
  it('says what to do once, and of the clock first', () => {
    expect(remedyOf(expired, aClock())).toBe('Open its page.');
    expect(remedyOf(late, aClock()), 'the failure beside it says so').toBeNull();
    expect(remedyOf(late, aClockBehind())).toMatch(/Set the clock\.$/);
    expect(remedyOf(aCertificate(), aClock())).toBeNull();
  });
});
