import { describe, expect, it } from 'vitest';
import { deviceName } from '../../domain';
import { aDevice, aMachine, aPower, aStatus, aSwitch, at } from '../../testing';
import { firstToSee, outletsOf, packetsOf, portsOf } from './gear';

const machines = [aMachine()];

describe('ports', () => {
  it('stand by number, with their machine, and say all of it to those who listen', () =>
    expect(portsOf(aSwitch(), machines)).toMatchObject([
      {
        port: 6,
        name: 'PC 1',
        state: 'up',
        link: '1000',
        kept: false,
        next: false,
        group: { name: 'group1', ports: [6, 5] },
        tells: 'Port 6: PC 1, 1000, on',
      },
      { port: 7, name: 'boss', kept: true, group: null },
    ]));
  it('of which nothing is known say so, and can be switched either way', () => {
    const ports = [{ port: 2, name: null, machine: null, enabled: null, link: null, speed: null }];
    expect(portsOf(aSwitch({ ports }), machines)).toMatchObject([
      { name: 'free', state: 'unknown', link: 'link ?', enabled: 'on or off?', next: null },
    ]);
  });
  it('that are switched off can be switched on', () => {
    const ports = [{ port: 2, name: '', machine: 'node9', enabled: false, link: false, speed: null }];
    expect(portsOf(aSwitch({ ports }), machines)).toMatchObject([
      { name: 'node9', state: 'off', link: 'no link', enabled: 'off', next: true },
    ]);
  });
});

describe('packets', () => {
  const router = {
    at: at(0),
    wan_in: 1_591_099,
    wan_out: 0,
    lan_in: null,
    lan_out: 5,
    wan_in_rate: 262.8,
    wan_out_rate: 0,
    lan_in_rate: null,
    lan_out_rate: null,
    uplink: null,
    uptime_s: null,
  };
  it('what is not told is unknown, and nothing is nothing', () =>
    expect(packetsOf(router)).toEqual([
      { name: 'uplink side', into: '263/s, 1,591,099', out: '0/s, 0' },
      { name: 'lab side', into: 'unknown', out: '5' },
    ]));
});

describe('outlets', () => {
  const outlet = (n: number, refused: string | null, machine: string | null = null) => ({
    outlet: n,
    words: '',
    machine,
    box: null,
    refused,
    power: null,
  });
  it('tell the newest of their machine, and which are never pressed', () => {
    const power = aPower({
      commanded: 'off',
      observed: 'on',
      mismatch: { says: '', safe: 'resync', offers: [] },
    });
    expect(
      outletsOf([outlet(1, null, 'node1'), outlet(7, 'the controller’s own')], [aMachine({ power })]),
    ).toEqual([
      { outlet: 1, name: 'PC 1', says: 'told off, seen on', state: 'warn' },
      { outlet: 7, name: 'no PC', says: 'the controller’s own', state: null },
    ]);
  });
  it('without a machine are unknown, not off', () =>
    expect(outletsOf([outlet(8, null)], [])).toMatchObject([{ says: 'unknown', state: 'unknown' }]));
});

describe('devices', () => {
  it('the first that is missing is looked at first', () => {
    const devices = [aDevice({ name: 'display' }), aDevice({ name: 'router', present: false })];
    expect(firstToSee(aStatus({ devices }))).toBe('router');
    expect(firstToSee(aStatus({ devices: [aDevice()] }))).toBe('switch');
    expect(firstToSee(aStatus())).toBeNull();
  });
  it.each([
    ['power', 'simulated', 'Relay board'],
    ['power', 'virtual', 'Power of the VMs'],
    ['power node1', 'labinator', 'Power of PC 1'],
    ['power node9', 'labinator', 'Power of node9'],
    ['clock', 'labinator', 'clock'],
  ])('%s on a %s board is the %s', (name, kind, says) => {
    const status = aStatus({ machines });
    expect(deviceName({ ...status, board: { ...status.board, kind } }, name)).toBe(says);
  });
});
