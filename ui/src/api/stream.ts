// Follows the engine: one event stream that resumes where it broke off, and says honestly when it has broken off.
import { ApiError } from './client';
import type { Message } from './picture';
import type { EventWire, FailureWire, ResetWire, StatusWire, TickWire } from './wire';

export type Link =
  | { state: 'connecting'; since: number }
  | { state: 'live' }
  | { state: 'lost'; since: number; failure: FailureWire | null }
  | { state: 'login' };

/** The engine ticks each 2 s; three missed ticks are silence, whatever the socket believes. */
export const SILENCE_MS = 6_500;
/** First and longest pause between two attempts. */
export const BACK_OFF_MS = [500, 5_000] as const;

/** What the stream needs of the world. */
export interface World {
  open(url: string): EventSource;
  status(): Promise<StatusWire>;
  now(): number;
  later(run: () => void, ms: number): number;
  forget(timer: number): void;
}

export const browser: Omit<World, 'status'> = {
  open: (url) => new EventSource(url),
  now: () => Date.now(),
  later: (run, ms) => window.setTimeout(run, ms),
  forget: (timer) => window.clearTimeout(timer),
};

export class Stream {
  private source: EventSource | null = null;
  private silence: number | null = null;
  private retry: number | null = null;
  private attempts = 0;
  private heard: number;
  private ended = false;
  private broken = false;

  constructor(
    private readonly world: World,
    /** The last event known, asked at each attempt. */
    private readonly since: () => number,
    private readonly onMessage: (message: Message) => void,
    private readonly onLink: (link: Link) => void,
  ) {
    this.heard = world.now();
    this.onLink({ state: 'connecting', since: this.heard });
    void this.connect();
  }

  end(): void {
    this.ended = true;
    this.close();
    if (this.retry !== null) this.world.forget(this.retry);
  }

  /** Asks for the whole picture first: an EventSource alone cannot say whether it was refused or found nobody. */
  private async connect(): Promise<void> {
    this.retry = null;
    try {
      const status = await this.world.status();
      if (this.ended) return;
      this.take({ type: 'status', at: this.world.now(), status });
      this.listen();
    } catch (error) {
      if (!this.ended) this.failed(error);
    }
  }

  private failed(error: unknown): void {
    if (error instanceof ApiError && error.status === 401) this.onLink({ state: 'login' });
    else {
      const failure = error instanceof ApiError && error.status !== 0 ? error.failure : null;
      this.onLink({ state: 'lost', since: this.heard, failure });
    }
    this.again();
  }

  private again(): void {
    const pause = Math.min(BACK_OFF_MS[0] * 2 ** this.attempts, BACK_OFF_MS[1]);
    this.attempts += 1;
    this.retry = this.world.later(() => void this.connect(), pause);
  }

  private listen(): void {
    this.broken = false;
    const source = this.world.open(`/api/v1/stream?since=${this.since()}`);
    this.source = source;
    const on = (type: string, read: (event: MessageEvent<string>) => Message) =>
      source.addEventListener(type, (event) => {
        if (source === this.source) this.take(read(event as MessageEvent<string>));
      });
    on('status', (e) => ({ type: 'status', at: this.world.now(), status: JSON.parse(e.data) as StatusWire }));
    on('event', (e) => ({ type: 'event', at: this.world.now(), event: JSON.parse(e.data) as EventWire }));
    on('tick', (e) => ({
      type: 'tick',
      at: this.world.now(),
      now: (JSON.parse(e.data) as TickWire).now,
    }));
    on('reset', (e) => ({ type: 'reset', at: this.world.now(), seq: (JSON.parse(e.data) as ResetWire).seq }));
    source.addEventListener('error', () => {
      if (source === this.source) this.interrupted();
    });
    this.listenForSilence();
  }

  private take(message: Message): void {
    this.heard = message.at;
    if (this.source !== null) this.attempts = 0;
    this.onMessage(message);
    this.onLink({ state: 'live' });
    this.listenForSilence();
  }

  private listenForSilence(): void {
    if (this.silence !== null) this.world.forget(this.silence);
    this.silence = this.source === null ? null : this.world.later(() => this.interrupted(), SILENCE_MS);
  }

  /** A broken stream is looked at once before anybody is alarmed: a restarted engine is back at once. */
  private interrupted(): void {
    if (this.ended || this.broken) return;
    this.broken = true;
    this.close();
    if (this.attempts === 0) {
      this.attempts = 1;
      void this.connect();
    } else this.again();
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    if (this.silence !== null) this.world.forget(this.silence);
    this.silence = null;
  }
}
