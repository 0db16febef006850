import { describe, expect, it } from 'vitest';
import type { HealthWire } from '../../api/wire';
import { T0, aClock, aClockBehind, at } from '../../testing';
import { ageOf, figuresOf, sourceOf, trustOf } from './health';

const health = (change: Partial<HealthWire> = {}): HealthWire => ({
  at: at(-1),
  cpu: 0.31,
  softirq: 0.04,
  memory_used: 2 * 2 ** 30,
  memory_total: 8 * 2 ** 30,
  disk_free: 60e9,
  disk_total: 120e9,
  celsius: 51.4,
  socket_drops: 0,
  backlog_drops: 0,
  ...change,
});
const trouble = (service: string) => ({
  service,
  failure: { code: 'busy', what: 'w', why: 'y', remedy: 'r' },
  since: at(-5),
});
const of = (id: string, change: Partial<HealthWire> = {}, ...troubles: string[]) =>
  figuresOf(health(change), troubles.map(trouble)).find((figure) => figure.id === id);

describe('the controller’s figures', () => {
  it('are told with their share', () => {
    expect(of('cpu')).toMatchObject({ value: '31 %', share: 0.31, state: 'up' });
    expect(of('memory')).toMatchObject({ value: '2 GiB of 8 GiB', share: 0.25, state: 'up' });
    expect(of('disk')).toMatchObject({ value: '60 GB free of 120 GB', share: 0.5, state: 'up' });
    expect(of('celsius')).toMatchObject({ value: '51 °C', state: 'up' });
    expect(of('socketDrops')).toMatchObject({ value: 'none', share: null, state: 'up' });
  });
  it.each([
    ['memory', 'memory'],
    ['disk', 'disk'],
    ['celsius', 'temperature'],
    ['socketDrops', 'sockets'],
  ])('%s warns while the engine has the trouble %s, and only then', (id, service) => {
    expect(of(id, {}, service)?.state).toBe('warn');
    expect(of(id, { celsius: 99, disk_free: 0 }, 'images')?.state).toBe('up');
  });
  it('that cannot be read are unknown, never 0', () => {
    const none = { cpu: null, softirq: null, memory_used: null, disk_free: null, celsius: null };
    const all = figuresOf(health({ ...none, socket_drops: null, backlog_drops: null }), [trouble('disk')]);
    expect(new Set(all.map((figure) => figure.state))).toEqual(new Set(['unknown']));
    expect(new Set(all.map((figure) => figure.value))).toEqual(new Set(['unknown']));
  });
  it('say when they are too old to be the present', () => {
    expect(ageOf(at(-2), T0)).toEqual({ says: 'read 2 s ago', stale: false });
    expect(ageOf(at(-12), T0)).toEqual({ says: '12 s old', stale: true });
  });
});

describe('the clock', () => {
  it('is told with its trust and what to do', () => {
    expect(trustOf(aClock())).toEqual({
      state: 'up',
      word: 'confirmed',
      says: 'In step (4 ms)',
      remedy: null,
    });
    expect(trustOf(aClockBehind())).toMatchObject({
      state: 'fault',
      word: 'behind',
      remedy: 'Set the clock.',
    });
    expect(trustOf(aClock({ trust: 'unconfirmed' })).state).toBe('unknown');
  });
  it('is compared by each source in words', () => {
    const source = { source: 'ntp', name: 'chrony', ahead: 0.004, synced: true, says: '' };
    expect(sourceOf(source)).toEqual({
      name: 'chrony (time service)',
      says: 'follows a server, in step',
    });
    expect(sourceOf({ ...source, ahead: -432_000, synced: null, says: 'recorded later' }).says).toBe(
      'ours is 5 d behind, recorded later',
    );
    const built = { ...source, source: 'build', name: 'statusinator', synced: null };
    expect(sourceOf({ ...built, ahead: 600_000 }), 'time is after it, by however much').toEqual({
      name: 'this program’s build',
      says: 'ours is later, as it must be',
    });
    expect(sourceOf({ ...built, ahead: -600_000 }).says).toBe('ours is 6 d behind');
    expect(sourceOf({ ...source, ahead: null, synced: false }).says).toBe(
      'follows no server, cannot be compared',
    );
  });
});
