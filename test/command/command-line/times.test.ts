import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../../command/command-line/durations.js';
import { parseMoment } from '../../../command/command-line/moments.js';

describe('durations', () => {
  it.each([
    ['0d', 0],
    ['500ms', 500],
    ['45s', 45_000],
    ['90m', 5_400_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '24', 'h', '00h', '-1h', '1.5h', '24 h', '24H', '1d2h', '1y', '99999999d', ' 1h'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it.each([
    [450, '450ms'],
    [1_000, '1s'],
    [59_999, '1m'],
    [200_000, '3m 20s'],
    [93_600_000, '1d 2h'],
    [86_400_000, '1d'],
  ])('prints %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('moments', () => {
  it.each([
    ['2026-11-28T20:00:00+01:00', '2026-11-28T19:00:00.000Z'],
    ['2026-11-28T20:00:00Z', '2026-11-28T20:00:00.000Z'],
    ['2028-02-29T00:00:00-05:30', '2028-02-29T05:30:00.000Z'],
  ])('reads %s', (text, instant) => {
    expect(parseMoment(text)).toBe(instant);
  });

  it.each([
    '2026-11-28',
    '2026-11-28T20:00:00',
    '2026-02-30T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    'yesterday',
    '1764360000',
    '28.11.2026 20:00',
    '',
  ])('refuses %j', (text) => {
    expect(parseMoment(text)).toBeUndefined();
  });
});
