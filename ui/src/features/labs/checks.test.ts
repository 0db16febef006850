import { describe, expect, it } from 'vitest';
import type { LabWire, StatusWire } from '../../api/wire';
import { aDevice, aMachine, aPower, aStatus, at, T0 } from '../../testing';
import { checksOf } from './checks';

const lab: LabWire = {
  name: 'rehearsal',
  title: 'Rehearsal',
  words: '',
  procedure: 'rehearsal',
  machines: [1, 2, 3],
  good: 0,
  total: 0,
  usual_seconds: null,
  spread: null,
};
const power = (observed: string, observed_at: string | null) =>
  aPower({ commanded: 'unknown', observed, evidence: null, observed_at });
const checks = (change: Partial<StatusWire>) =>
  checksOf(aStatus(change), lab, T0).map((check) => [check.state, check.says, check.rests]);

describe('before a start', () => {
  it('nothing is claimed that was not looked at', () =>
    expect(checks({})).toEqual([
      ['unknown', 'no device has been looked for yet', null],
      ['unknown', 'no service has said anything yet', null],
      ['up', 'events are being written', null],
    ]));

  it('power is told by what was seen, with its age', () => {
    const machines = [
      aMachine({ box: 1, power: power('off', at(-60)) }),
      aMachine({ box: 2, name: 'node2', power: power('on', at(-5)) }),
      aMachine({ box: 3, name: 'node3', power: power('unknown', null) }),
      aMachine({ box: 9, name: 'node9', power: power('on', at(-5)) }),
    ];
    expect(checks({ machines }).slice(0, 3)).toEqual([
      ['up', '1 PC is off', 'PC 1, seen 60 s ago'],
      ['warn', '1 PC is on', 'PC 2'],
      ['unknown', 'power of 1 PC unknown', 'Nothing has been seen of it yet'],
    ]);
  });

  it('trouble is told with its reason', () => {
    const failure = { code: 'device-absent', what: 'read', why: 'no answer', remedy: 'cable' };
    const said = checks({
      devices: [aDevice({ name: 'power', present: false, failure })],
      engine: {
        version: '',
        started: null,
        storage: { why: 'the disk is full', since: at(-9), waiting: 3 },
        services: [
          { name: 'dhcp', ready: true, says: 'ready' },
          { name: 'http', ready: false, says: 'port taken' },
        ],
      },
    });
    expect(said).toEqual([
      ['fault', 'Relay board does not answer', 'no answer'],
      ['warn', 'http not ready', 'port taken'],
      ['fault', 'events are not being written', 'the disk is full'],
    ]);
  });
});
