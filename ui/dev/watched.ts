// The made-up board's streams, certificates, clock and health, in the states that are hard to bring about. See mock.ts.
import type {
  CertificateWire,
  CertificatesWire,
  ClockWire,
  FailureWire,
  HealthWire,
  StatusWire,
  StreamWire,
} from '../src/api/wire';
import { iso, type Scene } from './records.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const failure = (code: string, what: string, why: string, remedy: string): FailureWire => ({
  code,
  what,
  why,
  remedy,
});

const stream = (name: string, title: string, change: Partial<StreamWire> = {}): StreamWire => ({
  name,
  title,
  newest: iso(Date.now() - 300),
  items: 1_204_331,
  rate: 0,
  dropped: 0,
  bad: 0,
  pace: 2,
  failure: null,
  silence: null,
  ...change,
});

export function streamsOf(scene: Scene, t0: number): StreamWire[] {
  if (scene === 'empty') return [];
  const silent = scene === 'silent';
  // A real rate is never the same twice.
  const jitter = Math.round(3 * Math.sin(Date.now() / 1_700));
  return [
    stream('boot-log', 'what booting machines log', {
      items: 88,
      rate: 0.4,
      pace: null,
      newest: iso(t0 - 9_000),
    }),
    stream('collector', 'the collector’s file /var/log/otelcol/otelcol.jsonl', {
      rate: silent ? 0 : 180 + jitter,
      bad: 3,
      newest: silent ? iso(t0 - 35_000) : iso(Date.now() - 300),
      pace: 8,
      silence: silent
        ? {
            since: iso(t0 - 35_000),
            cause: 'process',
            failure: failure(
              'device-absent',
              'read the collector’s file',
              'no process named otelcol runs',
              'start it on the controller with `systemctl start otelcol`',
            ),
          }
        : null,
    }),
    stream('health', 'the controller’s health', { items: 5_400, rate: 1, pace: 2.1 }),
    stream('links', 'looks at links', { items: 10_800, rate: 2, pace: 1 }),
    stream('switch', 'looks at the switch', { items: 2_700, rate: 0.5, pace: 4 }),
    stream('statusinator', 'this program’s own log', { items: 912, rate: 2, pace: 14 }),
    stream('syslog-udp', 'syslog of the router', { items: 40_112, rate: 30, dropped: silent ? 17 : 0 }),
    stream('talos', 'logs of Talos machines', {
      items: 0,
      rate: null,
      pace: null,
      newest: null,
      ...(silent
        ? {
            failure: failure(
              'port-taken',
              'listen on port 6051',
              'another program has it',
              'stop that program, or give another port in the board file under [logs]',
            ),
          }
        : {}),
    }),
  ];
}

const certificate = (name: string, used_by: string, change: Partial<CertificateWire>): CertificateWire => ({
  name,
  used_by,
  place: `/etc/ssl/lab/${name}.crt`,
  state: 'good',
  word: change.state ?? 'good',
  says: 'good',
  subject: `CN=${name}`,
  names: [name, '192.168.122.1'],
  issuer: 'CN=Lab Intermediate CA',
  fingerprint: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  not_before: null,
  not_after: null,
  due: null,
  ours: false,
  note: null,
  failure: null,
  renewed: null,
  renewed_by: null,
  renewal_tried: null,
  renewal_failure: null,
  renewal_next: null,
  reload: null,
  ...change,
});

/** One of a day, `gone` of its 24 hours ago. */
const daily = (t0: number, gone: number): Partial<CertificateWire> => ({
  ours: true,
  not_before: iso(t0 - gone * HOUR),
  not_after: iso(t0 + (24 - gone) * HOUR),
  due: iso(t0 + (16 - gone) * HOUR),
  renewed: iso(t0 - gone * HOUR),
  renewed_by: 'step-ca: renew',
  reload: 'systemctl reload-or-restart: done in 0.3 s',
  says: 'renews at two thirds of its life',
});
const long = (t0: number, days: number, of: number): Partial<CertificateWire> => ({
  not_before: iso(t0 + (days - of) * DAY),
  not_after: iso(t0 + days * DAY),
});

const SILENT_CA = failure(
  'unreachable',
  'renew otelcol at the lab CA',
  'CA did not answer',
  'look whether step-ca runs on the controller: `systemctl status step-ca`',
);

export function certificatesOf(scene: Scene, t0: number): CertificatesWire | null {
  if (scene === 'empty') return null;
  const bad = scene === 'expired' || scene === 'behind';
  const list = [
    certificate('boss.local', 'web pages, registry, API', daily(t0, 9.4)),
    certificate('otelcol', 'log stream', {
      ...daily(t0, bad ? 16.84 : 3.2),
      ...(bad
        ? {
            state: 'late',
            says: 'its renewal is late: CA did not answer',
            renewal_tried: iso(t0 - 40_000),
            renewal_failure: SILENT_CA,
            renewal_next: iso(t0 + 120_000),
          }
        : {}),
    }),
    certificate('lab CA', 'intermediate', long(t0, 6 * 365 + 201, 3_650)),
    certificate('Talos client', 'os:admin', { ...long(t0, 321, 365), place: 'talosconfig' }),
    certificate('Kubernetes client', 'admin@hybrid-2', { ...long(t0, 321, 365), place: 'kubeconfig' }),
    certificate('wally', 'router page', {
      ...long(t0, bad ? -2 : 40, 90),
      place: '192.168.122.1:443',
      note: 'not ours to renew: open its page, System › HTTPS',
      ...(bad
        ? { state: 'expired', says: 'expired; not ours to renew: open its page, System › HTTPS' }
        : { says: 'good; not ours to renew: open its page, System › HTTPS' }),
    }),
    ...(scene === 'many' ? many(t0) : []),
  ].map((one) =>
    scene === 'behind'
      ? { ...one, state: 'unknown', word: 'unknown', says: 'not judged: the clock is not right' }
      : one,
  );
  const rank = ['good', 'unknown', 'late', 'not-yet-valid', 'wrong-name', 'chain-broken', 'expired'];
  const worst = [...list].sort(
    (a, b) =>
      rank.indexOf(b.state) - rank.indexOf(a.state) ||
      Date.parse(a.not_after ?? '') - Date.parse(b.not_after ?? ''),
  )[0];
  return {
    looked: iso(Date.now() - 4_000),
    list,
    worst: worst ?? null,
    worst_count: list.filter((one) => one.state === worst?.state).length,
    good: list.filter((one) => one.state === 'good').length,
    ca: 'CA',
    ca_failure: bad ? SILENT_CA : null,
    ca_silent_since: bad ? iso(t0 - 52 * 60_000) : null,
    gate: {
      at: iso(t0 - 5_400_000),
      good: 6,
      renewed: 6,
      failed: [],
      seconds: 1.9,
      off_seconds: 7 * 86_400 + 4 * 3_600,
    },
  };
}

/** More than one screen holds, and every state that there is. */
const many = (t0: number): CertificateWire[] => [
  certificate('registry', 'images', {
    ...daily(t0, 2),
    state: 'wrong-name',
    word: 'wrong name',
    says: 'it is not for boss.lan',
  }),
  certificate('grafana', 'graphs', {
    ...daily(t0, 2),
    state: 'chain-broken',
    word: 'chain broken',
    says: 'its intermediate is not signed by the lab’s root',
  }),
  certificate('printer', 'nobody', {
    ...long(t0, 30, 60),
    state: 'not-yet-valid',
    word: 'not yet valid',
    not_before: iso(t0 + 5 * HOUR),
    says: 'it is valid only later: its maker’s clock or ours is wrong',
  }),
];

export function clockOf(scene: Scene): ClockWire | null {
  if (scene === 'empty') return null;
  const source = (source: string, name: string, ahead: number | null, says: string, synced?: boolean) => ({
    source,
    name,
    ahead,
    synced: synced ?? null,
    says,
  });
  if (scene === 'behind') {
    const ahead = -5 * 86_400 - 7_300;
    return {
      trust: 'behind',
      says: '5 d behind the newest event',
      remedy: 'set the clock, or let chrony reach a server: `chronyc makestep`',
      ahead,
      sources: [
        source('ntp', 'chrony', null, 'follows no server', false),
        source('store', 'newest event', ahead, 'recorded 5 d after the time that is now'),
        source('build', 'this program', 7 * 86_400, 'built before'),
      ],
      looked: iso(Date.now() - 2_000),
    };
  }
  return {
    trust: scene === 'idle' ? 'unconfirmed' : 'good',
    says: scene === 'idle' ? 'not confirmed by anybody' : 'in step (4 ms)',
    remedy: '',
    ahead: scene === 'idle' ? null : 0.004,
    sources: [
      source('ntp', 'chrony', scene === 'idle' ? null : 0.004, 'follows pool server 2', scene !== 'idle'),
      source('router', 'wally', 0.6, 'its own clock'),
      source('store', 'newest event', 1, 'recorded just now'),
      source('certificate', 'youngest certificate', 11_520, 'made before'),
      source('build', 'this program', 7 * 86_400, 'built before'),
    ],
    looked: iso(Date.now() - 2_000),
  };
}

export const healthOf = (scene: Scene): HealthWire | null =>
  scene === 'empty'
    ? null
    : {
        at: iso(Date.now() - 600),
        cpu: 0.31 + 0.05 * Math.sin(Date.now() / 3_000),
        softirq: 0.04,
        memory_used: 2.9 * 2 ** 30,
        memory_total: 7.6 * 2 ** 30,
        disk_free: scene === 'silent' ? 0.9e9 : 61e9,
        disk_total: 119e9,
        celsius: scene === 'silent' ? 86 : 51,
        socket_drops: scene === 'silent' ? 212 : 0,
        backlog_drops: scene === 'idle' ? null : 0,
      };

/** What the engine says of figures that are not usual any more. */
export const healthTroubles = (scene: Scene, t0: number): StatusWire['troubles'] =>
  scene !== 'silent'
    ? []
    : [
        {
          service: 'disk',
          failure: failure('storage', 'keep records', 'only 900 MB of 119 GB are free', 'make room'),
          since: iso(t0 - 90_000),
        },
        {
          service: 'temperature',
          failure: failure('busy', 'stay cool', 'its hottest sensor says 86 °C', 'clean its fan'),
          since: iso(t0 - 20_000),
        },
      ];
