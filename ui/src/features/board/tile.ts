// What a machine's tile says, read from its wire form. No markup here.
import type { Json, MachineWire } from '../../api/wire';
import { axisEnd, elapsed, isStale, spans, type Span } from '../../domain';
import { age, bytes, clock, duration, measured, memory, roughly, sentence, time } from '../../format';
import { words } from '../../words';

export interface Tile {
  /** The large word. */
  word: string;
  /** A sentence where one is needed. */
  say: string | null;
  bar: { spans: Span[]; end: number; usual: number | null } | null;
  power: string;
  stale: boolean;
  right: string;
  /** Its network link: `1000`, `no link`, and the same in words. */
  link: string;
  /** Told and seen do not agree. */
  mismatch: boolean;
}

/** Nearer to the usual end than this, figures say nothing. */
const NEAR_S = 1;

const file = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** `linkOld`: nobody has looked at its port for too long. */
export function tileOf(machine: MachineWire, now: number, linkOld = false): Tile {
  const boot = machine.boot;
  const booting = machine.state === 'boot' && boot !== null;
  return {
    word: booting ? duration(elapsed(boot, now)) : machine.word,
    say: sayOf(machine, now),
    bar: barOf(machine, now),
    power: powerOf(machine, now, linkOld),
    // A machine that boots has its silent moments; that is no news, and its phase tells more.
    stale: machine.power.observed !== 'off' && machine.state !== 'boot' && isStale(machine, now),
    right: rightOf(machine, now),
    link: linkOld ? words.power.linkUnknown : linkOf(machine),
    mismatch: machine.power.mismatch !== null,
  };
}

function sayOf(machine: MachineWire, now: number): string | null {
  const { transfer, wiping, power } = machine;
  if (wiping !== null && !wiping.broken_off) {
    const old = wiping.since === null ? null : age(now - time(wiping.since));
    return words.board.wiping(wiping.disks.join(', '), old);
  }
  if (power.mismatch !== null && machine.state !== 'fault') {
    return words.power.mismatch(power.commanded, power.observed);
  }
  if (machine.verdict !== null && machine.state !== 'up') return sentence(machine.verdict.title);
  if (machine.state === 'boot' && transfer !== null) {
    return words.board.transfer(file(transfer.path), bytes(transfer.sent), bytes(transfer.total));
  }
  if (machine.says !== null) return machine.state === 'boot' ? machine.says : sentence(machine.says);
  if (machine.state === 'unknown') return unknownOf(machine);
  return hardware(machine.facts);
}

/** What an unknown power rests on; what its outlet remembers is no observation, and is said apart. */
function unknownOf({ power }: MachineWire): string {
  const outlet = power.commanded === 'unknown' ? '' : `; ${words.power.outletSays(power.commanded)}`;
  return sentence(`${power.evidence ?? words.power.rests}${outlet}`);
}

/** One line of what the machine reported: cores and memory, as far as it said. */
export function hardware(facts: Json): string | null {
  const cpu = pick(facts, 'cpu', 'model');
  const cores = pick(facts, 'cpu', 'cores');
  const size = pick(facts, 'memory', 'bytes') ?? pick(facts, 'memory', 'usable_bytes');
  const parts = [
    typeof cpu === 'string' ? cpu : typeof cores === 'number' ? words.facts.cores(cores) : null,
    typeof size === 'number' ? memory(size) : null,
  ];
  const known = parts.filter((part) => part !== null);
  return known.length === 0 ? null : known.join(', ');
}

function pick(value: Json, ...path: string[]): Json {
  let here: Json = value;
  for (const key of path) {
    if (here === null || typeof here !== 'object' || Array.isArray(here)) return null;
    here = here[key] ?? null;
  }
  return here;
}

function barOf(machine: MachineWire, now: number): Tile['bar'] {
  const { boot, usual } = machine;
  const worth =
    boot !== null &&
    machine.state !== 'unknown' &&
    (machine.state === 'boot' || (boot.state === 'good' && machine.state !== 'fault'));
  if (!worth) return null;
  const took = elapsed(boot, now);
  // A quarter of room behind the usual end; without history the axis grows in rounded steps.
  const end = usual === null ? axisEnd(took * 1.1) : Math.max(usual.seconds * 1.28, took * 1.05);
  return { spans: spans(boot, now), end, usual: usual?.seconds ?? null };
}

/** Power as commanded and as observed; only one word where they agree. */
function powerOf(machine: MachineWire, now: number, linkOld: boolean): string {
  const { commanded, observed, observed_at } = machine.power;
  const heard =
    machine.heard === null ? words.power.never : words.power.onHeard(age(now - time(machine.heard.at)));
  const { press } = machine.power;
  if (observed === 'unknown' && press?.to === 'on' && machine.power.mismatch === null)
    return words.power.pressed(age(now - time(press.started)));
  if (observed === 'unknown') return `${words.power.unknown}, ${heard}`;
  const told = machine.power.mismatch === null && commanded !== 'unknown' && commanded !== observed;
  if (told) {
    return `${words.power.differ(commanded, observed)}: ${heard}`;
  }
  if (observed === 'off') {
    if (machine.link === false && !linkOld) return words.power.offNoLink;
    return observed_at === null ? machine.word : words.power.offSince(clock(time(observed_at)));
  }
  return `${observed}: ${heard}`;
}

/** The port's link and its speed in Mbit/s; what cannot be seen is unknown, not absent. */
function linkOf({ link, link_speed }: MachineWire): string {
  if (link === null) return words.power.linkUnknown;
  if (!link) return words.power.noLink;
  return link_speed === null ? words.power.linkUp : String(link_speed);
}

function rightOf(machine: MachineWire, now: number): string {
  const { boot, usual } = machine;
  // A wipe takes as long as its disks are large; the usual boot says nothing of it.
  if (boot === null || machine.state === 'unknown' || machine.wiping?.broken_off === false) return '';
  const took = elapsed(boot, now);
  if (boot.state === 'running') {
    if (usual === null) return words.board.first;
    const left = usual.seconds - took;
    if (Math.abs(left) < NEAR_S) return words.board.soon;
    return left > 0 ? words.board.toGo(roughly(left)) : words.board.longer(duration(-left));
  }
  if (boot.state !== 'good') return '';
  const text = words.board.boot(measured(took));
  return usual === null ? text : `${text}, ${words.board.usual(measured(usual.seconds))}`;
}
