import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aStatus } from '../testing';
import { ApiError } from './client';
import type { Message } from './picture';
import { BACK_OFF_MS, SILENCE_MS, Stream, type Link, type World } from './stream';
import type { StatusWire } from './wire';

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
  break() {
    this.dispatchEvent(new Event('error'));
  }
}

const unreachable = () => new ApiError(0, { code: 'engine-stopped', what: 'ask', why: 'gone', remedy: '' });

describe('the stream', () => {
  let sources: Source[];
  let links: Link[];
  let messages: Message[];
  let answer: () => Promise<StatusWire>;
  let asked: number;
  let stream: Stream;

  const source = () => {
    const last = sources.at(-1);
    if (last === undefined) throw new Error('no stream was opened');
    return last;
  };
  const settle = () => vi.advanceTimersByTimeAsync(0);

  beforeEach(async () => {
    vi.useFakeTimers({ now: 1_000_000 });
    [sources, links, messages, asked] = [[], [], [], 0];
    answer = () => Promise.resolve(aStatus({ seq: 41 }));
    const world: World = {
      open: (url) => {
        sources.push(new Source(url));
        return source() as unknown as EventSource;
      },
      status: () => {
        asked += 1;
        return answer();
      },
      now: () => Date.now(),
      later: (run, ms) => setTimeout(run, ms) as unknown as number,
      forget: (timer) => clearTimeout(timer),
    };
    stream = new Stream(
      world,
      () => 41,
      (message) => messages.push(message),
      (link) => links.push(link),
    );
    await settle();
  });
  afterEach(() => {
    stream.end();
    vi.useRealTimers();
  });

  it('asks for the whole picture, then follows from the last event', () => {
    expect(messages[0]).toMatchObject({ type: 'status' });
    expect(source().url).toBe('/api/v1/stream?since=41');
    expect(links.at(-1)).toEqual({ state: 'live' });
  });

  it('passes on all four kinds of message', () => {
    source().say('status', aStatus());
    source().say('event', { seq: 42 });
    source().say('tick', { now: '2026-03-01T14:07:12Z', seq: 42 });
    source().say('reset', { seq: 3, since: 42 });
    expect(messages.slice(1).map((m) => m.type)).toEqual(['status', 'event', 'tick', 'reset']);
  });

  it('looks at once after a break, before it alarms anybody', async () => {
    source().say('tick', { now: '2026-03-01T14:07:12Z', seq: 41 });
    source().break();
    await settle();
    expect(asked).toBe(2);
    expect(sources).toHaveLength(2);
    expect(links.map((l) => l.state)).not.toContain('lost');
  });

  it('says since when nothing is heard, and comes back by itself', async () => {
    source().say('tick', { now: '2026-03-01T14:07:12Z', seq: 41 });
    await vi.advanceTimersByTimeAsync(1_500);
    answer = () => Promise.reject(unreachable());
    source().break();
    await settle();
    expect(links.at(-1)).toEqual({ state: 'lost', since: 1_000_000, failure: null });
    answer = () => Promise.resolve(aStatus());
    await vi.advanceTimersByTimeAsync(BACK_OFF_MS[1]);
    expect(links.at(-1)).toEqual({ state: 'live' });
    expect(source().closed).toBe(false);
  });

  it('passes on why a gateway could not reach the engine', async () => {
    const failure = { code: 'engine-stopped', what: 'forward this', why: 'refused', remedy: 'start it' };
    answer = () => Promise.reject(new ApiError(502, failure));
    source().break();
    await settle();
    expect(links.at(-1)).toMatchObject({ state: 'lost', failure });
  });

  it('asks for a login instead of waiting for one', async () => {
    answer = () =>
      Promise.reject(new ApiError(401, { code: 'unauthorized', what: 'a', why: 'b', remedy: 'c' }));
    source().break();
    await settle();
    expect(links.at(-1)).toEqual({ state: 'login' });
  });

  it('takes silence for a break, though the socket stays open', async () => {
    source().say('tick', { now: '2026-03-01T14:07:12Z', seq: 41 });
    answer = () => Promise.reject(unreachable());
    await vi.advanceTimersByTimeAsync(SILENCE_MS - 1);
    expect(links.at(-1)).toEqual({ state: 'live' });
    await vi.advanceTimersByTimeAsync(1);
    expect(links.at(-1)?.state).toBe('lost');
  });

  it('waits longer from attempt to attempt, but never longer than the limit', async () => {
    answer = () => Promise.reject(unreachable());
    source().break();
    await vi.advanceTimersByTimeAsync(60_000);
    const afterMinute = asked;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked - afterMinute).toBe(60_000 / BACK_OFF_MS[1]);
  });

  it('ends with everything it opened', async () => {
    stream.end();
    expect(source().closed).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked, sources.length]).toEqual([1, 1]);
  });
});
