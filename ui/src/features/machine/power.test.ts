import { describe, expect, it } from 'vitest';
import type { MachineWire } from '../../api/wire';
import { aMachine, aPower, at, T0 } from '../../testing';
import { actsOf, linesOf, linkLines } from './power';

const lines = (change: Partial<MachineWire>) =>
  Object.fromEntries(linesOf(aMachine(change), T0).map((line) => [line.name, line.says]));
const mismatch = (safe: string, offers: string[]) => ({ says: 'differs', safe, offers });
const acts = (change: Partial<MachineWire>, watched: string | null = null) => {
  const { offers, plain } = actsOf(aMachine(change), watched);
  return {
    offers: offers.map((act) => [act.id, act.blocked]),
    plain: plain.map((act) => [act.id, act.blocked]),
  };
};
const on = aPower({ commanded: 'on', observed: 'on', memory: 'on' });
const pressing = { to: 'on', started: at(-2), ended: null, failure: null };

describe('what is known of power', () => {
  it('tells told and seen, with evidence and age', () =>
    expect(
      lines({
        power: { ...on, evidence: 'heard: heartbeat' },
        heard: { at: at(-2), what: 'heartbeat', patience_ms: 6000 },
      }),
    ).toMatchObject({
      told: 'on',
      seen: 'on, since 14:06:12',
      'rests on': 'heard: heartbeat',
      heard: 'heartbeat, 2 s ago',
    }));
  it('speaks of the outlet’s memory only where it differs', () => {
    expect(lines({ power: on })).not.toHaveProperty('outlet remembers');
    expect(lines({ power: { ...on, memory: 'off' } })['outlet remembers']).toBe('off');
    expect(lines({ power: { ...on, forgotten: at(-12) } })['outlet remembers']).toContain('14:07:00');
    expect(lines({ power: { ...on, nature: 'managed', memory: 'unknown' } })).not.toHaveProperty(
      'outlet remembers',
    );
  });
  it('never heard is never heard', () => expect(lines({})['heard']).toBe('never heard'));
  it.each([
    [null, 'none since the engine started'],
    [pressing, 'under way, to on, since 2 s'],
    [{ ...pressing, ended: at(-1) }, 'to on, 2 s ago'],
    [
      { ...pressing, ended: at(-1), failure: { code: '', what: '', why: '', remedy: '' } },
      'to on failed 2 s ago',
    ],
  ])('a press: %j', (press, says) => expect(lines({ power: { ...on, press } })['press']).toBe(says));
  it.each([
    ['button', 'its power button'],
    ['wake', 'Wake-on-LAN'],
    ['steam', 'steam'],
  ])('%s is said in words', (nature, says) =>
    expect(lines({ power: { ...on, nature } })['switched by']).toBe(says),
  );
  it('a sign of life older than its patience is stale, but not of a machine that is off', () => {
    const heard = { at: at(-60), what: 'heartbeat', patience_ms: 6000 };
    const stale = (change: Partial<MachineWire>) =>
      linesOf(aMachine({ heard, ...change }), T0).find((line) => line.name === 'heard')?.stale;
    expect([stale({ power: on }), stale({})]).toEqual([true, false]);
  });
});

describe('the link', () => {
  it('with speed, losses and port', () =>
    expect(
      linkLines(aMachine({ link: true, link_speed: 100, link_losses: 2, port_enabled: true }), at(0), T0),
    ).toEqual([
      { name: 'link', says: 'link up, 100 Mbit/s, lost 2 times', stale: false },
      { name: 'switch port', says: '6, switched on', stale: false },
    ]));
  it('is unknown where it cannot be seen, and old readings say their age', () => {
    const [link, port] = linkLines(aMachine({ port_enabled: null }), at(-41), T0);
    expect(link).toEqual({ name: 'link', says: 'unknown, never lost, 41 s old', stale: true });
    expect(port).toEqual({ name: 'switch port', says: '6, unknown, 41 s old', stale: true });
  });
});

describe('what may be held', () => {
  it('puts the safe one first and does not offer the same twice', () =>
    expect(acts({ power: { ...on, mismatch: mismatch('resync', ['long-press', 'resync']) } })).toEqual({
      offers: [
        ['resync', null],
        ['long-press', null],
      ],
      plain: [['on', 'it is on']],
    }));
  it('a short press is told as switching on', () => {
    const { offers } = actsOf(
      aMachine({ power: aPower({ mismatch: mismatch('resync', ['resync', 'short-press']) }) }),
      null,
    );
    expect(offers.map((act) => act.order)).toEqual([{ act: 'resync' }, { act: 'on' }]);
  });
  it('what this screen does not know is not offered', () =>
    expect(acts({ power: { ...on, mismatch: mismatch('explode', ['explode']) } }).offers).toEqual([]));
  it('without a mismatch: on or off, with the reason against the other', () =>
    expect(acts({}).plain).toEqual([
      ['on', null],
      ['off', 'it is off'],
    ]));
  it('in doubt a button is not pressed briefly; anything else does what it is told', () => {
    const unknown = aPower({ observed: 'unknown' });
    expect(acts({ power: unknown }).plain[0]?.[1]).toContain('may be on');
    expect(acts({ power: { ...unknown, nature: 'managed' } }).plain[0]?.[1]).toBeNull();
  });
  it('while a press is under way only what presses nothing is left', () =>
    expect(
      acts({ power: { ...on, press: pressing, mismatch: mismatch('resync', ['resync', 'long-press']) } }),
    ).toEqual({
      offers: [
        ['resync', null],
        ['long-press', 'a press is under way'],
      ],
      plain: [['on', 'a press is under way']],
    }));
  it('on a watched board nothing', () =>
    expect(acts({ power: { ...on, mismatch: mismatch('resync', ['resync']) } }, 'only watched')).toEqual({
      offers: [['resync', 'only watched']],
      plain: [
        ['on', 'only watched'],
        ['off', 'only watched'],
      ],
    }));
});
