// Plain requests to /api/v1. Every wait has a deadline; every failure becomes words.
import { words } from '../words';
import type {
  BootWire,
  ConsoleWire,
  EventWire,
  ExplanationWire,
  FailureWire,
  MeasuredWire,
  PacketWire,
  RunWire,
  StartedWire,
  StatusWire,
} from './wire';

/** Longer than the engine's own slowest answer, shorter than a visitor's patience. */
const DEADLINE_MS = 5_000;

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

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(DEADLINE_MS) });
  } catch (cause) {
    const late = cause instanceof DOMException && cause.name === 'TimeoutError';
    throw new ApiError(0, late ? words.errors.late : words.errors.unreachable);
  }
  if (!response.ok) throw new ApiError(response.status, await failureOf(response));
  return response;
}

const get = async <T>(path: string): Promise<T> => (await (await ask(`/api/v1${path}`)).json()) as T;

const post = async (path: string, body: unknown): Promise<Response> =>
  ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const remove = async (path: string): Promise<Response> => ask(path, { method: 'DELETE' });

const name = encodeURIComponent;

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
  heartbeat: (page: string, painted: number) => post('/gateway/heartbeat', { page, painted_seq: painted }),
};

/** Any thrown value as words for an error note. */
export const failureFrom = (error: unknown): FailureWire =>
  error instanceof ApiError
    ? error.failure
    : words.errors.page(error instanceof Error ? error.message : String(error));
