// Networks as the page lists them. No markup here.
import type { WifiNetworkWire } from '../../api/wire';
import { words } from '../../words';

/** WPA takes nothing shorter. */
const SHORTEST = 8;

export interface Network {
  id: string;
  name: string;
  ssid: string | null;
  secured: boolean;
  says: string;
}

/** The strongest sender of each name; hidden ones stay apart, they have none. */
export function networksOf(heard: WifiNetworkWire[]): Network[] {
  const strongest = [...heard].sort((a, b) => b.signal - a.signal);
  const seen = new Set<string>();
  return strongest.flatMap((network) => {
    const id = network.ssid === null ? `hidden ${network.bssid}` : `named ${network.ssid}`;
    if (seen.has(id)) return [];
    seen.add(id);
    const secured = network.secured !== null;
    return [
      {
        id,
        name: network.ssid ?? words.wifi.hidden,
        ssid: network.ssid,
        secured,
        says: `${words.wifi.signal(network.signal)}, ${secured ? words.wifi.secured : words.wifi.open}`,
      },
    ];
  });
}

/** Why it cannot be joined yet. */
export function whyNot(network: Network, password: string, watched: string | null): string | null {
  if (watched !== null) return watched;
  if (network.ssid === null) return words.wifi.cannotHidden;
  return network.secured && password.length < SHORTEST ? words.wifi.tooShort : null;
}
