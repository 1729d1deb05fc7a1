import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ExpiringMap } from '../../src/async/expiring-map.js';
import { ManualClock } from '../support/clock.js';

const TTL_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

it.each([0, -5_000, 1_000])(
  'drops an entry that is not read again, by a monotonic clock that starts at %d',
  (startMs) => {
    const clock = new ManualClock();
    const monotonicMs = vi.spyOn(clock, 'monotonicMs').mockReturnValue(startMs);
    const removed: string[] = [];
    const onRemoved = (key: string, reason: string): void => {
      removed.push(`${key}: ${reason}`);
    };
    const map = new ExpiringMap<number>({ maxEntries: 3, ttlMs: TTL_MS, clock, onRemoved });
    map.set('a', 1);
    vi.advanceTimersByTime(TTL_MS - 1);
    expect(map.size).toBe(1);
    monotonicMs.mockReturnValue(startMs + TTL_MS + 1);
    // One millisecond more ends the timer by which the map limits its readings of the clock.
    vi.advanceTimersByTime(3);
    expect({ size: map.size, removed }).toEqual({ size: 0, removed: ['a: expired'] });
    expect(vi.getTimerCount()).toBe(0);
  },
);
