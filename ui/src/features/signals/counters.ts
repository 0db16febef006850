// The owner's counters in groups, and who talks most. No markup here.
import type { CountersWire, TalkerWire } from '../../api/wire';
import { count, rate } from '../../format';
import { words } from '../../words';

const say = words.signals;

export type GroupId = keyof typeof say.groups;

export interface Count {
  name: string;
  label: string;
  /** `–` where nobody tells: unknown is not zero. */
  value: string;
  rate: string;
}

export interface Group {
  id: GroupId;
  title: string;
  /** Who tells it, or why nobody does. */
  source: string;
  known: boolean;
  counts: Count[];
}

const UNKNOWN = '–';

/** Which group a counter of the owner's is in, by how its name begins. */
const BEGINS: [string, GroupId][] = [
  ['NumDHCP', 'dhcp'],
  ['NumDNS', 'dns'],
  ['NumCert', 'certificates'],
  ['NumFirewall', 'firewall'],
  ['NumPhysicalPXE', 'boots'],
  ['NumVirtualPXE', 'boots'],
];
const MAPS: Record<string, GroupId> = {
  DHCPServed: 'dhcp',
  ChainServed: 'boots',
  IPXEServed: 'boots',
  AssetsServed: 'boots',
};

const groupOf = (name: string): GroupId => BEGINS.find(([begin]) => name.startsWith(begin))?.[1] ?? 'levels';

export function groupsOf(counters: CountersWire): Group[] {
  return (Object.keys(say.groups) as GroupId[]).map((id) => {
    const own = counters.counters.filter((counter) => groupOf(counter.name) === id);
    const source = own.find((counter) => counter.source !== 'absent')?.source ?? 'absent';
    const known = source !== 'absent';
    const counts = own.map(({ name, value, rate: perSecond }) => ({
      name,
      label: say.counters[name] ?? name,
      value: value === null ? UNKNOWN : count(value),
      rate: perSecond === null ? '' : rate(perSecond),
    }));
    const maps = Object.entries(counters.served)
      .filter(([name]) => MAPS[name] === id)
      .map(([name, served]) => ({
        name,
        label: say.served[name] ?? name,
        value: served === null ? UNKNOWN : count(sum(Object.values(served))),
        rate: served === null ? '' : servedTo(served),
      }));
    return {
      id,
      title: say.groups[id],
      source: known ? (say.source[source] ?? source) : say.absent[id],
      known,
      counts: [...counts, ...maps],
    };
  });
}

const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);

function servedTo(served: Record<string, number>): string {
  const n = Object.keys(served).length;
  return n === 0 ? '' : say.servedTo(n);
}

/** The loudest first, by what they say now, then by all that they said. */
export const loudest = (talkers: TalkerWire[]): TalkerWire[] =>
  [...talkers].sort((a, b) => b.rate - a.rate || b.records - a.records || a.name.localeCompare(b.name));
