// A machine's report as lines of a table. What it could not read is left out, never invented.
import type { Json, MachineWire } from '../../api/wire';
import { bytes, memory } from '../../format';
import { words } from '../../words';

export type Line = [name: string, value: string];

const object = (value: Json): Record<string, Json> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const text = (...values: (Json | undefined)[]) =>
  values.filter((value) => typeof value === 'string' && value !== '').join(' ');
const number = (value: Json | undefined) => (typeof value === 'number' ? value : null);

export function placeOf(machine: MachineWire): Line[] {
  return [
    [words.facts.address, machine.address],
    [words.facts.mac, machine.mac],
    [words.facts.outlet, String(machine.outlet)],
    ...(machine.port === null ? [] : [[words.facts.port, String(machine.port)] as Line]),
    ...(machine.group === null ? [] : [[words.facts.group, machine.group] as Line]),
  ];
}

/** The machine is a simulation and says so. */
export const isSimulated = (facts: Json): boolean => object(facts).simulated === true;

export function linesOf(facts: Json): Line[] {
  const all = object(facts);
  const [firmware, kernel, cpu, ram, product, clock] = [
    'firmware',
    'kernel',
    'cpu',
    'memory',
    'product',
    'clock',
  ].map((key) => object(all[key] ?? null)) as [Record<string, Json>, ...Record<string, Json>[]];
  const lines: [string, string | null][] = [
    [words.facts.product, text(product?.vendor, product?.name)],
    [words.facts.firmware, text(firmware.vendor, firmware.version, firmware.date)],
    [words.facts.mode, text(firmware.mode).toUpperCase()],
    [words.facts.secureBoot, onOff(firmware.secure_boot)],
    [words.facts.kernel, text(kernel?.release)],
    [words.facts.cpu, cpuOf(cpu ?? {})],
    [words.facts.memory, memoryOf(ram ?? {})],
    ...list(all.disks).map((disk): [string, string] => [words.facts.disk, diskOf(object(disk))]),
    ...list(all.nics).map((nic): [string, string] => [words.facts.nic, nicOf(object(nic))]),
    [words.facts.clock, clockOf(clock ?? {})],
  ];
  return lines.filter((line): line is Line => line[1] !== null && line[1] !== '');
}

const onOff = (value: Json | undefined) =>
  typeof value === 'boolean' ? (value ? words.facts.on : words.facts.off) : null;

function cpuOf(cpu: Record<string, Json>): string {
  const cores = number(cpu.cores);
  return [text(cpu.model), cores === null ? '' : words.facts.cores(cores)]
    .filter((part) => part !== '')
    .join(', ');
}

function memoryOf(ram: Record<string, Json>): string {
  const [built, usable] = [number(ram.bytes), number(ram.usable_bytes)];
  return [built === null ? null : memory(built), usable === null ? null : words.facts.usable(memory(usable))]
    .filter((part) => part !== null)
    .join(', ');
}

function diskOf(disk: Record<string, Json>): string {
  const size = number(disk.bytes);
  return [
    text(disk.name),
    size === null ? '' : bytes(size),
    text(disk.model),
    disk.rotational === true ? words.facts.spinning : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function nicOf(nic: Record<string, Json>): string {
  const speed = number(nic.speed_mbit);
  return [
    text(nic.name),
    text(nic.driver),
    text(nic.mac),
    typeof nic.link === 'boolean' ? words.facts.link(nic.link) : '',
    speed !== null && speed > 0 ? words.facts.speed(speed) : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function clockOf(clock: Record<string, Json>): string | null {
  const offset = number(clock.offset_s);
  return offset === null ? null : words.facts.offset(offset);
}
