// Follows the log records that pass a filter: what is stored first, then what comes, painted at most once a frame.
import { ApiError, failureFrom } from './client';
import type { FailureWire, RecordWire, RecordsWire } from './wire';

/** Records kept on this page; older ones are in the store. */
export const RECORDS_KEPT = 500;
/** Asked for when the list opens, and again after the stream broke off. */
export const RECORDS_FIRST = 200;
/** The engine ticks each 2 s; three missed ticks are silence. */
export const RECORDS_SILENCE_MS = 6_500;
/** Before a stream that ended is opened again. */
export const RECORDS_AGAIN_MS = 2_000;

/** What the list shows. */
export interface Records {
  /** Newest first. */
  records: RecordWire[];
  /** Whether the first page has come. */
  read: boolean;
  paused: boolean;
  /** Records that came while it was paused. */
  waiting: number;
  /** Records that the engine skipped because this page was too slow. */
  skipped: number;
  /** The stream is interrupted. */
  broken: boolean;
  failure: FailureWire | null;
}

export const NO_RECORDS: Records = {
  records: [],
  read: false,
  paused: false,
  waiting: 0,
  skipped: 0,
  broken: false,
  failure: null,
};

/** What following needs of the world. */
export interface RecordsWorld {
  open(url: string): EventSource;
  records(query: string, limit: number): Promise<RecordsWire>;
  frame(run: () => void): number;
  dropFrame(frame: number): void;
  later(run: () => void, ms: number): number;
  forget(timer: number): void;
}

export const inBrowser: Omit<RecordsWorld, 'records'> = {
  open: (url) => new EventSource(url),
  frame: (run) => requestAnimationFrame(run),
  dropFrame: (frame) => cancelAnimationFrame(frame),
  later: (run, ms) => window.setTimeout(run, ms),
  forget: (timer) => window.clearTimeout(timer),
};

/** Newest first, once each, no more than are kept. */
export function merge(known: RecordWire[], fresh: RecordWire[]): RecordWire[] {
  const newest = known[0]?.id ?? -Infinity;
  const inOrder = [...fresh].sort((a, b) => b.id - a.id);
  const oldest = inOrder[inOrder.length - 1]?.id ?? Infinity;
  // Nearly always all of them are newer than what is there.
  const all =
    oldest > newest
      ? [...inOrder, ...known]
      : [...new Map([...known, ...inOrder].map((record) => [record.id, record])).values()].sort(
          (a, b) => b.id - a.id,
        );
  return all.slice(0, RECORDS_KEPT);
}

export class Follower {
  private now: Records = NO_RECORDS;
  private pending: RecordWire[] = [];
  private source: EventSource | null = null;
  private frame: number | null = null;
  private timer: number | null = null;
  private ended = false;

  constructor(
    private readonly world: RecordsWorld,
    private readonly query: string,
    private readonly onChange: (records: Records) => void,
  ) {
    this.open();
  }

  end(): void {
    this.ended = true;
    this.close();
    if (this.frame !== null) this.world.dropFrame(this.frame);
  }

  pause(): void {
    if (!this.now.paused) this.change({ paused: true, waiting: 0 });
  }

  resume(): void {
    const records = merge(this.now.records, this.pending);
    this.pending = [];
    this.change({ paused: false, waiting: 0, records });
  }

  private change(change: Partial<Records>): void {
    this.now = { ...this.now, ...change };
    if (!this.ended) this.onChange(this.now);
  }

  private open(): void {
    const source = this.world.open(`/api/v1/logs/stream${this.query === '' ? '' : `?${this.query}`}`);
    this.source = source;
    const on = (type: string, take: (data: string) => void) =>
      source.addEventListener(type, (event) => {
        if (source !== this.source) return;
        this.listenForSilence();
        take((event as MessageEvent<string>).data);
      });
    // The page is asked for when the stream is there, so that nothing falls between the two.
    on('open', () => void this.page());
    on('tick', () => undefined);
    on('record', (data) => this.take(JSON.parse(data) as RecordWire));
    on('lagged', (data) => {
      const { skipped } = JSON.parse(data) as { skipped: number };
      this.change({ skipped: this.now.skipped + skipped });
    });
    source.addEventListener('error', () => {
      if (source === this.source) this.interrupted();
    });
    this.listenForSilence();
  }

  private async page(): Promise<void> {
    this.change({ broken: false });
    try {
      const { records } = await this.world.records(this.query, RECORDS_FIRST);
      if (this.ended) return;
      const known = this.now.paused ? this.now.records : merge(this.now.records, records);
      this.change({ records: known, read: true, failure: null });
    } catch (error) {
      this.change({ failure: failureFrom(error), read: true });
    }
  }

  private take(record: RecordWire): void {
    this.pending.push(record);
    if (this.now.paused) this.now = { ...this.now, waiting: this.now.waiting + 1 };
    if (this.pending.length > RECORDS_KEPT) this.pending.splice(0, this.pending.length - RECORDS_KEPT);
    this.frame ??= this.world.frame(() => this.paint());
  }

  private paint(): void {
    this.frame = null;
    if (this.now.paused) return this.change({});
    const records = merge(this.now.records, this.pending);
    this.pending = [];
    this.change({ records });
  }

  private listenForSilence(): void {
    if (this.timer !== null) this.world.forget(this.timer);
    this.timer = this.world.later(() => this.interrupted(), RECORDS_SILENCE_MS);
  }

  private interrupted(): void {
    this.close();
    this.change({ broken: true });
    this.timer = this.world.later(() => void this.again(), RECORDS_AGAIN_MS);
  }

  /** An EventSource cannot say why it was refused; the same question without one can. */
  private async again(): Promise<void> {
    try {
      await this.world.records(this.query, 1);
      if (!this.ended) this.open();
    } catch (error) {
      if (this.ended) return;
      // The engine itself is gone: the page says so in large letters, and this list only waits.
      const told = error instanceof ApiError && error.status !== 0;
      this.change({ read: true, failure: told ? failureFrom(error) : null });
      this.timer = this.world.later(() => void this.again(), RECORDS_AGAIN_MS);
    }
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    if (this.timer !== null) this.world.forget(this.timer);
    this.timer = null;
  }
}
