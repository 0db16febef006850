import { describe, expect, it } from 'vitest';
import { pageName } from './api/heartbeat';
import { isKiosk } from './kiosk';
import { parse, to, withQuery } from './route';

describe('addresses', () => {
  it.each([
    ['', 'board', null],
    ['#/board', 'board', null],
    ['#/nowhere', 'board', null],
    [to.labs, 'labs', null],
    [to.run(31), 'run', 31],
    ['#/labs/runs/x', 'labs', null],
    [to.boots('node1'), 'boots', null],
    [to.boot(214, 'packets'), 'boot', 214],
    [to.events, 'events', null],
    [to.history, 'history', null],
    [to.system, 'system', null],
    [to.machine(4), 'machine', 4],
    ['#/machine/x', 'board', null],
    [to.devices(), 'devices', null],
    [to.wifi, 'wifi', null],
    [to.whole, 'whole', null],
  ])('%s leads to %s', (hash, view, id) => expect(parse(hash)).toMatchObject({ view, id }));

  it('carry what was chosen', () => {
    expect(parse(to.devices('power node3')).name).toBe('power node3');
    expect(parse('#/system/devices/%').name).toBe('%');
    expect(parse(to.boots('a b')).query.get('machine')).toBe('a b');
    const query = parse(`${to.events}?about=node1`).query;
    expect(withQuery(to.events, query, 'kind', 'marked')).toBe(`${to.events}?about=node1&kind=marked`);
    expect(withQuery(to.events, query, 'about', '')).toBe(to.events);
  });
});

describe('what the window says in the address', () => {
  it('kiosk', () => expect(['', '?kiosk=1', '?kiosk=0'].map(isKiosk)).toEqual([false, true, false]));
  it('the page’s name, or one that the gateway takes', () => {
    expect(pageName('?page=main-1')).toBe('main-1');
    expect(pageName('?page=../x')).toMatch(/^[A-Za-z0-9-]{1,64}$/);
  });
});
