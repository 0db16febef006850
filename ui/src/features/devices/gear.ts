// What the board's own devices say, read from the wire: how old it is, and in which words. No markup here.
import type {
  MachineWire,
  OutletWire,
  PortWire,
  PowerWire,
  RouterWire,
  StatusWire,
  SwitchWire,
} from '../../api/wire';
import type { State } from '../../domain';
import { count, duration } from '../../format';
import { words } from '../../words';

export interface Port {
  port: number;
  name: string;
  state: State;
  link: string;
  enabled: string;
  /** It is never switched from here. */
  kept: boolean;
  /** What a press would make of it; `null` where it is not known what it is. */
  next: boolean | null;
  group: { name: string; ports: number[] } | null;
  /** All of it, for people who listen. */
  tells: string;
}

export function portsOf(of: SwitchWire, machines: MachineWire[]): Port[] {
  return [...of.ports]
    .sort((a, b) => a.port - b.port)
    .map((port) => {
      const name = nameOf(port, machines);
      const link = words.gear.link(port.link, port.speed);
      const enabled = words.gear.enabled(port.enabled);
      const group = Object.entries(of.groups).find(([, ports]) => ports.includes(port.port));
      return {
        port: port.port,
        name,
        state: stateOf(port),
        link,
        enabled,
        kept: of.protected.includes(port.port),
        next: port.enabled === null ? null : !port.enabled,
        group: group === undefined ? null : { name: group[0], ports: group[1] },
        tells: `${words.gear.port(port.port)}: ${words.gear.portTells(name, link, enabled)}`,
      };
    });
}

function nameOf(port: PortWire, machines: MachineWire[]): string {
  const machine = machines.find((one) => one.name === port.machine);
  if (machine !== undefined) return words.pc(machine.box);
  return port.machine ?? (port.name || words.gear.free);
}

const stateOf = ({ link }: PortWire): State => (link === null ? 'unknown' : link ? 'up' : 'off');

/** Name, in, out; `null` where the router does not say. */
export interface Packets {
  name: string;
  into: string;
  out: string;
}

export function packetsOf(router: RouterWire): Packets[] {
  const cell = (sum: number | null, rate: number | null) => {
    if (sum === null) return words.unknown;
    return rate === null ? count(sum) : `${words.gear.rate(count(rate))}, ${count(sum)}`;
  };
  return [
    {
      name: words.gear.wan,
      into: cell(router.wan_in, router.wan_in_rate),
      out: cell(router.wan_out, router.wan_out_rate),
    },
    {
      name: words.gear.lan,
      into: cell(router.lan_in, router.lan_in_rate),
      out: cell(router.lan_out, router.lan_out_rate),
    },
  ];
}

export const runningFor = (router: RouterWire): string =>
  router.uptime_s === null ? words.unknown : duration(router.uptime_s);

export interface OutletRow {
  outlet: number;
  name: string;
  says: string;
  /** `null` where nobody looks: it is never pressed. */
  state: State | null;
}

const markOf = ({ mismatch, observed }: PowerWire): State =>
  mismatch !== null ? 'warn' : observed === 'on' ? 'up' : observed === 'off' ? 'off' : 'unknown';

/** Outlets of a relay board; what is told and seen comes from the picture, which is newer than the list. */
export function outletsOf(listed: OutletWire[], machines: MachineWire[]): OutletRow[] {
  return listed.map((one) => {
    const machine = machines.find((m) => m.name === one.machine);
    const power = machine?.power ?? one.power;
    const says =
      one.refused ??
      (power === null
        ? words.unknown
        : power.commanded === power.observed
          ? power.observed
          : words.gear.differ(power.commanded, power.observed));
    const state = one.refused !== null ? null : power === null ? 'unknown' : markOf(power);
    return {
      outlet: one.outlet,
      name: machine === undefined ? words.gear.nobody : words.pc(machine.box),
      says,
      state,
    };
  });
}

/** The device to look at when none was chosen: the first that is missing. */
export const firstToSee = (status: StatusWire): string | null =>
  (status.devices.find((device) => !device.present) ?? status.devices[0])?.name ?? null;
