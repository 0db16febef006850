import { describe, expect, it } from 'vitest';
import { detailOf } from './detail';
import { linesOf } from './facts';

describe('a mark’s detail as one line', () => {
  it.each([
    [null, ''],
    [{ outlet: 6 }, 'outlet 6'],
    [{ arch: null }, ''],
    [
      { path: '/boot/vmlinuz', proto: 'http', bytes: 8_000_000, packets: 5_602, seconds: 0.2 },
      'vmlinuz, HTTP, 5602 packets, 8 MB, 0.20 s, 40 MB/s',
    ],
    [{ path: '/x', proto: 'tftp', found: false }, 'x, TFTP, not found'],
    [
      { from_bytes: 1_200, from_packets: 9, to_bytes: 61_000_000, to_packets: 1 },
      '9 packets, 1.2 kB from the PC; 1 packet, 61 MB towards it',
    ],
  ])('%j', (detail, words) => expect(detailOf(detail)).toBe(words));
});

describe('a report', () => {
  it('leaves out what could not be read', () => {
    expect(linesOf(null)).toEqual([]);
    expect(
      linesOf({ firmware: { vendor: 'OVMF', secure_boot: null }, disks: [], clock: { offset_s: -2 } }),
    ).toEqual([
      ['Firmware', 'OVMF'],
      ['Clock', '2 s behind the engine’s'],
    ]);
  });
  it('keeps a false that was read', () =>
    expect(linesOf({ firmware: { secure_boot: false } })).toEqual([['Secure Boot', 'off']]));
});
