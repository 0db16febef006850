import { describe, expect, it } from 'vitest';
import { aStatus, at, T0 } from '../testing';
import { BLANK, EVENTS_KEPT, fold, type Message, type Picture } from './picture';
import type { EventWire } from './wire';

const event = (seq: number): EventWire => ({
  seq,
  at: at(seq),
  mono_us: seq,
  host_boot: 'b',
  run: null,
  boot: null,
  actor: 'engine',
  reason: null,
  subject: 'node1',
  kind: 'marked',
  says: 'x',
  data: {},
  schema: 1,
});
const status = (seq: number, change = {}): Message => ({
  type: 'status',
  at: T0,
  status: aStatus({ seq, ...change }),
});
const told = (seq: number): Message => ({ type: 'event', at: T0, event: event(seq) });
const after = (...messages: Message[]): Picture => messages.reduce(fold, BLANK);
const seqs = (picture: Picture) => picture.events.map((e) => e.seq);

describe('the fold of messages', () => {
  it('keeps the newest picture and ignores one that was overtaken', () => {
    expect(after(status(5), status(4)).status?.seq).toBe(5);
    expect(after(status(5), status(5, { now: at(3) })).status?.now, 'same events, later look').toBe(at(3));
  });

  it('keeps events newest first, once each, whatever their order', () =>
    expect(seqs(after(told(2), told(4), told(3), told(4)))).toEqual([4, 3, 2]));

  it('resumes after the highest number it has seen', () => {
    expect(after(status(5), told(9)).seq).toBe(9);
    expect(after(told(9), status(5)).seq).toBe(9);
  });

  it('keeps a bounded number of events', () => {
    const picture = Array.from({ length: EVENTS_KEPT + 5 }, (_, i) => told(i)).reduce(fold, BLANK);
    expect(picture.events).toHaveLength(EVENTS_KEPT);
    expect(picture.events[0]?.seq).toBe(EVENTS_KEPT + 4);
  });

  it('begins anew with an engine that has another history', () => {
    const engine = { version: '0.1.0', started: at(50), storage: null, services: [] };
    const picture = after(status(500), told(500), status(3, { engine }));
    expect(picture.status?.seq).toBe(3);
    expect([picture.seq, seqs(picture)]).toEqual([3, []]);
  });

  it('drops what it collected when the stream says that the number is of another history', () => {
    const picture = after(status(5), told(5), { type: 'reset', at: T0, seq: 2 });
    expect([picture.seq, seqs(picture)]).toEqual([2, []]);
  });

  it('knows how far the engine’s clock is from ours', () => {
    expect(after(status(5, { now: at(90) })).offset).toBe(90_000);
    expect(after({ type: 'tick', at: T0, now: at(-2) }).offset).toBe(-2_000);
  });
});
