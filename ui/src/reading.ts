// How old a reading of a device is, and what the router's way to the world is, in words that several screens share.
import type { StatusWire } from './api/wire';
import type { State } from './domain';
import { age, time } from './format';
import { words } from './words';

/** The engine reads the switch after a pause of 1 s; its pages take up to another. */
export const SWITCH_PERIOD_MS = 2_000;
/** And the router after a pause of 5 s. */
export const ROUTER_PERIOD_MS = 6_000;
/** Our own pause between two pictures of the display. */
export const PICTURE_PERIOD_MS = 1_000;

/** How old a reading is, in words, and whether it is too old to be taken for the present. */
export interface Reading {
  says: string;
  stale: boolean;
}

export function reading(at: string, period: number, now: number): Reading {
  const old = Math.max(0, now - time(at));
  const stale = old > 3 * period;
  return { says: stale ? words.gear.old(age(old)) : words.gear.read(age(old)), stale };
}

/** The way to the world: state, and what is known of it. */
export function uplinkOf(uplink: StatusWire['uplink']): { state: State; says: string } {
  if (uplink === null) return { state: 'unknown', says: words.gear.uplinkUnknown };
  const parts = [
    words.gear.uplinkIs(uplink.up, uplink.interface),
    uplink.ssid,
    uplink.signal === null ? null : words.wifi.signal(uplink.signal),
    uplink.address ?? words.gear.noAddress,
  ];
  return { state: uplink.up ? 'up' : 'warn', says: parts.filter((part) => part !== null).join(', ') };
}
