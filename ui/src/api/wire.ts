// The names under which the UI knows what crosses the wire; the shapes are generated from the engine's own types.
import type { components } from './generated/schema';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * The description calls everything that may be `null` optional as well, but the engine writes every field; and it has no
 * shape for free JSON.
 */
type Whole<T> = T extends Record<string, never> ? Json : { [K in keyof T]-?: Whole<T[K]> };
type Wire<Name extends keyof components['schemas']> = Whole<components['schemas'][Name]>;

export type FailureWire = Wire<'FailureWire'>;
export type StartedWire = Wire<'StartedWire'>;
export type ConsoleWire = Wire<'ConsoleWire'>;
export type VerdictWire = Wire<'VerdictWire'>;
export type RuledOutWire = Wire<'RuledOutWire'>;
export type ExplanationWire = Wire<'ExplanationWire'>;
export type TroubleWire = Wire<'TroubleWire'>;
export type MeasuredWire = Wire<'MeasuredWire'>;
export type RivalWire = Wire<'RivalWire'>;
export type DueWire = Wire<'DueWire'>;
export type MarkWire = Wire<'MarkWire'>;
export type PhaseWire = Wire<'PhaseWire'>;
export type BootWire = Wire<'BootWire'>;
export type EventWire = Wire<'EventWire'>;
export type PacketWire = Wire<'PacketWire'>;
export type RunMachineWire = Wire<'RunMachineWire'>;
export type StepWire = Wire<'StepWire'>;
export type TaskWire = Wire<'TaskWire'>;
export type RunWire = Wire<'RunWire'>;
export type BoardWire = Wire<'BoardWire'>;
export type ServiceWire = Wire<'ServiceWire'>;
export type UsualWire = Wire<'UsualWire'>;
export type MachineWire = Wire<'MachineWire'>;
export type LabWire = Wire<'LabWire'>;
export type DeviceWire = Wire<'DeviceWire'>;
export type DeviceTestWire = Wire<'DeviceTestWire'>;
export type PowerWire = Wire<'PowerWire'>;
export type OutletWire = Wire<'OutletWire'>;
export type PressedWire = Wire<'PressedWire'>;
export type SwitchWire = Wire<'SwitchWire'>;
export type PortWire = Wire<'PortWire'>;
export type PortsSetWire = Wire<'PortsSetWire'>;
export type RouterWire = Wire<'RouterWire'>;
export type UplinkWire = Wire<'UplinkWire'>;
export type WifiNetworkWire = Wire<'WifiNetworkWire'>;
export type PlaceWire = Wire<'PlaceWire'>;
export type EndingWire = Wire<'EndingWire'>;
export type ReplacementWire = Wire<'ReplacementWire'>;
export type ReplacedWire = Wire<'ReplacedWire'>;
export type UnknownWire = Wire<'UnknownWire'>;
export type StatusWire = Wire<'StatusWire'>;
export type StreamWire = Wire<'StreamWire'>;
export type SilenceWire = Wire<'SilenceWire'>;
export type CertificatesWire = Wire<'CertificatesWire'>;
export type CertificateWire = Wire<'CertificateWire'>;
export type GateWire = Wire<'GateWire'>;
export type ClockWire = Wire<'ClockWire'>;
export type ClockSourceWire = Wire<'ClockSourceWire'>;
export type HealthWire = Wire<'HealthWire'>;
export type RecordWire = Wire<'RecordWire'>;
export type RecordsWire = Wire<'RecordsWire'>;
export type CountersWire = Wire<'CountersWire'>;
export type CounterWire = Wire<'CounterWire'>;
export type TalkerWire = Wire<'TalkerWire'>;
export type ResetWire = Wire<'ResetWire'>;
export type TickWire = Wire<'TickWire'>;
