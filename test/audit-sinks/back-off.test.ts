import { expect, it } from 'vitest';
import { BackOff } from '../../src/audit-sinks/back-off.js';
import { ManualClock } from '../../src/testing/index.js';

it('waits a random part of a time that doubles, up to 60 s', () => {
  const backOff = new BackOff(new ManualClock({ jitter: 0.5 }));
  const waits = Array.from({ length: 30 }, () => backOff.waitMs(undefined));
  expect(waits.slice(0, 8)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  expect(new Set(waits.slice(6))).toEqual(new Set([30_000]));
  backOff.succeeded();
  expect(backOff.waitMs(undefined)).toBe(500);
});

it.each([
  ['120', 120_000],
  ['0', 0],
  ['86400', 600_000],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Thu, 01 Jan 2026 01:00:00 GMT', 600_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', 0],
  ['', 0],
])('waits as long as "Retry-After: %s" says, at most 10 minutes', (retryAfter, waitMs) => {
  const backOff = new BackOff(new ManualClock({ jitter: 0 }));
  expect(backOff.waitMs(retryAfter)).toBe(waitMs);
});

it('waits longer than the service asks where it would have done so', () => {
  const backOff = new BackOff(new ManualClock({ jitter: 0.9 }));
  for (let failure = 0; failure < 10; failure += 1) backOff.waitMs(undefined);
  expect(backOff.waitMs('1')).toBe(54_000);
});
