// What the made-up machines leave behind: marks, events, packets, facts. See mock.ts.
import type {
  BootWire,
  DeviceWire,
  EventWire,
  Json,
  LabWire,
  MachineWire,
  MeasuredWire,
  PacketWire,
  StatusWire,
  VerdictWire,
} from '../src/api/wire';

export const STATES = [
  'normal',
  'idle',
  'booting',
  'fault',
  'common',
  'wiping',
  'gear',
  'watch',
  'empty',
  'run',
  'done',
  'failed',
  'refuse',
  'expired',
  'behind',
  'silent',
  'many',
  'flood',
  'stranger',
  'lost',
  'login',
] as const;
export type Scene = (typeof STATES)[number];

export const PHASES = ['firmware', 'address', 'loader', 'kernel', 'os', 'service'];
export const USUAL = [9.1, 1.2, 2.4, 6.8, 18.3, 4.9];
export const SAYS = [
  'firmware starts',
  'asks for an address',
  'fetches its loader',
  'fetches its kernel',
  'kernel starts',
  'running, about to report',
];
export const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
export const iso = (ms: number) => new Date(ms).toISOString();

export const FACTS: Json = {
  firmware: {
    vendor: 'American Megatrends',
    version: 'ADLN.01',
    date: '08/14/2024',
    mode: 'uefi',
    secure_boot: false,
  },
  kernel: { release: '6.1.0-40-amd64' },
  cpu: { model: 'Intel N100', cores: 4 },
  memory: { bytes: 8 * 2 ** 30, usable_bytes: 7.6 * 2 ** 30 },
  disks: [{ name: 'nvme0n1', bytes: 256e9, model: 'SSD 256', rotational: false }],
  nics: [{ name: 'enp1s0', mac: '16:09:01:1a:f4:30', driver: 'r8169', speed_mbit: 1000, link: true }],
  product: { vendor: 'Mini', name: 'PC' },
  clock: { offset_s: 0 },
  address: '192.168.122.11',
  simulated: true,
};

export function marksOf(phase: number, from: number, length: number): BootWire['phases'][number]['marks'] {
  const mark = (name: string, part: number, detail: Json) => ({
    mark: name,
    at: from + length * part,
    seq: 4_000 + phase * 10,
    detail,
  });
  switch (phase) {
    case 0:
      return [mark('pressed', 0, { outlet: 6 })];
    case 1:
      return [
        mark('discover', 0, { arch: 7 }),
        mark('address-offered', 0.1, { address: '192.168.122.16', boot_file: 'ipxe.efi' }),
        mark('address-given', 0.4, { address: '192.168.122.16', boot_file: 'ipxe.efi' }),
      ];
    case 2:
      return [
        mark('loader-asked', 0, { path: '/ipxe.efi', proto: 'tftp', found: true }),
        mark('loader-sent', 0.5, {
          path: '/ipxe.efi',
          proto: 'tftp',
          bytes: 1_043_968,
          packets: 716,
          seconds: 0.9,
        }),
        mark('script-asked', 0.9, { path: '/boot/node6.ipxe', proto: 'http', found: true }),
      ];
    case 3:
      return [
        mark('kernel-asked', 0, { path: '/boot/vmlinuz', proto: 'http', found: true }),
        mark('kernel-sent', 0.3, {
          path: '/boot/vmlinuz',
          proto: 'http',
          bytes: 8_152_000,
          packets: 5_602,
          seconds: 0.2,
        }),
        mark('initrd-sent', 1, {
          path: '/boot/probe.img',
          proto: 'http',
          bytes: 61_400_000,
          packets: 42_119,
          seconds: 1.4,
        }),
      ];
    default:
      return [];
  }
}

const KINDS: [string, string, string][] = [
  ['phase-entered', 'node5', 'phase kernel'],
  ['marked', 'node5', 'kernel asked'],
  ['power-observed', 'node3', 'power on: it was heard'],
  ['task-finished', 'node1', 'power up finished'],
  [
    'device-lost',
    'relay board',
    'relay board lost: read the relay board: no answer on its serial line within 1 s',
  ],
  ['boot-ended', 'node2', 'boot good: the machine reported'],
];

/** Why a machine whose boot began then does not go on. */
export const verdictAt = (start: number, box: number): VerdictWire => ({
  code: 'silent-after-link',
  title: 'silent since its link came up',
  about: `node${box}`,
  says: 'Its firmware usually asks for an address 9 s after power (median of 12 boots).',
  since: iso(start + 3_000),
  knowable: iso(start + 27_000),
  evidence: [4_001, 4_002],
  remedy:
    'Look at the screen of this PC. If a system runs there, put the network first in its boot order, or let us do it once it has booted.',
  causes: ['it boots from its disk', 'its firmware waits for a key', 'network boot is off'],
  ruled_out: [
    {
      code: 'no-link',
      title: 'no link since its button was pressed',
      says: 'the link dropped and returned 3 s after the press',
      by: [4_002],
    },
    {
      code: 'service-down',
      title: 'a service of ours is down',
      says: 'five other PCs were answered meanwhile',
      by: [4_003],
    },
  ],
  machines: [],
  asks_screen: true,
});

/** What several machines have in common. */
export const commonAt = (t0: number): VerdictWire => ({
  ...verdictAt(t0 - 41_000, 3),
  code: 'boss-link-down',
  title: 'the controller’s own link is down',
  about: 'board',
  says: 'Four PCs fell silent within 1 s of it.',
  remedy: 'Look at the cable between the controller and the switch.',
  causes: [],
  ruled_out: [],
  machines: ['node3', 'node4', 'node5', 'node6'],
  asks_screen: false,
});

export function event(seq: number, t0: number): EventWire {
  const [kind, subject, says] = KINDS[seq % KINDS.length] ?? ['', '', ''];
  return {
    seq,
    at: iso(t0 + (seq - 4_096) * 500),
    mono_us: seq * 500_000,
    host_boot: 'b',
    run: 31,
    boot: subject.startsWith('node') ? 200 + Number(subject.slice(4)) : null,
    actor: 'engine',
    reason: null,
    subject,
    kind,
    says,
    data: { phase: 'kernel' },
    schema: 1,
  };
}

export const bootEvents = (boot: BootWire): EventWire[] => [
  {
    ...event(3_999, Date.parse(boot.started) + 48_500),
    says: 'boot begins with our press',
    kind: 'boot-started',
  },
  ...boot.phases.map((phase, i) => ({
    ...event(4_000 + i, 0),
    at: phase.started,
    says: `phase ${phase.phase}`,
    kind: 'phase-entered',
  })),
];

export function packets(boot: BootWire): PacketWire[] {
  const at = (s: number) => iso(Date.parse(boot.started) + s * 1000);
  if (boot.phases.length < 2) return [];
  const rows: [number, string, string, number, string][] = [
    [9.1, 'in', 'dhcp', 347, 'DISCOVER, arch 7, PXEClient'],
    [9.11, 'out', 'dhcp', 371, 'OFFER 192.168.122.16, ipxe.efi'],
    [9.6, 'in', 'dhcp', 359, 'REQUEST 192.168.122.16'],
    [9.61, 'out', 'dhcp', 371, 'ACK 192.168.122.16'],
    [10.3, 'in', 'tftp', 58, 'RRQ ipxe.efi, blksize 1468'],
    [10.9, 'out', 'tftp', 1_043_968, 'ipxe.efi, 716 blocks'],
    [12.4, 'in', 'http', 212, 'GET /boot/node6.ipxe'],
    [12.41, 'out', 'http', 1_012, '200 node6.ipxe'],
  ];
  return rows.map(([s, direction, proto, bytes, says]) => ({ at: at(s), direction, proto, bytes, says }));
}

/** What the board can start; `fresh` when nobody has yet. */
export const labsOf = (fresh: boolean): LabWire[] => [
  {
    name: 'rehearsal',
    title: 'Rehearsal',
    words: 'every PC boots into memory, reports and goes off again; no disk is touched',
    procedure: 'rehearsal',
    machines: [1, 2, 3, 4, 5, 6],
    good: fresh ? 0 : 57,
    total: fresh ? 0 : 59,
    usual_seconds: fresh ? null : 58.2,
    spread: fresh ? null : [52, 68],
  },
];

export const LOST: DeviceWire['failure'] = {
  code: 'device-absent',
  what: 'read the relay board',
  why: 'no answer on its serial line within 1 s',
  remedy: 'Check its USB cable and its supply.',
};

export const COUNTERS = {
  'dhcp malformed': 0,
  'dhcp answered': 48,
  'http requests': 1_204,
  'tftp aborted': 2,
  'events dropped': 0,
};

/** What the boxes of a board say whose disks are or were erased. */
export function erasing(box: number, t0: number): Partial<MachineWire> {
  const since = iso(t0 - 41_000);
  const disks = ['sda', 'nvme0n1'];
  switch (box) {
    case 1:
      return {
        state: 'warn',
        word: 'wiping',
        says: 'erases sda, nvme0n1; do not switch it off',
        wiping: { disks, since, broken_off: false },
      };
    case 2:
      return { state: 'off', word: 'off', says: 'its next boot erases all its disks', wipe: [] };
    case 3:
      return { says: 'erased sda, nvme0n1', erased: { at: since, ok: true, says: 'erased sda, nvme0n1' } };
    case 4: {
      const says = 'erased sda; not erased: nvme0n1 (sector 2048 could not be written)';
      return { state: 'warn', word: 'not wiped', says, erased: { at: since, ok: false, says } };
    }
    case 5:
      return {
        state: 'off',
        word: 'off',
        says: 'went off while it erased sda, nvme0n1',
        wiping: { disks, since, broken_off: true },
      };
    default:
      return {};
  }
}

export const troublesAt = (t0: number): StatusWire['troubles'] => [
  {
    service: 'images',
    failure: {
      code: 'boot-file',
      what: 'serve the image of talos',
      why: 'kernel of talos v1.7.6 is damaged: its SHA-256 is not the one that it was added with',
      remedy: 'add talos v1.7.6 again with `statusinator images add`',
    },
    since: iso(t0 - 260_000),
  },
  {
    service: 'dhcp pool',
    failure: {
      code: 'busy',
      what: 'give a machine an address',
      why: 'every address from 192.168.122.200 to 192.168.122.254 is taken',
      remedy: 'make `pool` in the board file larger, or wait until a lease ends',
    },
    since: iso(t0 - 20_000),
  },
];

export const rivalsAt = (t0: number): StatusWire['rivals'] => [
  {
    service: 'dhcp',
    address: '192.168.122.9',
    says: 'it offers 192.168.122.50 to 16:09:01:1a:f4:33',
    since: iso(t0 - 7_300_000),
  },
];

/** Two measurements: the second, with all ways, is the newer one. */
export function measuredAt(t0: number): MeasuredWire[] {
  const list: MeasuredWire[] = [];
  const add = (measurement: number, box: number, way: string, network: number | null, whole: number | null) =>
    list.push({
      measurement,
      machine: `node${box}`,
      boot: 100 + list.length,
      way,
      network_s: network,
      whole_s: whole,
      at: iso(t0 - 90_000_000 + measurement * 2_000_000 + list.length * 60_000),
    });
  [21.4, 22.9, 21.1].forEach((s) => add(12, 2, 'ipxe', s / 3, s + 20));
  for (const i of [0, 1, 2]) {
    add(40, 1, 'owner', 31.2 + i * 1.4, 72.5 + i * 2.1);
    add(40, 1, 'ipxe', 9.8 - i * 0.3, 49.6 + i);
    add(40, 1, 'http', i === 1 ? null : 4.1 + i * 0.2, i === 1 ? null : 41.3 + i);
  }
  return list;
}

/** The program's own services; one of them has no place where something is wrong. */
export const servicesOf = (fault: boolean): StatusWire['engine']['services'] => [
  { name: 'DHCP', ready: true, says: '127.122.122.3:20067' },
  { name: 'TFTP', ready: true, says: '127.122.122.3:20069' },
  {
    name: 'HTTP',
    ready: !fault,
    says: fault ? 'port 8080 is taken by another program' : '127.122.122.3:28080',
  },
];

export const REFUSED = {
  code: 'device-refused',
  what: 'press outlet 5',
  why: 'the relay board answered ERR 3',
  remedy: 'Look at the relay board’s own lamp 5.',
};
