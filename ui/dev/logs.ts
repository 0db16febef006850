// The made-up board's log records and counters. A record's number says when it came, so that any stretch can be told again.
import type { CountersWire, RecordWire } from '../src/api/wire';
import { iso, type Scene } from './records.ts';

const LEVELS = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'];

const LINES: [string, string, string, string, string][] = [
  ['boss', 'dnsmasq.service', 'info', 'collector', 'dnsmasq-dhcp: DHCPACK(lan) 192.168.122.15 node5'],
  ['wally', 'kernel', 'warning', 'syslog-udp', 'drop wan in: IN=wan SRC=203.0.113.9 PROTO=TCP DPT=22'],
  ['node1', 'kubelet', 'info', 'talos', 'Started container probe in pod default/probe-7f9c'],
  ['node2', 'kernel', 'notice', 'talos', 'virbr0: port 3(vnet2) entered forwarding state'],
  ['boss', 'step-ca.service', 'info', 'collector', 'certificate of boss.local renewed, 24 h'],
  ['node3', 'etcd', 'debug', 'talos', 'applied index 48112, took 1.2 ms'],
  ['boss', 'dnsmasq.service', 'info', 'collector', 'query[A] registry.boss.local from 192.168.122.13'],
  ['node4', 'libvirtd', 'error', 'collector', 'Domain w2 has vanished: QEMU ended with signal 9'],
  ['boss', 'nginx.service', 'info', 'collector', '"GET /1.0/default HTTP/1.1" 200 1182 from 192.168.122.14'],
  ['', 'app', 'unknown', 'syslog-udp', 'a line that names neither its machine nor its level'],
];

/** Records a second. */
const paceOf = (scene: Scene) => (scene === 'flood' ? 200 : scene === 'empty' || scene === 'silent' ? 0 : 12);
/** What a silent board had recorded before. */
const QUIET = 400;

export function recordAt(id: number, t0: number, pace: number): RecordWire {
  const [node, service, level, stream, message] = LINES[(id * 7) % LINES.length] ?? ['', '', '', '', ''];
  const at = pace === 0 ? t0 - 35_000 - (QUIET - id) * 80 : t0 + (id / pace) * 1000;
  const time = id % 10 === 9 ? null : iso(at - 180);
  return { id, seen: iso(at), time, stream, node, service, level, message: `${message} (${id})` };
}

/** Records that were there before somebody looked. */
const first = (pace: number) => (pace === 0 ? QUIET : 5_000);

/** Number of the newest record there is. */
export function newest(scene: Scene, t0: number): number {
  if (scene === 'empty') return 0;
  const pace = paceOf(scene);
  const base = first(pace);
  return pace === 0 ? base : base + Math.floor(((Date.now() - t0) / 1000) * pace);
}

export const recordOf = (scene: Scene, id: number, t0: number): RecordWire => {
  const pace = paceOf(scene);
  return { ...recordAt(pace === 0 ? id : id - first(pace), t0, pace), id };
};

export function passes(record: RecordWire, query: URLSearchParams): boolean {
  const level = query.get('level');
  const rank = (word: string) => (word === 'unknown' ? 6 : LEVELS.indexOf(word));
  const node = query.get('node');
  const service = query.get('service');
  const grep = (query.get('grep') ?? '').toLowerCase().split(/\s+/);
  return (
    (node === null || node.split(',').includes(record.node)) &&
    (service === null || service === record.service) &&
    (level === null || rank(record.level) <= rank(level)) &&
    grep.every((word) => record.message.toLowerCase().includes(word))
  );
}

export function page(
  scene: Scene,
  t0: number,
  query: URLSearchParams,
): { records: RecordWire[]; more: null } {
  const limit = Number(query.get('limit') ?? 100);
  const records: RecordWire[] = [];
  for (let id = newest(scene, t0); id > 0 && records.length < limit && records.length < 5_000; id -= 1) {
    const record = recordOf(scene, id, t0);
    if (passes(record, query)) records.push(record);
    if (id < newest(scene, t0) - 5_000) break;
  }
  return { records, more: null };
}

const NAMES: [string, number][] = [
  ['NumMessages', 1_244_901],
  ['NumEmergencyMessages', 0],
  ['NumAlertMessages', 0],
  ['NumCriticalMessages', 2],
  ['NumErrorMessages', 318],
  ['NumWarnMessages', 40_112],
  ['NumNoticeMessages', 8_104],
  ['NumInfoMessages', 1_190_233],
  ['NumDebugMessages', 6_132],
  ['NumDHCPDiscover', 88],
  ['NumDHCPLeased', 81],
  ['NumDNSQueries', 92_113],
  ['NumDNSLocal', 71_020],
  ['NumDNSRecursions', 12_331],
  ['NumDNSCached', 8_762],
  ['NumCertChecks', 4_102],
  ['NumCertOK', 4_096],
  ['NumCertSigned', 7],
  ['NumCertRenewed', 61],
  ['NumFirewallWanInDrops', 38_911],
  ['NumFirewallWanOutDrops', 0],
  ['NumFirewallWanDrops', 38_911],
  ['NumFirewallLanInDrops', 12],
  ['NumFirewallLanOutDrops', 3],
  ['NumFirewallLanDrops', 15],
  ['NumPhysicalPXEBoots', 14],
  ['NumVirtualPXEBoots', 22],
];

export function countersAt(scene: Scene, t0: number): CountersWire {
  const seconds = (Date.now() - t0) / 1000;
  // The quiet board has nothing but its own services: what nobody tells is unknown.
  const absent = (name: string) =>
    scene === 'empty' || (scene === 'idle' && /^Num(DNS|Firewall|.*Messages)/.test(name));
  const own = (name: string) => /^Num(DHCP|.*PXE)/.test(name);
  const boxes = (times: number) =>
    Object.fromEntries([1, 2, 3, 4, 5, 6].map((box) => [`192.168.122.1${box}`, times + (box % 3)]));
  const told = scene !== 'empty';
  const talker = (name: string, records: number, perSecond: number) => ({
    name,
    records: records + Math.round(perSecond * seconds),
    rate: perSecond,
  });
  return {
    profile: 'labinator',
    since: iso(t0 - 5_400_000),
    counters: NAMES.map(([name, value]) => {
      const unknown = absent(name);
      const perSecond =
        name === 'NumMessages' ? 192 : name === 'NumInfoMessages' ? 180 : value > 30_000 ? 1.2 : 0;
      return {
        name,
        value: unknown ? null : value + Math.round(perSecond * seconds),
        rate: unknown ? null : perSecond,
        source: unknown ? 'absent' : own(name) ? 'engine' : 'log',
      };
    }),
    served: {
      DHCPServed: told ? boxes(3) : null,
      ChainServed: told ? boxes(2) : null,
      IPXEServed: told ? boxes(2) : null,
      AssetsServed: told ? boxes(6) : null,
    },
    nodes: told
      ? [
          talker('boss', 801_223, 96.4),
          talker('node1', 88_120, 31),
          talker('node2', 64_002, 22.2),
          talker('node3', 90_114, 18),
          talker('node4', 71_400, 12.1),
          talker('wally', 40_112, 3.2),
          talker('node5', 21_002, 0.4),
          talker('', 812, 0.1),
          talker('node6', 12_000, 0),
        ]
      : [],
    services: told
      ? [
          talker('dnsmasq.service', 402_113, 71),
          talker('kubelet', 188_004, 44.9),
          talker('kernel', 96_120, 28),
          talker('nginx.service', 81_114, 20.3),
          talker('etcd', 61_400, 14.1),
          talker('step-ca.service', 4_102, 0.2),
        ]
      : [],
  };
}
