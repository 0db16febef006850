import { describe, expect, it } from 'vitest';
import type { CountersWire } from '../../api/wire';
import { T0, aRecord, aSilentStream, aStream, at } from '../../testing';
import { groupsOf, loudest } from './counters';
import { footOf, inOrder, markOf, momentOf, queryOf, sourceOf, streamRow } from './records';

const counters = (change: Partial<CountersWire> = {}): CountersWire => ({
  profile: 'labinator',
  since: at(-60),
  counters: [
    { name: 'NumMessages', value: 1_234, rate: 212, source: 'log' },
    { name: 'NumErrorMessages', value: 0, rate: 0, source: 'log' },
    { name: 'NumDHCPDiscover', value: 8, rate: 0.4, source: 'engine' },
    { name: 'NumDNSQueries', value: null, rate: null, source: 'absent' },
    { name: 'NumPhysicalPXEBoots', value: 6, rate: 0, source: 'engine' },
  ],
  served: { DHCPServed: { '192.168.122.11': 2, '192.168.122.12': 1 }, AssetsServed: {}, IPXEServed: null },
  nodes: [],
  services: [],
  ...change,
});

describe('counters in groups', () => {
  const groups = Object.fromEntries(groupsOf(counters()).map((group) => [group.id, group]));
  it('have value and rate, and say who tells', () => {
    expect(groups.levels).toMatchObject({ known: true, source: 'from logs' });
    expect(groups.levels?.counts[0]).toEqual({
      name: 'NumMessages',
      label: 'all',
      value: '1,234',
      rate: '212/s',
    });
    expect(groups.levels?.counts[1]).toMatchObject({ value: '0', rate: '0/s' });
  });
  it('that nobody tells are unknown, not 0, and say why', () => {
    expect(groups.dns).toMatchObject({ known: false, source: 'nobody tells of a DNS server' });
    expect(groups.dns?.counts).toEqual([{ name: 'NumDNSQueries', label: 'queries', value: '–', rate: '' }]);
    expect(groups.firewall?.known, 'a group without any counter').toBe(false);
  });
  it('have the maps of whom they served, how often and how many', () => {
    expect(groups.dhcp?.counts[1]).toEqual({
      name: 'DHCPServed',
      label: 'addresses',
      value: '3',
      rate: 'to 2',
    });
    expect(groups.boots?.counts.slice(1)).toEqual([
      { name: 'AssetsServed', label: 'boot files', value: '0', rate: '' },
      { name: 'IPXEServed', label: 'iPXE', value: '–', rate: '' },
    ]);
  });
  it('that a later engine adds are shown by their own name', () => {
    const more = counters({ counters: [{ name: 'NumNew', value: 1, rate: null, source: 'log' }] });
    expect(groupsOf(more)[0]?.counts[0]).toMatchObject({ label: 'NumNew', value: '1', rate: '' });
  });
});

describe('talkers', () => {
  it('stand by what they say now, then by all that they said', () => {
    const talker = (name: string, rate: number, records: number) => ({ name, rate, records });
    const order = loudest([talker('b', 0, 5), talker('a', 0, 9), talker('c', 3, 1)]).map((one) => one.name);
    expect(order).toEqual(['c', 'a', 'b']);
  });
});

describe('a record', () => {
  it.each([
    ['emergency', 'fault'],
    ['error', 'fault'],
    ['warning', 'warn'],
    ['notice', 'notice'],
    ['debug', 'debug'],
    ['unknown', 'unknown'],
    ['a level of tomorrow', 'unknown'],
  ])('of level %s is marked %s', (level, mark) => expect(markOf(level)).toBe(mark));
  it('tells its own time, or when it was read', () => {
    expect(momentOf(aRecord({ time: at(-2), seen: at(0) }))).toBe('14:07:10.00');
    expect(momentOf(aRecord({ time: null, seen: at(0) }))).toBe('14:07:12.00');
  });
  it('tells where it comes from, as far as it knows', () => {
    expect(sourceOf(aRecord())).toBe('node1 · kubelet');
    expect(sourceOf(aRecord({ node: '', service: '' }))).toBe('unknown');
  });
});

describe('the filter', () => {
  it('takes from the address what the engine knows, and nothing else', () =>
    expect(queryOf(new URLSearchParams('pane=records&node=node1&grep=%20link%20down%20&level='))).toBe(
      'node=node1&grep=link+down',
    ));
});

describe('the foot of the list', () => {
  it('tells the newest, the rate and what was lost', () =>
    expect(footOf([aStream({ dropped: 2 }), aStream({ bad: 3, rate: 8 })], 0, T0)).toEqual({
      newest: 'newest 1 s ago',
      stale: false,
      rate: '20/s',
      lost: ['2 dropped', '3 unreadable'],
    }));
  it('is stale past three times the usual pause, and says what was skipped for this page', () => {
    const foot = footOf([aStream({ newest: at(-7), pace: 2 })], 40, T0);
    expect(foot.stale).toBe(true);
    expect(foot.lost).toContain('40 skipped here');
  });
  it('claims nothing before the first record', () =>
    expect(footOf([aStream({ newest: null, rate: null })], 0, T0)).toMatchObject({
      newest: 'none has come yet',
      stale: false,
      rate: 'rate unknown',
    }));
});

describe('a stream of the list', () => {
  it('stands with the broken ones first, and our own watchers last', () => {
    const order = inOrder([
      aStream({ name: 'switch', title: 'a' }),
      aStream({ title: 'b' }),
      aSilentStream({ name: 'talos', title: 'c' }),
    ]);
    expect(order.map((one) => one.name)).toEqual(['talos', 'collector', 'switch']);
  });
  it('that speaks is up, with its pace', () =>
    expect(streamRow(aStream({ pace: 8 }), T0)).toEqual({
      state: 'up',
      newest: '1 s ago',
      rate: '12/s',
      pace: 'usual pause up to 8.0 s',
      wrong: null,
    }));
  it('that is silent says why and what to do', () =>
    expect(streamRow(aSilentStream(), T0)).toMatchObject({
      state: 'warn',
      newest: '35 s ago',
      wrong: { why: 'no process named otelcol runs', remedy: 'start it' },
    }));
  it('that cannot be read says what failed', () => {
    const failure = { code: 'x', what: 'listen on 6051', why: 'it is taken', remedy: 'stop it' };
    expect(streamRow(aStream({ failure }), T0)).toMatchObject({
      state: 'fault',
      wrong: { why: 'listen on 6051: it is taken' },
    });
  });
  it('that has not said anything is unknown', () =>
    expect(streamRow(aStream({ newest: null, rate: null, pace: null }), T0)).toMatchObject({
      state: 'unknown',
      newest: 'nothing yet',
      rate: '–',
      pace: 'its pace is being learnt',
    }));
});
