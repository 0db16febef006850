import { describe, expect, it } from 'vitest';
import { at, T0 } from '../../testing';
import { troublesOf } from './troubles';

const failure = {
  code: 'boot-file',
  what: 'serve the image of talos',
  why: 'it is damaged',
  remedy: 'add it again',
};

describe('troubles', () => {
  it('are none when there are none', () => expect(troublesOf([], [], T0)).toEqual([]));

  it('say what failed, why, what to do, and how old they are', () => {
    expect(troublesOf([{ service: 'images', failure, since: at(-240) }], [], T0)).toEqual([
      {
        key: 'trouble images',
        name: 'images',
        since: 'for 4 min',
        says: 'Serve the image of talos: it is damaged.',
        remedy: 'Add it again.',
      },
    ]);
  });

  it('and rivals stand in one list, the oldest first', () => {
    const rival = {
      service: 'dhcp',
      address: '192.168.122.9',
      says: 'it offers 192.168.122.50',
      since: at(-30),
    };
    const list = troublesOf([{ service: 'images', failure, since: at(-5) }], [rival], T0);
    expect(list.map(({ name, since }) => [name, since])).toEqual([
      ['Another dhcp server, 192.168.122.9', 'for 30 s'],
      ['images', 'for 5 s'],
    ]);
    expect(list[0]?.remedy).toContain('lab network');
  });

  it('of unknown age claim none', () =>
    expect(troublesOf([{ service: 'images', failure, since: null }], [], T0)[0]?.since).toBe(''));
});
