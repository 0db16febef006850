import { describe, expect, it } from 'vitest';
import type { MachineWire } from '../../api/wire';
import { aBoot, aGoodBoot, aMachine, aPower, at, T0, aVerdict } from '../../testing';
import { hardware, tileOf } from './tile';

const ON = aPower({
  commanded: 'on',
  observed: 'on',
  evidence: 'heard',
  observed_at: at(0),
  press: null,
  memory: 'on',
});
const heard = (seconds: number) => ({ at: at(seconds), what: 'heartbeat', patience_ms: 6_000 });
const usual = {
  boots: 5,
  seconds: 43,
  spread: [40, 47] as [number, number],
  phases: [7, 7, 7, 7, 7, 8],
  phase_spread: [],
};
const tile = (change: Partial<MachineWire>, now = 12) => tileOf(aMachine(change), T0 + now * 1000);

describe('while it boots', () => {
  const booting = {
    state: 'boot',
    word: 'booting',
    says: 'asks for an address',
    boot: aBoot(),
    power: ON,
    heard: heard(11),
  };

  it('the word is the elapsed time, in whole seconds from the boot’s begin', () => {
    expect(tile(booting).word).toBe('12 s');
    expect(tile(booting, 72.9).word).toBe('1:12');
  });
  it('without history nothing is claimed', () => {
    expect(tile(booting)).toMatchObject({ right: 'first boot here', bar: { usual: null } });
  });
  it('a verdict says more than a phase', () => {
    const verdict = aVerdict();
    expect(tile({ state: 'fault', word: 'silent', verdict }).say).toBe('Silent since its link came up');
    expect(tile({ ...booting, verdict }).say).toBe('Silent since its link came up');
  });

  it('with history it says about how long', () => {
    expect(tile({ ...booting, usual })).toMatchObject({ right: 'about 31 s to go', bar: { usual: 43 } });
    expect(tile({ ...booting, usual }, 50).right).toBe('7 s longer than usual');
  });
  it('the usual end stays on the bar, and so does a boot that takes longer', () => {
    expect(tile({ ...booting, usual }).bar?.end).toBeGreaterThan(43);
    expect(tile({ ...booting, usual }, 100).bar?.end).toBeGreaterThan(100);
  });
  it('a file on its way says how much of it', () =>
    expect(tile({ ...booting, transfer: { path: '/boot/vmlinuz', sent: 31e6, total: 61e6 } }).say).toBe(
      'vmlinuz: 31 MB of 61 MB',
    ));
});

describe('while its disks are erased', () => {
  const wiping = { disks: ['sda', 'sdb'], since: at(2), broken_off: false };
  const erasing = {
    state: 'warn',
    word: 'wiping',
    says: 'erases',
    boot: aBoot(),
    power: ON,
    heard: heard(11),
    usual,
  };

  it('the word is that, with what is erased and for how long, and nothing of the usual boot', () =>
    expect(tile({ ...erasing, wiping }, 43)).toMatchObject({
      word: 'wiping',
      say: 'Erases sda, sdb for 41 s; do not switch it off',
      right: '',
      bar: null,
    }));
  it('an unknown begin claims no age', () =>
    expect(tile({ ...erasing, wiping: { ...wiping, since: null } }).say).toBe(
      'Erases sda, sdb; do not switch it off',
    ));
  it('one that was broken off is told in the engine’s words', () =>
    expect(tile({ says: 'went off while it erased sda', wiping: { ...wiping, broken_off: true } }).say).toBe(
      'Went off while it erased sda',
    ));
});

describe('the power line', () => {
  it('tells how long ago it was heard, and is stale after its patience', () => {
    expect(tile({ state: 'up', word: 'ready', power: ON, heard: heard(11) })).toMatchObject({
      power: 'on: heard 1 s ago',
      stale: false,
    });
    expect(tile({ state: 'warn', word: 'silent', power: ON, heard: heard(0) })).toMatchObject({
      power: 'on: heard 12 s ago',
      stale: true,
    });
  });
  it('tells commanded and observed apart when they differ', () =>
    expect(tile({ power: { ...ON, commanded: 'off' }, heard: heard(11) }).power).toBe(
      'told off, seen on: heard 1 s ago',
    ));
  it('says unknown, never off, and what that rests on', () => {
    const power = aPower({ observed: 'unknown', evidence: null, observed_at: null });
    expect(tile({ state: 'unknown', word: 'unknown', power })).toMatchObject({
      word: 'unknown',
      power: 'power unknown, never heard',
      say: 'Nothing has been seen of it yet; its outlet says off',
    });
  });
  it('after a press it waits for the first packet and claims nothing', () => {
    const press = { to: 'on', started: at(7), ended: null, failure: null };
    const power = aPower({ commanded: 'on', observed: 'unknown', evidence: null, observed_at: null, press });
    expect(tile({ state: 'boot', word: 'booting', power }).power).toBe('pressed 5 s ago');
  });
  it('a machine that is off is not stale because it is silent', () =>
    expect(tile({ heard: heard(-600) })).toMatchObject({ power: 'off since 14:06', stale: false }));
});

describe('power that does not agree', () => {
  const mismatch = { says: 'It was switched off and is on.', safe: 'resync', offers: ['resync'] };

  it.each([
    ['off', 'on', 'Switched off, but it is on'],
    ['on', 'off', 'Switched on, but it is off'],
    ['on', 'unknown', 'Switched on; whether it is cannot be told'],
    ['unknown', 'on', 'It is on; its outlet has forgotten that'],
  ])('told %s, seen %s', (commanded, observed, say) => {
    const power = { ...ON, commanded, observed, mismatch };
    expect(tile({ state: 'up', word: 'ready', power })).toMatchObject({ say, mismatch: true, word: 'ready' });
  });
  it('is said once; the power line keeps to what was seen', () =>
    expect(tile({ power: { ...ON, commanded: 'off', mismatch }, heard: heard(11) }).power).toBe(
      'on: heard 1 s ago',
    ));
  it('a press that came to nothing is over: what counts is what was heard', () => {
    const press = { to: 'on', started: at(0), ended: at(1), failure: null };
    const power = aPower({ commanded: 'on', observed: 'unknown', press, mismatch });
    expect(tile({ state: 'unknown', word: 'unknown', power, heard: heard(2) }).power).toBe(
      'power unknown, heard 10 s ago',
    );
  });
  it('gives way to a fault, which is worse', () =>
    expect(tile({ state: 'fault', word: 'stuck', power: { ...ON, mismatch }, verdict: aVerdict() }).say).toBe(
      'Silent since its link came up',
    ));
});

describe('the link', () => {
  it.each([
    [null, null, 'link ?'],
    [false, null, 'no link'],
    [true, 1000, '1000'],
    [true, 100, '100'],
    [true, null, 'link'],
  ])('%s at %s reads %s', (link, link_speed, words) => expect(tile({ link, link_speed }).link).toBe(words));
  it('that nobody has looked at for too long is unknown, and no evidence', () => {
    const machine = aMachine({ link: false });
    expect(tileOf(machine, T0, true)).toMatchObject({ link: 'link ?', power: 'off since 14:06' });
  });
  it('that is gone is the evidence for off', () => expect(tile({ link: false }).power).toBe('off: no link'));
});

describe('afterwards', () => {
  it('shows the boot beside the usual one', () =>
    expect(
      tile({ state: 'up', word: 'ready', power: ON, heard: heard(11), boot: aGoodBoot(), usual }),
    ).toMatchObject({
      word: 'ready',
      right: 'boot 43 s, usual 43 s',
    }));
  it('shows a fault’s sentence and no bar', () =>
    expect(
      tile({ state: 'fault', word: 'failed', says: 'nothing was heard', boot: aGoodBoot() }),
    ).toMatchObject({
      say: 'Nothing was heard',
      bar: null,
    }));
});

describe('hardware', () => {
  it.each([
    [null, null],
    [{}, null],
    [{ cpu: { cores: 4 }, memory: { usable_bytes: 2 ** 30 } }, '4 cores, 1 GiB'],
    [{ cpu: { model: 'N100' }, memory: { bytes: 8 * 2 ** 30, usable_bytes: 1 } }, 'N100, 8 GiB'],
  ])('%j reads %s', (facts, words) => expect(hardware(facts)).toBe(words));
});
