// Plain requests to /api/v1. Every wait has a deadline; every failure becomes words.
import { duration } from '../format';
import { words } from '../words';
import type {
  BootWire,
  ConsoleWire,
  CountersWire,
  DeviceTestWire,
  EventWire,
  ExplanationWire,
  FailureWire,
  MeasuredWire,
  OutletWire,
  PacketWire,
  PortsSetWire,
  PlaceWire,
  PressedWire,
  RecordsWire,
  ReplacedWire,
  RunWire,
  StartedWire,
  StatusWire,
  UplinkWire,
  WifiNetworkWire,
} from './wire';

/** Longer than the engine's own slowest answer, shorter than a visitor's patience. */
const DEADLINE_MS = 5_000;
/** A device is given up by its driver after this at the latest. */
const DEVICE_MS = 15_000;
/** A radio listens on every channel in turn. */
const SCAN_MS = 40_000;
/** Leaving, joining, waiting for an address, and back again if there was none. */
const JOIN_MS = 150_000;

/** Every certificate is looked at and what is due is renewed: a CA that hangs is given up after some seconds each. */
const CERTIFICATES_MS = 60_000;
/** A search through a million records on a busy disk. */
const SEARCH_MS = 22_000;

/** What went wrong, in the engine's words where it had any. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly failure: FailureWire,
  ) {
    super(`${failure.what}: ${failure.why}`);
  }
}

const isFailure = (value: unknown): value is FailureWire =>
  typeof value === 'object' &&
  value !== null &&
  ['code', 'what', 'why', 'remedy'].every(
    (key) => typeof (value as Record<string, unknown>)[key] === 'string',
  );

async function failureOf(response: Response): Promise<FailureWire> {
  try {
    const { error } = (await response.json()) as { error?: unknown };
    if (isFailure(error)) return error;
  } catch {
    // Not our JSON: somebody between us and the engine answered.
  }
  return words.errors.status(response.status);
}

async function ask(path: string, init: RequestInit = {}, limit = DEADLINE_MS): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(limit) });
  } catch (cause) {
    const late = cause instanceof DOMException && cause.name === 'TimeoutError';
    throw new ApiError(0, late ? words.errors.late(duration(limit / 1000)) : words.errors.unreachable);
  }
  if (!response.ok) throw new ApiError(response.status, await failureOf(response));
  return response;
}

const get = async <T>(path: string, limit?: number): Promise<T> =>
  (await (await ask(`/api/v1${path}`, {}, limit)).json()) as T;

const post = async (path: string, body: unknown, limit?: number): Promise<Response> =>
  ask(
    path,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    },
    limit,
  );

const remove = async (path: string): Promise<Response> => ask(path, { method: 'DELETE' });

const name = encodeURIComponent;

/** The picture of the status display. */
export const DISPLAY = '/api/v1/display.png';

export interface PowerOrder {
  act: 'on' | 'off' | 'press' | 'resync';
  hold?: 'short' | 'long';
}

export const api = {
  status: () => get<StatusWire>('/status'),
  startLab: async (lab: string, reason: string) =>
    (await (await post(`/api/v1/labs/${name(lab)}/start`, { reason })).json()) as StartedWire,
  cancelRun: async (run: number, reason: string) => {
    await post(`/api/v1/runs/${run}/cancel`, { reason });
  },
  runs: (limit: number) => get<RunWire[]>(`/runs?limit=${limit}`),
  run: (id: number) => get<RunWire>(`/runs/${id}`),
  boots: (machine: string | null, limit: number) =>
    get<BootWire[]>(`/boots?limit=${limit}${machine === null ? '' : `&machine=${name(machine)}`}`),
  boot: (id: number) => get<BootWire>(`/boots/${id}`),
  bootEvents: (id: number) => get<EventWire[]>(`/boots/${id}/events`),
  bootPackets: (id: number) => get<PacketWire[]>(`/boots/${id}/packets`),
  events: (since: number, limit: number) => get<EventWire[]>(`/events?since=${since}&limit=${limit}`),
  /** Boots that were measured, oldest first. */
  measured: () => get<MeasuredWire[]>('/measured'),
  /** Say what a machine's own screen shows: `shows-system`, `waits-for-key` or `is-dark`. */
  answerScreen: async (machine: string, answer: string) =>
    (await (await post(`/api/v1/machines/${name(machine)}/screen`, { answer })).json()) as ExplanationWire,
  /** Let a machine boot again that was held back. */
  rearm: async (machine: string, reason: string) => {
    await post(`/api/v1/machines/${name(machine)}/rearm`, { reason });
  },
  /** Its next boot erases its disks. */
  armWipe: async (machine: string) => {
    await post(`/api/v1/machines/${name(machine)}/wipe`, { confirm: machine });
  },
  disarmWipe: async (machine: string) => {
    await remove(`/api/v1/machines/${name(machine)}/wipe`);
  },
  /** `null` where this board has no consoles. */
  console: async (machine: string): Promise<string | null> => {
    try {
      return (await get<ConsoleWire>(`/machines/${name(machine)}/console`)).text;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  },
  /** What hangs on each outlet, and which may not be pressed. */
  outlets: () => get<OutletWire[]>('/power'),
  /** An order for a machine's outlet; how the press ends is told by the picture. */
  power: async (machine: string, order: PowerOrder, reason: string) =>
    (await (await post(`/api/v1/power/${name(machine)}`, { ...order, reason })).json()) as PressedWire,
  testDevice: async (device: string) =>
    (await (await post(`/api/v1/devices/${name(device)}/test`, {}, DEVICE_MS)).json()) as DeviceTestWire,
  setPort: async (port: number, enabled: boolean, reason: string) =>
    (await (
      await post(`/api/v1/switch/ports/${port}`, { enabled, reason }, DEVICE_MS)
    ).json()) as PortsSetWire,
  setGroup: async (group: string, enabled: boolean, reason: string) =>
    (await (
      await post(`/api/v1/switch/groups/${name(group)}`, { enabled, reason }, 2 * DEVICE_MS)
    ).json()) as PortsSetWire,
  /** After transport: every place of the board, present or not. */
  rollcall: () => get<PlaceWire[]>('/rollcall'),
  /** Everything off; how it goes on is told by the picture. */
  endLab: async (restart: boolean, reason: string) => {
    await post('/api/v1/lab/end', { restart, reason });
  },
  /** A new PC in a broken one's place. */
  replace: async (machine: string, mac: string, reason: string) =>
    (await (await post(`/api/v1/machines/${name(machine)}/replace`, { mac, reason })).json()) as ReplacedWire,
  /** Look at all certificates now, and renew what is due; what came of it is told by the picture. */
  checkCertificates: async () => {
    await post('/api/v1/certificates/check', {}, CERTIFICATES_MS);
  },
  renewCertificate: async (certificate: string) => {
    await post(`/api/v1/certificates/${name(certificate)}/renew`, {}, CERTIFICATES_MS);
  },
  /** Log records that pass, newest first. */
  records: (query: string, limit: number) =>
    get<RecordsWire>(`/logs/records?limit=${limit}${query === '' ? '' : `&${query}`}`, SEARCH_MS),
  counters: () => get<CountersWire>('/logs/counters'),
  networks: () => get<WifiNetworkWire[]>('/router/networks', SCAN_MS),
  joinWifi: async (ssid: string, password: string | null) =>
    (await (await post('/api/v1/router/join', { ssid, password }, JOIN_MS)).json()) as UplinkWire,
  /** Why there is no picture of the display; `null` when there is one. */
  displayFailure: async (): Promise<FailureWire | null> => {
    try {
      await ask(DISPLAY, {}, DEVICE_MS);
      return null;
    } catch (error) {
      return failureFrom(error);
    }
  },
  heartbeat: (page: string, painted: number) => post('/gateway/heartbeat', { page, painted_seq: painted }),
};

/** Any thrown value as words for an error note. */
export const failureFrom = (error: unknown): FailureWire =>
  error instanceof ApiError
    ? error.failure
    : words.errors.page(error instanceof Error ? error.message : String(error));
