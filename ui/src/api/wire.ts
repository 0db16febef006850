// The names under which the UI knows what crosses the wire. Shapes are the engine's; see wire.rs.
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface FailureWire {
  code: string;
  what: string;
  why: string;
  remedy: string;
}
export interface StartedWire {
  run: number;
  lab: string;
  state: string;
}
export interface MarkWire {
  mark: string;
  at: number | null;
  detail: Json;
}
export interface PhaseWire {
  phase: string;
  started: string;
  seconds: number | null;
  marks: MarkWire[];
}
export interface BootWire {
  id: number;
  machine: string;
  run: number | null;
  cause: string;
  state: string;
  reason: string | null;
  started: string;
  ended: string | null;
  seconds: number | null;
  phases: PhaseWire[];
}
export interface EventWire {
  seq: number;
  at: string;
  mono_us: number;
  host_boot: string;
  run: number | null;
  boot: number | null;
  actor: string;
  reason: string | null;
  subject: string;
  kind: string;
  says: string;
  data: Json;
  schema: number;
}
export interface PacketWire {
  at: string;
  direction: string;
  proto: string;
  bytes: number;
  says: string;
}
export interface RunMachineWire {
  machine: string;
  box: number | null;
  state: string;
  boot: number | null;
  facts: Json;
  failure: FailureWire | null;
}
export interface StepWire {
  id: string;
  words: string;
  tells: string;
  state: string;
  started: string | null;
  seconds: number | null;
  limit_s: number;
  done: number;
  failed: number;
  total: number;
  undo: string | null;
}
export interface TaskWire {
  step: string;
  subject: string;
  state: string;
  attempt: number;
  started: string | null;
  seconds: number | null;
  failure: FailureWire | null;
}
export interface RunWire {
  run: number;
  lab: string;
  title: string;
  state: string;
  reason: string | null;
  actor: string;
  started: string;
  ended: string | null;
  seconds: number | null;
  usual_seconds: number | null;
  step: string | null;
  machines: RunMachineWire[];
  steps: StepWire[];
  tasks: TaskWire[];
}
export interface BoardWire {
  name: string;
  kind: string;
  badge: string | null;
  shelf: number[][];
  speed: number;
}
export interface StorageWire {
  why: string;
  since: string;
  waiting: number;
}
export interface ServiceWire {
  name: string;
  ready: boolean;
  says: string;
}
export interface EngineWire {
  version: string;
  started: string | null;
  storage: StorageWire | null;
  services: ServiceWire[];
}
export interface PressWire {
  to: string;
  started: string;
  ended: string | null;
  failure: FailureWire | null;
}
export interface PowerWire {
  commanded: string;
  observed: string;
  evidence: string | null;
  observed_at: string | null;
  press: PressWire | null;
}
export interface HeardWire {
  at: string;
  what: string;
  patience_ms: number;
}
export interface UsualWire {
  boots: number;
  seconds: number;
  spread: number[];
  phases: number[];
}
export interface TransferWire {
  path: string;
  sent: number;
  total: number;
}
export interface MachineWire {
  box: number;
  name: string;
  mac: string;
  address: string;
  outlet: number;
  port: number | null;
  group: string | null;
  state: string;
  word: string;
  says: string | null;
  power: PowerWire;
  heard: HeardWire | null;
  boot: BootWire | null;
  usual: UsualWire | null;
  transfer: TransferWire | null;
  facts: Json;
  facts_at: string | null;
}
export interface LabWire {
  name: string;
  title: string;
  words: string;
  procedure: string;
  machines: number[];
  good: number;
  total: number;
  usual_seconds: number | null;
  spread: number[] | null;
}
export interface DeviceWire {
  name: string;
  present: boolean;
  since: string;
  failure: FailureWire | null;
}
export interface UnknownWire {
  mac: string;
  code: string;
  first: string;
  last: string;
  times: number;
}
export interface StatusWire {
  seq: number;
  now: string;
  board: BoardWire;
  engine: EngineWire;
  machines: MachineWire[];
  run: RunWire | null;
  labs: LabWire[];
  devices: DeviceWire[];
  unknown: UnknownWire[];
  counters: Record<string, number>;
}
