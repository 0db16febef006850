import { describe, expect, it } from 'vitest';
import {
  believed,
  certificateLamp,
  certificateState,
  clockTrouble,
  clockTrust,
  logLamp,
  logRate,
  silentBanner,
  silentOf,
} from './signals';
import { T0, aCertificate, aCertificates, aClock, aClockBehind, aSilentStream, aStream, at } from './testing';

describe('the rate of all logs', () => {
  it('adds what is known, and a watcher of ours is no log', () =>
    expect(
      logRate([
        aStream(),
        aStream({ rate: null }),
        aStream({ rate: 3 }),
        aStream({ name: 'health', rate: 1 }),
      ]),
    ).toBe(15));
  it('is unknown, not 0, while nobody knows one', () => {
    expect(logRate([aStream({ rate: null })])).toBeNull();
    expect(logLamp([aStream({ rate: null })], T0)).toMatchObject({ state: 'unknown', says: '–' });
  });
  it('gives way to an input that cannot be read at all', () => {
    const failure = { code: 'port-taken', what: 'listen', why: 'another program has it', remedy: 'stop it' };
    expect(logLamp([aStream(), aStream({ failure })], T0)).toMatchObject({ state: 'warn', says: 'not read' });
  });
  it('is not there on a board without streams', () => expect(logLamp([], T0)).toBeNull());
  it('is told in the header', () =>
    expect(logLamp([aStream()], T0)).toMatchObject({ state: 'up', says: '12/s' }));
});

describe('a silent stream', () => {
  const younger = aSilentStream({ name: 'talos', title: 'logs of Talos machines' });
  const older = aSilentStream({
    silence: {
      since: at(-90),
      cause: 'file',
      failure: { code: 'x', what: 'w', why: 'its file is gone', remedy: 'r' },
    },
  });
  it('turns the header’s lamp, with its age', () =>
    expect(logLamp([aStream(), aSilentStream()], T0)).toEqual({
      state: 'warn',
      says: 'silent 35 s',
      whole: 'Log stream silent for 35 s',
    }));
  it('is named with since when, why, and what to do', () =>
    expect(silentBanner([aStream(), aSilentStream()], T0)).toEqual({
      says: 'Log stream silent for 35 s',
      cause: 'no process named otelcol runs',
      remedy: 'start it.',
      more: 0,
    }));
  it('that has been so for longest comes first, and the others are counted', () => {
    expect(silentOf([younger, aStream(), older]).map((one) => one.name)).toEqual(['collector', 'talos']);
    expect(silentBanner([younger, older], T0)).toMatchObject({ cause: 'its file is gone', more: 1 });
  });
  it('that never said anything has no age', () => {
    const never = aSilentStream();
    if (never.silence !== null) never.silence.since = null;
    expect(silentBanner([never], T0)?.says).toMatch(/nothing was ever heard/);
  });
  it('that is a watcher of ours is in the banner, and the logs’ lamp stays what it is', () => {
    const health = aSilentStream({ name: 'health', title: 'the controller’s health' });
    expect(logLamp([aStream(), health], T0)).toMatchObject({ state: 'up', says: '12/s' });
    expect(silentBanner([aStream(), health], T0)?.says).toMatch(/^Controller’s health silent/);
  });
  it('is nothing while all speak', () => expect(silentBanner([aStream()], T0)).toBeNull());
});

describe('the clock', () => {
  it('that nothing contradicts is believed, and that nothing has confirmed it is said', () => {
    expect([null, aClock(), aClock({ trust: 'unconfirmed' })].map(believed)).toEqual([true, true, true]);
    expect(clockTrust(null)).toMatch(/nothing confirms/);
    expect(clockTrust(aClock())).toBe('confirmed');
  });
  it('that is behind or ahead says by how much', () => {
    expect(clockTrouble(aClockBehind())).toBe('clock 5 d behind');
    expect(clockTrouble(aClock({ trust: 'off', ahead: 7200 }))).toBe('clock 2 h ahead');
    expect(clockTrouble(aClock({ trust: 'off', ahead: null }))).toBe('clock is wrong');
    expect(clockTrouble(aClock())).toBeNull();
    expect(clockTrust(aClockBehind())).toMatch(/5 d behind the newest event/);
  });
  it('whose trust this UI does not know is not believed', () =>
    expect(believed(aClock({ trust: 'new word' }))).toBe(false));
});

describe('certificates in the header', () => {
  it.each([
    ['good', 'up'],
    ['late', 'warn'],
    ['unknown', 'unknown'],
    ['expired', 'fault'],
    ['not-yet-valid', 'fault'],
    ['wrong-name', 'fault'],
    ['chain-broken', 'fault'],
    ['unusable', 'fault'],
    ['a word of tomorrow', 'unknown'],
  ])('%s is %s', (state, mark) => expect(certificateState(aCertificate({ state }))).toBe(mark));
  it('tell the soonest end when all are good', () =>
    expect(certificateLamp(aCertificates(), T0)).toEqual({
      state: 'up',
      says: 'certificates 15 h',
      whole: 'certificates good, the soonest ends in 15 h 0 m',
    }));
  it('tell the worst state and how many are in it, and when it ends if it has not', () => {
    const expired = aCertificate({ state: 'expired', not_after: at(-60), says: 'expired' });
    expect(certificateLamp(aCertificates({ list: [expired] }), T0)?.says).toBe('1 certificate expired');
    const late = aCertificate({ state: 'late' });
    expect(certificateLamp(aCertificates({ list: [late, late] }), T0)?.says).toBe(
      '2 certificates late · 15 h',
    );
  });
  it('that are not judged have no date', () => {
    const unknown = aCertificate({ state: 'unknown', says: 'not judged: the clock is not right' });
    expect(certificateLamp(aCertificates({ list: [unknown] }), T0)).toEqual({
      state: 'unknown',
      says: '1 certificate unknown',
      whole: '1 certificate unknown: otelcol, not judged: the clock is not right',
    });
  });
  it('are not there where none is watched', () => {
    expect(certificateLamp(null, T0)).toBeNull();
    expect(certificateLamp(aCertificates({ list: [], worst: null }), T0)).toBeNull();
  });
});
