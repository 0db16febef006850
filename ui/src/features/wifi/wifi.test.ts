import { describe, expect, it } from 'vitest';
import { networksOf, whyNot } from './wifi';

const heard = (
  ssid: string | null,
  signal: number,
  secured: string | null = 'psk2',
  bssid = `${signal}`,
) => ({
  ssid,
  bssid,
  signal,
  channel: 1,
  secured,
});

describe('networks', () => {
  it('the strongest first, each name once, hidden ones apart', () =>
    expect(
      networksOf([heard('B', -60), heard(null, -50), heard('A', -40), heard('A', -80), heard(null, -90)]).map(
        (network) => [network.name, network.says],
      ),
    ).toEqual([
      ['A', 'strong, −40 dBm, asks for a password'],
      ['a hidden network', 'strong, −50 dBm, asks for a password'],
      ['B', 'fair, −60 dBm, asks for a password'],
      ['a hidden network', 'weak, −90 dBm, asks for a password'],
    ]));

  it.each([
    [heard('A', -40), 'long enough', null, null],
    [heard('A', -40), 'short', null, 'At least 8 characters.'],
    [heard('A', -40, null), '', null, null],
    [heard(null, -40), 'long enough', null, 'A hidden network has no name to join it by.'],
    [heard('A', -40), 'long enough', 'only watched', 'only watched'],
  ])('%j with %j, %j: %j', (network, password, watched, reason) => {
    const [one] = networksOf([network]);
    expect(one && whyNot(one, password, watched)).toBe(reason);
  });
});
