import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aRecord } from '../testing';
import { ApiError } from './client';
import {
  Follower,
  RECORDS_AGAIN_MS,
  RECORDS_KEPT,
  RECORDS_SILENCE_MS,
  merge,
  type Records,
  type RecordsWorld,
} from './records';
import type { RecordWire, RecordsWire } from './wire';

class Source extends EventTarget {
  closed = false;
  constructor(readonly url: string) {
    super();
  }
  close() {
    this.closed = true;
  }
  say(type: string, data: unknown) {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }
}

const ids = (records: RecordWire[]) => records.map((one) => one.id);
const records = (...list: number[]) => list.map((id) => aRecord({ id }));

describe('records merged', () => {
  it('are newest first, once each, whatever their order', () =>
    expect(ids(merge(records(5, 3), records(4, 6, 5)))).toEqual([6, 5, 4, 3]));
  it('are bounded, and the oldest go', () => {
    const many = Array.from({ length: RECORDS_KEPT }, (_, i) => RECORDS_KEPT - i);
    const kept = merge(records(...many), records(RECORDS_KEPT + 1, RECORDS_KEPT + 2));
    expect(kept).toHaveLength(RECORDS_KEPT);
    expect([kept[0]?.id, kept.at(-1)?.id]).toEqual([RECORDS_KEPT + 2, 3]);
  });
});

describe('following', () => {
  let sources: Source[];
  let pages: (RecordsWire | ApiError)[];
  let frames: (() => void)[];
  let seen: Records[];
  let follower: Follower;

  const source = () => sources.at(-1) as Source;
  const last = () => seen.at(-1) as Records;
  const frame = () => frames.splice(0).forEach((run) => run());
  const settle = async () => vi.advanceTimersByTimeAsync(0);
  const world: RecordsWorld = {
    open: (url) => {
      sources.push(new Source(url));
      return source() as unknown as EventSource;
    },
    records: () => {
      const page = pages.length > 1 ? pages.shift() : pages[0];
      return page instanceof ApiError ? Promise.reject(page) : Promise.resolve(page as RecordsWire);
    },
    frame: (run) => frames.push(run),
    dropFrame: () => frames.splice(0),
    later: (run, ms) => setTimeout(run, ms) as unknown as number,
    forget: (timer) => clearTimeout(timer),
  };

  beforeEach(() => {
    vi.useFakeTimers();
    [sources, pages, frames, seen] = [[], [{ records: records(2, 1), more: null }], [], []];
    follower = new Follower(world, 'level=error', (now) => seen.push(now));
  });
  afterEach(() => {
    follower.end();
    vi.useRealTimers();
  });

  it('asks for what is stored once the stream is there, with the same filter', async () => {
    expect(source().url).toBe('/api/v1/logs/stream?level=error');
    expect(seen).toEqual([]);
    source().say('open', null);
    await settle();
    expect(last()).toMatchObject({ read: true, broken: false });
    expect(ids(last().records)).toEqual([2, 1]);
  });

  it('paints what came once a frame', async () => {
    source().say('open', null);
    await settle();
    const before = seen.length;
    for (let id = 2; id < 200; id += 1) source().say('record', aRecord({ id }));
    expect(seen.length, 'nothing is painted by a record').toBe(before);
    frame();
    expect(seen.length).toBe(before + 1);
    expect(last().records).toHaveLength(199);
  });

  it('stands still while paused, counts what waits, and then has it', async () => {
    source().say('open', null);
    await settle();
    follower.pause();
    source().say('record', aRecord({ id: 3 }));
    source().say('record', aRecord({ id: 4 }));
    frame();
    expect(last()).toMatchObject({ paused: true, waiting: 2 });
    expect(ids(last().records)).toEqual([2, 1]);
    follower.resume();
    expect(last()).toMatchObject({ paused: false, waiting: 0 });
    expect(ids(last().records)).toEqual([4, 3, 2, 1]);
  });

  it('keeps a bounded number while paused, and counts them all', () => {
    follower.pause();
    for (let id = 1; id <= RECORDS_KEPT + 50; id += 1) source().say('record', aRecord({ id }));
    frame();
    expect(last().waiting).toBe(RECORDS_KEPT + 50);
    follower.resume();
    expect(last().records).toHaveLength(RECORDS_KEPT);
    expect(last().records[0]?.id).toBe(RECORDS_KEPT + 50);
  });

  it('says how many were skipped for it', () => {
    source().say('lagged', { skipped: 40 });
    source().say('lagged', { skipped: 2 });
    expect(last().skipped).toBe(42);
  });

  it('opens anew after silence, and reads what came meanwhile', async () => {
    source().say('open', null);
    await settle();
    pages = [{ records: records(9, 8), more: null }];
    await vi.advanceTimersByTimeAsync(RECORDS_SILENCE_MS);
    expect(last().broken).toBe(true);
    expect(source().closed).toBe(true);
    await vi.advanceTimersByTimeAsync(RECORDS_AGAIN_MS);
    expect(sources).toHaveLength(2);
    source().say('open', null);
    await settle();
    expect(last().broken).toBe(false);
    expect(ids(last().records)).toEqual([9, 8, 2, 1]);
  });

  it('says why it was refused', async () => {
    const failure = { code: 'busy', what: 'follow', why: '64 readers', remedy: 'close one' };
    pages = [new ApiError(503, failure)];
    source().dispatchEvent(new Event('error'));
    await vi.advanceTimersByTimeAsync(RECORDS_AGAIN_MS);
    expect(last()).toMatchObject({ read: true, failure });
  });

  it('hears a tick and stays', async () => {
    for (let i = 0; i < 5; i += 1) {
      await vi.advanceTimersByTimeAsync(RECORDS_SILENCE_MS - 100);
      source().say('tick', {});
    }
    expect(sources).toHaveLength(1);
  });

  it('says nothing after its end', () => {
    follower.end();
    source().say('record', aRecord({ id: 7 }));
    expect(seen).toEqual([]);
    expect(source().closed).toBe(true);
  });
});
