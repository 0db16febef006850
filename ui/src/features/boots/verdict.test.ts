import { describe, expect, it } from 'vitest';
import { aBoot, aGoodBoot, aMachine, at, T0 } from '../../testing';
import { verdictOf } from './verdict';

const usual = (seconds: number, boots = 12) =>
  aMachine({ usual: { boots, seconds, spread: [40, 47], phases: [7, 7, 7, 7, 7, 8], phase_spread: [] } });

describe('what is known of a boot', () => {
  it.each([
    [43, 'As usual.'],
    [30, '13 s slower than usual.'],
    [60, '17 s faster than usual.'],
  ])('a good one beside a usual of %d s', (seconds, words) => {
    const verdict = verdictOf(aGoodBoot(), usual(seconds), null, T0);
    expect(verdict).toMatchObject({ state: 'up', title: 'Ready after 43 s', remedy: null });
    expect(verdict.says[0]).toBe(words);
  });

  it('one good boot is no history to compare itself with', () =>
    expect(verdictOf(aGoodBoot(), usual(43, 1), null, T0).says).toEqual(['It began with our press.']));

  it('a failed one says where, why and what to do', () => {
    const boot = aBoot({ state: 'failed', reason: 'a limit passed', ended: at(35), seconds: 35 });
    const verdict = verdictOf(boot, aMachine(), null, T0);
    expect(verdict).toMatchObject({ state: 'fault', title: 'Failed in address after 35 s' });
    expect(verdict.says[0]).toBe('A limit passed.');
    expect(verdict.remedy).toContain('Packets');
  });

  it('takes the run’s remedy, unless that only sends here', () => {
    const boot = aBoot({ state: 'failed', ended: at(35), seconds: 35 });
    const failure = {
      code: 'timed-out',
      what: 'boot node1',
      why: 'nothing was heard',
      remedy: 'look at its screen',
    };
    expect(verdictOf(boot, null, failure, T0).remedy).toBe('Look at its screen');
    expect(verdictOf(boot, null, { ...failure, code: 'boot-failed' }, T0).remedy).not.toBe(
      'Look at its screen',
    );
  });

  it('a running one tells its phase and its time so far', () =>
    expect(verdictOf(aBoot(), null, null, T0 + 12_000)).toMatchObject({
      state: 'boot',
      title: 'In address, 12 s so far',
    }));

  it('an abandoned one is no fault', () =>
    expect(verdictOf(aBoot({ state: 'abandoned', seconds: 4, ended: at(4) }), null, null, T0).state).toBe(
      'off',
    ));
});
