// What a machine's power is, told and seen apart, and what may be pressed about it. No markup here.
import type { PowerOrder } from '../../api/client';
import type { MachineWire } from '../../api/wire';
import type { State } from '../../domain';
import { age, clockSeconds, sentence, time } from '../../format';
import { SWITCH_PERIOD_MS, reading } from '../../reading';
import { words } from '../../words';

export interface Line {
  name: string;
  says: string;
  stale: boolean;
}

/** One line for each thing that is known, in the order in which people ask. */
export function linesOf(machine: MachineWire, now: number): Line[] {
  const { power, heard } = machine;
  const say = words.machine;
  const lines: Line[] = [];
  const add = (name: string, says: string, stale = false) => lines.push({ name, says, stale });
  add(say.told, power.commanded);
  if (power.forgotten !== null) {
    add(say.remembers, say.forgot(clockSeconds(time(power.forgotten))));
  } else if (power.memory !== power.commanded && power.nature === 'button') {
    add(say.remembers, power.memory);
  }
  const since = power.observed_at === null ? null : clockSeconds(time(power.observed_at));
  add(say.seen, since === null ? power.observed : say.since(power.observed, since));
  add(say.rests, power.evidence ?? words.power.rests.toLowerCase());
  const heardAge = heard === null ? null : now - time(heard.at);
  add(
    say.heard,
    heard === null || heardAge === null ? words.power.never : say.heardAs(heard.what, age(heardAge)),
    heard !== null && heardAge !== null && power.observed === 'on' && heardAge > heard.patience_ms,
  );
  add(say.press, pressOf(machine, now));
  add(say.behind, say.nature[power.nature] ?? power.nature);
  return lines;
}

function pressOf({ power }: MachineWire, now: number): string {
  const say = words.machine;
  const press = power.press;
  if (press === null) return say.notPressed;
  const since = age(now - time(press.started));
  if (press.ended === null) return say.pressing(press.to, since);
  return press.failure === null ? say.pressed(press.to, since) : say.pressFailed(press.to, since);
}

/** The link and the port that it hangs on. `read` is when the switch was last read. */
export function linkLines(machine: MachineWire, read: string | null, now: number): Line[] {
  const say = words.machine;
  const { link, link_speed, link_losses, port, port_enabled } = machine;
  const speed = link === true && link_speed !== null ? `, ${words.facts.speed(link_speed)}` : '';
  const up = link === null ? words.unknown : words.facts.link(link);
  const old = read === null ? null : reading(read, SWITCH_PERIOD_MS, now);
  const stale = old?.stale === true;
  const aged = (says: string) => (stale ? `${says}, ${old.says}` : says);
  const portSays = port === null ? say.noPort : aged(say.portIs(port, port_enabled));
  return [
    { name: say.link, says: aged(`${up}${speed}, ${say.losses(link_losses)}`), stale },
    { name: say.port, says: portSays, stale },
  ];
}

export interface Act {
  id: string;
  label: string;
  hint: string;
  question: string;
  yes: string;
  order: PowerOrder;
  /** Why it cannot be done now. */
  blocked: string | null;
}

const ORDERS: Record<string, PowerOrder> = {
  resync: { act: 'resync' },
  // Not a bare press: the engine knows what its outlet remembers, and may have to let go of it first.
  'short-press': { act: 'on' },
  'long-press': { act: 'press', hold: 'long' },
};

/** What may be held, the safe one first; `watched` is the reason when nothing may. */
export function actsOf(machine: MachineWire, watched: string | null): { offers: Act[]; plain: Act[] } {
  const { power } = machine;
  const say = words.machine;
  const pc = words.pc(machine.box);
  const busy = power.press !== null && power.press.ended === null ? say.underWay : null;
  const offered = power.mismatch === null ? [] : order(power.mismatch.safe, power.mismatch.offers);
  const offers = offered.flatMap((id): Act[] => {
    const known = ORDERS[id];
    if (known === undefined) return [];
    return [
      {
        id,
        label: say.offer[id] ?? id,
        hint: say.offerTells[id] ?? words.hold.hint,
        question: say.ask[id]?.(pc) ?? id,
        yes: say.yes[id] ?? id,
        order: known,
        // To take it as seen presses nothing, so a press under way does not stand against it.
        blocked: watched ?? (id === 'resync' ? null : busy),
      },
    ];
  });
  const plain: Act[] = [];
  if (!offered.includes('short-press')) {
    plain.push({
      id: 'on',
      label: say.on,
      hint: words.hold.hint,
      question: say.ask['short-press']?.(pc) ?? '',
      yes: say.yes['short-press'] ?? '',
      order: { act: 'on' },
      blocked: watched ?? busy ?? whyNotOn(machine),
    });
  }
  if (!offered.includes('long-press')) {
    plain.push({
      id: 'off',
      label: say.off,
      hint: words.hold.hint,
      question: say.askOff(pc),
      yes: say.yesOff,
      order: { act: 'off' },
      blocked: watched ?? busy ?? (power.observed === 'off' ? say.isOff : null),
    });
  }
  return { offers, plain };
}

const order = (safe: string, offers: string[]): string[] => [
  ...offers.filter((id) => id === safe),
  ...offers.filter((id) => id !== safe),
];

function whyNotOn({ power }: MachineWire): string | null {
  if (power.observed === 'on') return words.machine.isOn;
  // A short press on a running PC asks it to shut down; only a button is ambiguous in this way.
  return power.nature === 'button' && power.observed === 'unknown' ? words.machine.doubt : null;
}

/** The mark of what was seen; a press under way is no state of the machine. */
export const seenState = (machine: MachineWire): State =>
  machine.power.observed === 'on' ? 'up' : machine.power.observed === 'off' ? 'off' : 'unknown';

/** The sentence over the buttons. */
export const mismatchOf = (machine: MachineWire): string | null =>
  machine.power.mismatch === null ? null : sentence(machine.power.mismatch.says);
