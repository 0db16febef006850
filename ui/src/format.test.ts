import { describe, expect, it } from 'vitest';
import {
  age,
  axisSeconds,
  bytes,
  clock,
  clockFine,
  clockSeconds,
  count,
  date,
  dated,
  duration,
  measured,
  memory,
  moment,
  percent,
  rate,
  roughly,
  sentence,
  span,
  when,
} from './format';
import { T0 } from './testing';

const table = <T>(of: (value: T) => string, rows: [T, string][]) =>
  it.each(rows)('%s reads %s', (value, words) => expect(of(value)).toBe(words));

describe('a duration is whole and never runs ahead', () =>
  table(duration, [
    [-3, '0 s'],
    [0.99, '0 s'],
    [41.9, '41 s'],
    [59.99, '59 s'],
    [60, '1:00'],
    [252, '4:12'],
    [3599.9, '59:59'],
    [3600, '1 h 0 m'],
    [11_400, '3 h 10 m'],
  ]));

describe('a measured length has no more digits than are of use', () =>
  table(measured, [
    [0, '0.00 s'],
    [0.2149, '0.21 s'],
    [0.996, '1.0 s'],
    [2.44, '2.4 s'],
    [9.96, '10 s'],
    [43.4, '43 s'],
    [59.7, '1:00'],
  ]));

describe('a moment within a boot', () =>
  table(moment, [
    [0.004, '0.00 s'],
    [9.994, '9.99 s'],
    [9.996, '10.0 s'],
    [99.96, '1:39'],
  ]));

describe('what is to come is only about so', () =>
  table(roughly, [
    [0.2, '0 s'],
    [99.4, '99 s'],
    [100, '2 min'],
    [544, '9 min'],
    [7800, '2 h 10 m'],
  ]));

describe('an age', () =>
  table(age, [
    [-5, '0 s'],
    [1999, '1 s'],
    [99_999, '99 s'],
    [100_000, '1 min'],
    [3 * 3_600_000, '3 h'],
    [2 * 86_400_000, '2 d'],
  ]));

describe('a long stretch keeps two units', () =>
  table(span, [
    [41_900, '41 s'],
    [52 * 60_000, '52 min'],
    [(14 * 60 + 38) * 60_000, '14 h 38 m'],
    [(7 * 24 + 4) * 3_600_000, '7 d 4 h'],
    [321.9 * 86_400_000, '321 d'],
    [(6 * 365 + 201) * 86_400_000, '6 y 201 d'],
    [2_070.5 * 365 * 86_400_000, '2070 y'],
  ]));

describe('a date near now', () => {
  const at = (iso: string) => Date.parse(iso);
  table(
    (iso: string) => date(at(iso), T0),
    [
      ['2026-03-01T05:41:00Z', '05:41'],
      ['2026-03-02T05:41:00Z', 'tomorrow 05:41'],
      ['2026-02-28T23:59:00Z', 'yesterday 23:59'],
      ['2026-11-21T05:41:00Z', '21 Nov 05:41'],
      ['2031-11-21T05:41:00Z', '21 Nov 2031'],
    ],
  );
  it('is named beside another one', () => {
    expect(dated(at('2026-03-01T05:41:00Z'), T0)).toBe('today 05:41');
    expect(dated(at('2026-03-02T05:41:00Z'), T0)).toBe('tomorrow 05:41');
  });
});

describe('so many a second', () =>
  table(rate, [
    [0, '0/s'],
    [0.21, '0.2/s'],
    [9.96, '10/s'],
    [3412, '3,412/s'],
  ]));

describe('a share', () =>
  table(percent, [
    [0, '0 %'],
    [0.414, '41 %'],
  ]));

describe('bytes are decimal', () =>
  table(bytes, [
    [0, '0 B'],
    [812, '812 B'],
    [999.6, '1 kB'],
    [1_440_000, '1.4 MB'],
    [2_000_000, '2 MB'],
    [61_400_000, '61 MB'],
    [256e9, '256 GB'],
  ]));

describe('memory is binary', () =>
  table(memory, [
    [512 * 2 ** 20, '512 MiB'],
    [8 * 2 ** 30, '8 GiB'],
    [7.6 * 2 ** 30, '7.6 GiB'],
  ]));

describe('counts and axes', () => {
  it('parts thousands', () =>
    expect([3, 999, 1_000, 1_234_567].map(count)).toEqual(['3', '999', '1,000', '1,234,567']));
  it('keeps plain seconds while they are few', () =>
    expect([0, 0.1, 22.5, 60, 600].map(axisSeconds)).toEqual(['0', '0.1', '22.5', '60', '10:00']));
  it('begins large', () => expect([sentence('no answer'), sentence('')]).toEqual(['No answer', '']));
});

describe('the clock has 24 hours', () => {
  it('in three grains', () =>
    expect([clock(T0), clockSeconds(T0), clockFine(T0 + 49)]).toEqual(['14:07', '14:07:12', '14:07:12.04']));
  it('names another day', () => {
    expect(when(T0, T0 + 1000)).toBe('14:07:12');
    expect(when(T0, T0 + 86_400_000)).toBe('1 Mar 14:07');
  });
});
