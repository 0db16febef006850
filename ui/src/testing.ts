// Wire forms for tests: whole ones with plain values, of which a test changes what it is about.
import type {
  BootWire,
  CertificateWire,
  CertificatesWire,
  ClockWire,
  DeviceWire,
  MachineWire,
  PowerWire,
  RecordWire,
  RunWire,
  StatusWire,
  StreamWire,
  SwitchWire,
  VerdictWire,
} from './api/wire';

/** 2026-03-01 14:07:12 UTC */
export const T0 = Date.UTC(2026, 2, 1, 14, 7, 12);
export const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();

export const aBoot = (change: Partial<BootWire> = {}): BootWire => ({
  id: 7,
  machine: 'node1',
  run: null,
  cause: 'press',
  state: 'running',
  reason: null,
  started: at(0),
  ended: null,
  seconds: null,
  verdict: null,
  screen: null,
  phases: [
    { phase: 'firmware', started: at(0), seconds: 9, usual: null, expected: null, marks: [] },
    { phase: 'address', started: at(9), seconds: null, usual: null, expected: null, marks: [] },
  ],
  ...change,
});

/** A boot that ended well after 43 s. */
export const aGoodBoot = (change: Partial<BootWire> = {}): BootWire =>
  aBoot({
    state: 'good',
    reason: 'the machine reported',
    ended: at(43),
    seconds: 43,
    phases: ['firmware', 'address', 'loader', 'kernel', 'os', 'service'].map((phase, i) => ({
      phase,
      started: at(i * 7),
      seconds: i === 5 ? 8 : 7,
      usual: null,
      expected: null,
      marks: [],
    })),
    ...change,
  });

export const aPower = (change: Partial<PowerWire> = {}): PowerWire => ({
  commanded: 'off',
  observed: 'off',
  evidence: 'silent',
  observed_at: at(-60),
  press: null,
  nature: 'button',
  memory: 'off',
  forgotten: null,
  mismatch: null,
  ...change,
});

export const aDevice = (change: Partial<DeviceWire> = {}): DeviceWire => ({
  name: 'switch',
  present: true,
  since: at(-600),
  failure: null,
  losses: 0,
  testable: true,
  ...change,
});

export const aSwitch = (change: Partial<SwitchWire> = {}): SwitchWire => ({
  at: at(-1),
  writable: true,
  protected: [7, 8],
  groups: { group1: [6, 5] },
  ports: [
    { port: 6, name: 'node1', machine: 'node1', enabled: true, link: true, speed: 1000 },
    { port: 7, name: 'boss', machine: null, enabled: true, link: true, speed: 1000 },
  ],
  ...change,
});

export const aMachine = (change: Partial<MachineWire> = {}): MachineWire => ({
  box: 1,
  name: 'node1',
  mac: '16:09:01:1a:f4:30',
  address: '192.168.122.11',
  outlet: 1,
  port: 6,
  group: 'group1',
  state: 'off',
  word: 'off',
  says: null,
  power: aPower(),
  heard: null,
  boot: null,
  usual: null,
  transfer: null,
  facts: null,
  facts_at: null,
  verdict: null,
  link: null,
  link_speed: null,
  link_losses: 0,
  port_enabled: null,
  held_back: null,
  due: null,
  way: null,
  faults: [],
  wipe: null,
  wiping: null,
  erased: null,
  ...change,
});

export const aRun = (change: Partial<RunWire> = {}): RunWire => ({
  run: 3,
  lab: 'rehearsal',
  title: 'Rehearsal',
  state: 'running',
  reason: null,
  actor: 'kiosk',
  started: at(0),
  ended: null,
  seconds: null,
  usual_seconds: null,
  step: null,
  machines: [],
  steps: [],
  tasks: [],
  ...change,
});

export const aStatus = (change: Partial<StatusWire> = {}): StatusWire => ({
  seq: 10,
  now: at(0),
  board: {
    name: 'simulated',
    kind: 'simulated',
    badge: 'SIMULATED',
    shelf: [[1, 3], [2]],
    speed: 1,
    watch_only: false,
  },
  engine: { version: '0.1.0', started: at(-100), storage: null, services: [] },
  machines: [],
  run: null,
  labs: [],
  devices: [],
  unknown: [],
  counters: {},
  switch: null,
  router: null,
  uplink: null,
  ending: null,
  replacements: [],
  common: null,
  troubles: [],
  rivals: [],
  streams: [],
  certificates: null,
  clock: null,
  health: null,
  ...change,
});

export const aVerdict = (change: Partial<VerdictWire> = {}): VerdictWire => ({
  code: 'silent-after-link',
  title: 'silent since its link came up',
  about: 'node1',
  says: 'nothing was heard for 60 s',
  since: at(3),
  knowable: at(63),
  evidence: [4],
  remedy: 'look at its screen',
  causes: ['it boots from its disk'],
  ruled_out: [],
  machines: [],
  asks_screen: true,
  ...change,
});

export const aStream = (change: Partial<StreamWire> = {}): StreamWire => ({
  name: 'collector',
  title: 'log records of the collector’s file',
  newest: at(-1),
  items: 100,
  rate: 12,
  dropped: 0,
  bad: 0,
  pace: 2,
  failure: null,
  silence: null,
  ...change,
});

/** One that fell silent 35 s ago. */
export const aSilentStream = (change: Partial<StreamWire> = {}): StreamWire =>
  aStream({
    newest: at(-35),
    rate: 0,
    silence: {
      since: at(-35),
      cause: 'process',
      failure: {
        code: 'device-absent',
        what: 'read the collector’s file',
        why: 'no process named otelcol runs',
        remedy: 'start it',
      },
    },
    ...change,
  });

/** One of a day, good since nine hours. */
export const aCertificate = (change: Partial<CertificateWire> = {}): CertificateWire => ({
  name: 'otelcol',
  used_by: 'log stream',
  place: '/etc/otelcol/tls.crt',
  state: 'good',
  word: change.state ?? 'good',
  says: 'renews at two thirds of its life',
  subject: 'otelcol',
  names: ['otelcol'],
  issuer: 'Lab CA',
  fingerprint: 'ab'.repeat(32),
  not_before: at(-9 * 3600),
  not_after: at(15 * 3600),
  due: at(7 * 3600),
  ours: true,
  note: null,
  failure: null,
  renewed: at(-9 * 3600),
  renewed_by: 'lab CA',
  renewal_tried: null,
  renewal_failure: null,
  renewal_next: null,
  reload: null,
  ...change,
});

export const aCertificates = (change: Partial<CertificatesWire> = {}): CertificatesWire => {
  const list = change.list ?? [aCertificate()];
  return {
    looked: at(-3),
    list,
    worst: list[0] ?? null,
    worst_count: list.filter((one) => one.state === list[0]?.state).length,
    good: list.filter((one) => one.state === 'good').length,
    ca: 'CA',
    ca_failure: null,
    ca_silent_since: null,
    gate: null,
    ...change,
  };
};

export const aClock = (change: Partial<ClockWire> = {}): ClockWire => ({
  trust: 'good',
  says: 'in step (4 ms)',
  remedy: '',
  ahead: 0.004,
  sources: [],
  looked: at(-2),
  ...change,
});

/** Five days behind what has already happened. */
export const aClockBehind = (): ClockWire =>
  aClock({
    trust: 'behind',
    says: '5 d behind the newest event',
    remedy: 'set the clock',
    ahead: -5 * 86_400 - 60,
  });

export const aRecord = (change: Partial<RecordWire> = {}): RecordWire => ({
  id: 1,
  seen: at(0),
  time: at(0),
  stream: 'collector',
  node: 'node1',
  service: 'kubelet',
  level: 'info',
  message: 'started',
  ...change,
});
