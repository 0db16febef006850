// The made-up board's devices: switch, router, display, Wi-Fi, and orders for them. See mock.ts.
import type {
  DeviceWire,
  MachineWire,
  OutletWire,
  PowerWire,
  RouterWire,
  StatusWire,
  SwitchWire,
} from '../src/api/wire';
import { LOST, iso, type Scene } from './records.ts';

/** Power that agrees with itself. */
export const powerOf = (change: Partial<PowerWire>): PowerWire => ({
  commanded: 'off',
  observed: 'off',
  evidence: null,
  observed_at: null,
  press: null,
  nature: 'button',
  memory: change.commanded ?? 'off',
  forgotten: null,
  mismatch: null,
  ...change,
});

/** Four boxes that do not agree with what they were told, each in its own way. */
export function disagreeing(box: number, t0: number): Partial<MachineWire> {
  const observed_at = iso(t0 - 60_000);
  const press = { to: 'off', started: iso(t0 - 70_000), ended: iso(t0 - 69_000), failure: null };
  switch (box) {
    case 1:
      return {
        power: powerOf({
          commanded: 'off',
          observed: 'on',
          evidence: 'heard: heartbeat',
          observed_at,
          press,
          mismatch: {
            says: 'It was switched off and is on: heard: heartbeat.',
            safe: 'resync',
            offers: ['resync', 'long-press'],
          },
        }),
      };
    case 2:
      return {
        state: 'off',
        word: 'off',
        link: false,
        link_speed: null,
        power: powerOf({
          commanded: 'on',
          evidence: 'no link, and its supply measures nothing',
          observed_at,
          mismatch: {
            says: 'It was switched on and is off: no link, and its supply measures nothing.',
            safe: 'resync',
            offers: ['resync', 'short-press'],
          },
        }),
      };
    case 4:
      return {
        state: 'unknown',
        word: 'unknown',
        link: null,
        link_speed: null,
        link_losses: 3,
        power: powerOf({
          commanded: 'on',
          observed: 'unknown',
          evidence: 'no link for 3 s and nothing heard since: it is off, or its cable is out',
          observed_at,
          mismatch: {
            says: 'It was switched on, and whether it still is cannot be told: no link for 3 s and nothing heard since: it is off, or its cable is out.',
            safe: 'long-press',
            offers: ['long-press'],
          },
        }),
      };
    case 6:
      return {
        power: powerOf({
          commanded: 'unknown',
          observed: 'on',
          evidence: 'heard: heartbeat',
          observed_at,
          memory: 'off',
          forgotten: iso(t0 - 20_000),
          mismatch: {
            says: 'It is on; the power board restarted and remembers it as off.',
            safe: 'resync',
            offers: ['resync', 'long-press'],
          },
        }),
      };
    default:
      return {};
  }
}

export function devicesOf(scene: Scene, t0: number): DeviceWire[] {
  if (scene === 'empty') return [];
  const there = (name: string): DeviceWire => ({
    name,
    present: true,
    since: iso(t0 - 5_300_000),
    failure: null,
    losses: 0,
    testable: true,
  });
  const lost = (name: string, failure: DeviceWire['failure']): DeviceWire => ({
    ...there(name),
    present: false,
    since: iso(t0 - 40_000),
    failure,
    losses: 2,
  });
  return [
    there('display'),
    scene === 'fault' ? lost('power', LOST) : there('power'),
    there('router'),
    scene === 'gear'
      ? lost('switch', {
          code: 'device-absent',
          what: 'read the switch',
          why: '192.168.122.2 did not answer within 5 s',
          remedy: 'check the device’s power and cable, and its address in the board file',
        })
      : there('switch'),
  ];
}

export function switchOf(scene: Scene, t0: number, machines: MachineWire[]): SwitchWire | null {
  if (scene === 'empty') return null;
  const groups: Record<string, number[]> = {};
  for (const { group, port } of machines) {
    if (group !== null && port !== null) groups[group] = [...(groups[group] ?? []), port];
  }
  return {
    at: iso(scene === 'gear' ? t0 - 41_000 : Date.now() - 800),
    writable: true,
    protected: [7, 8],
    groups,
    ports: [1, 2, 3, 4, 5, 6, 7, 8].map((port) => {
      const machine = machines.find((one) => one.port === port);
      if (machine === undefined) {
        const name = port === 7 ? 'boss' : 'wally';
        return { port, name, machine: null, enabled: true, link: true, speed: 1000 };
      }
      return {
        port,
        name: machine.name,
        machine: machine.name,
        enabled: machine.port_enabled,
        link: machine.link,
        speed: machine.link_speed,
      };
    }),
  };
}

export const uplinkOf = (scene: Scene): StatusWire['uplink'] =>
  scene === 'empty'
    ? null
    : { up: true, interface: 'wwan', address: '198.51.100.23', ssid: 'Conference', signal: -58 };

export function routerOf(scene: Scene): RouterWire | null {
  if (scene === 'empty') return null;
  return {
    at: iso(Date.now() - 2_000),
    wan_in: 1_591_099,
    wan_out: 1_561_891,
    lan_in: 1_567_455,
    lan_out: null,
    wan_in_rate: 262.8,
    wan_out_rate: 178.5,
    lan_in_rate: null,
    lan_out_rate: null,
    uplink: uplinkOf(scene),
    uptime_s: 18_240,
  };
}

const outlets = (machines: MachineWire[]): OutletWire[] =>
  [1, 2, 3, 4, 5, 6, 7, 8].map((outlet) => {
    const machine = machines.find((one) => one.outlet === outlet);
    const refused =
      outlet === 7
        ? 'the controller’s own power button'
        : outlet === 8
          ? 'the spare one; the board file does not allow it'
          : null;
    return {
      outlet,
      words: `outlet ${outlet}`,
      machine: machine?.name ?? null,
      box: machine?.box ?? null,
      refused,
      power: machine?.power ?? null,
    };
  });

const NETWORKS = [
  { ssid: 'Conference', bssid: '02:00:5e:00:00:01', signal: -48, channel: 36, secured: 'psk2' },
  { ssid: 'Conference', bssid: '02:00:5e:00:00:09', signal: -77, channel: 1, secured: 'psk2' },
  { ssid: 'Conference Guests', bssid: '02:00:5e:00:00:02', signal: -62, channel: 36, secured: null },
  { ssid: null, bssid: '02:00:5e:00:00:04', signal: -80, channel: 149, secured: 'sae' },
];

/** What was asked of the gear; `null` when it is none of its business. */
export function answerGear(
  method: string,
  path: string,
  status: () => StatusWire,
): { status: number; body: unknown } | null {
  const ok = (body: unknown) => ({ status: 200, body });
  if (path === '/power') return ok(outlets(status().machines));
  if (path === '/router/networks') return ok(NETWORKS);
  if (method !== 'POST') return null;
  const test = /^\/devices\/([^/]+)\/test$/.exec(path);
  if (test !== null) {
    const name = decodeURIComponent(test[1] ?? '');
    const device = status().devices.find((one) => one.name === name);
    if (device?.failure) return { status: 503, body: { error: device.failure } };
    return ok({ device: name, says: 'it answers', seconds: 0.041 });
  }
  const port = /^\/switch\/ports\/(\d+)$/.exec(path);
  if (port !== null) return ok({ ports: [Number(port[1])], enabled: false });
  if (path.startsWith('/switch/groups/')) return ok({ ports: [6, 5], enabled: false });
  if (path === '/router/join') return ok({ ...uplinkOf('normal'), address: '192.168.44.7' });
  if (path.startsWith('/power/')) {
    return {
      status: 409,
      body: {
        error: {
          code: 'power-mismatch',
          what: 'press it',
          why: 'this is a made-up board',
          remedy: 'Take a real one.',
        },
      },
    };
  }
  return null;
}
