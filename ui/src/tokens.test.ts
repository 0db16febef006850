import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SIGHT, apart, contrast, light, seen } from './colour';

const tokens = Object.fromEntries(
  [...readFileSync('src/tokens.css', 'utf8').matchAll(/--([\w-]+):\s*([^;]+);/g)].map((m) => [m[1], m[2]]),
) as Record<string, string>;
const token = (name: string): string => {
  const value = tokens[name];
  if (value === undefined) throw new Error(`tokens.css has no --${name}`);
  return value;
};

const STATES = ['off', 'boot', 'up', 'warn', 'fault', 'unknown'];
const PHASES = [1, 2, 3, 4, 5, 6].map((n) => `ph-${n}`);
const GROUNDS = ['bg', 'panel', 'raised', 'pick'];
/** What is told apart at a glance. */
const APART = 10;
/** WCAG 2, level AA, for text. */
const READABLE = 4.5;

describe('the measure itself', () => {
  it('agrees with the published pairs of CIEDE2000 in size and order', () => {
    expect(apart(light('#ffffff'), light('#000000'))).toBeCloseTo(100, 0);
    expect(apart(light('#58a6ff'), light('#58a6ff'))).toBe(0);
  });
  it('agrees with WCAG', () => expect(contrast('#ffffff', '#000000')).toBeCloseTo(21, 5));
});

describe.each(Object.entries(SIGHT))('with %s sight', (_, sight) => {
  const distance = (a: string, b: string) =>
    apart(seen(light(token(a)), sight), seen(light(token(b)), sight));

  it.each(STATES.flatMap((a, i) => STATES.slice(i + 1).map((b) => [a, b] as const)))(
    'state %s is not %s',
    (a, b) => expect(distance(a, b)).toBeGreaterThanOrEqual(APART),
  );
  it.each(PHASES.slice(1).map((b, i) => [PHASES[i] ?? '', b] as const))(
    'phase %s is not its neighbour %s',
    (a, b) => expect(distance(a, b)).toBeGreaterThanOrEqual(APART),
  );
});

describe('text can be read on its ground', () => {
  const onGrounds = ['text', 'muted', 'faint', ...STATES].flatMap((ink) =>
    GROUNDS.map((on) => [ink, on] as const),
  );
  const others: [string, string][] = [
    ['text', 'fault-ground'],
    ['muted', 'fault-ground'],
    ['faint', 'fault-ground'],
    ['fault', 'fault-ground'],
    ['fault-text', 'fault-ground'],
    ['fault-text', 'panel'],
    ['fault-ground', 'fault'],
    ['accent-ink', 'accent'],
    ['accent', 'fault-ground'],
    ['hatch-text', 'hatch-1'],
    ['hatch-text', 'hatch-2'],
    ['text', 'track'],
  ];
  it.each([...onGrounds, ...others])('%s on %s', (ink, on) =>
    expect(contrast(token(ink), token(on))).toBeGreaterThanOrEqual(READABLE),
  );
});

describe('rules of the sources', () => {
  const sources = (readdirSync('src', { recursive: true }) as string[])
    .filter((file) => /\.(svelte|css)$/.test(file) && file !== 'tokens.css')
    .map((file) => [file, readFileSync(`src/${file}`, 'utf8')] as const);

  it.each(sources)('%s takes its colours from the tokens', (_, text) =>
    expect(text.match(/#[0-9a-f]{3,8}\b(?!-)|rgba?\(|hsla?\(/gi) ?? []).toEqual([]),
  );
  it.each(sources)('%s uses only tokens that exist', (_, text) => {
    const used = [...text.matchAll(/var\(--([\w-]+)(?=\))/g)].map((m) => m[1] ?? '');
    const own = [...text.matchAll(/--([\w-]+):|style:--([\w-]+)/g)].map((m) => m[1] ?? m[2]);
    expect(used.filter((name) => !(name in tokens) && !own.includes(name))).toEqual([]);
  });
  it.each(sources)('%s has no type below 14 px', (_, text) => {
    const sizes = [...text.matchAll(/font-size:\s*(\d+)px/g)].map((m) => Number(m[1]));
    expect(sizes.filter((size) => size < 14)).toEqual([]);
  });
});
