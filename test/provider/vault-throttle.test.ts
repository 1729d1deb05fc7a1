import { describe, expect, it } from 'vitest';
import { VaultThrottle } from '../../src/provider/vault-throttle.js';
import { turn } from '../support/deferred.js';
import { describeError, rejection } from '../support/failure.js';
import { runningClock } from '../support/rotation/auto-clock.js';

interface Options {
  readonly concurrency?: number;
  readonly callsPerSecond?: number;
}

function gate({ concurrency = 8, callsPerSecond }: Options = {}) {
  const clock = runningClock();
  const made = new VaultThrottle({ clock, concurrency, callsPerSecond });
  /** How long a call that comes now has to wait. */
  const wait = async (): Promise<number> => {
    const startMs = clock.monotonicMs();
    const progress = { isIn: false };
    const entering = made.enter(undefined).then(() => {
      progress.isIn = true;
    });
    await turn();
    while (!progress.isIn) {
      await clock.run(125);
      await turn();
    }
    await entering;
    made.leave();
    return clock.monotonicMs() - startMs;
  };
  return { gate: made, clock, wait };
}

describe('VaultThrottle', () => {
  it('takes what was sent together and refused together for one refusal', async () => {
    const { gate: it, wait } = gate();
    const passes = await Promise.all(Array.from({ length: 8 }, () => it.enter(undefined)));
    for (const pass of passes) it.throttle(pass, undefined);
    passes.forEach(() => {
      it.leave();
    });
    expect(it.limit).toBe(4);
    expect(it.throttled).toBe(8);
    expect(await wait()).toBe(1_125);
  });

  it('waits for the longest that any of them was asked for', async () => {
    const { gate: it, wait } = gate();
    const passes = await Promise.all(Array.from({ length: 3 }, () => it.enter(undefined)));
    for (const [at, pass] of passes.entries()) it.throttle(pass, [2_000, 9_000, 4_000][at]);
    passes.forEach(() => {
      it.leave();
    });
    expect(await wait()).toBe(9_000);
    expect(it.limit).toBe(4);
  });

  it('returns how long the pause still lasts', async () => {
    const { gate: it, clock } = gate();
    const passes = await Promise.all(Array.from({ length: 4 }, () => it.enter(undefined)));
    const [first, second, third, fourth] = passes;
    expect(it.throttle(first ?? 0, 5_000)).toBe(5_000);
    clock.advance(2_000);
    expect(it.throttle(second ?? 0, undefined)).toBe(3_000);
    expect(it.throttle(third ?? 0, 9_000)).toBe(9_000);
    clock.advance(10_000);
    expect(it.throttle(fourth ?? 0, undefined)).toBe(0);
  });

  it('begins with short pauses again once a call was served', async () => {
    const { gate: it, wait } = gate();
    const refuse = async (): Promise<number> => {
      it.throttle(await it.enter(undefined), undefined);
      it.leave();
      return wait();
    };
    expect([await refuse(), await refuse(), await refuse()]).toEqual([1_125, 2_250, 4_500]);
    it.served(await it.enter(undefined));
    it.leave();
    expect(await refuse()).toBe(1_125);
  });

  it('does not take an answer from before a pause for a sign that it is over', async () => {
    const { gate: it } = gate();
    const [first, second] = [await it.enter(undefined), await it.enter(undefined)];
    it.throttle(first, 1_000);
    it.served(second);
    expect(it.limit).toBe(4);
  });

  it('never has fewer than one under way, nor more than it may', async () => {
    const { gate: it, clock } = gate({ concurrency: 3 });
    for (let count = 0; count < 5; count += 1) {
      const entering = it.enter(undefined);
      await clock.run(60_000);
      it.throttle(await entering, undefined);
      it.leave();
    }
    expect(it.limit).toBe(1);
    await clock.run(60_000);
    for (let count = 0; count < 50; count += 1) {
      it.served(await it.enter(undefined));
      it.leave();
    }
    expect(it.limit).toBe(3);
  });

  it('paces from the end of a pause on, and not from what was reserved before', async () => {
    const { gate: it, clock } = gate({ callsPerSecond: 1 / 0.98 });
    const startMs = clock.monotonicMs();
    const pass = await it.enter(undefined);
    const turns: number[] = [];
    const waiting = Array.from({ length: 4 }, async () => {
      await it.enter(undefined);
      turns.push(clock.monotonicMs() - startMs);
    });
    await turn();
    it.throttle(pass, 10_000);
    await clock.run(60_000);
    await Promise.all(waiting);
    // At half the pace.
    expect(turns).toEqual([10_000, 12_000, 14_000, 16_000]);
  });

  it('that is closed lets no call through, neither waiting nor new ones', async () => {
    const { gate: it, clock } = gate({ callsPerSecond: 0.1 });
    await it.enter(undefined);
    const waiting = it.enter(undefined);
    await turn();
    it.abandon();
    const over = { name: 'Error', message: 'The run has ended: its caller stopped it' };
    expect(describeError(await rejection(waiting))).toEqual(over);
    expect(describeError(await rejection(it.enter(undefined)))).toEqual(over);
    expect(clock.sleeping).toBe(0);
    expect(it.calls).toBe(1);
  });

  it('gives the place of an aborted call to others', async () => {
    const { gate: it, clock } = gate({ concurrency: 1, callsPerSecond: 1 });
    const reason = new Error('enough');
    await it.enter(undefined);
    it.leave();
    const stop = new AbortController();
    const aborted = it.enter(stop.signal);
    const queued = it.enter(stop.signal);
    const next = it.enter(undefined);
    await turn();
    stop.abort(reason);
    expect(await rejection(aborted)).toBe(reason);
    expect(await rejection(queued)).toBe(reason);
    await clock.run(5_000);
    await next;
    expect(await rejection(it.enter(AbortSignal.abort(reason)))).toBe(reason);
  });

  it('sleeps in pieces that the timers of a machine know', async () => {
    const { gate: it, clock } = gate({ callsPerSecond: 1e-7 });
    const durations: number[] = [];
    const sleep = clock.sleep.bind(clock);
    clock.sleep = (durationMs, signal) => {
      durations.push(durationMs);
      return sleep(durationMs, signal);
    };
    await it.enter(undefined);
    const stop = new AbortController();
    const waiting = it.enter(stop.signal);
    await clock.run(10 * 3_600_000);
    stop.abort(new Error('enough'));
    await rejection(waiting);
    expect(new Set(durations)).toEqual(new Set([3_600_000]));
    expect(durations).toHaveLength(11);
  });
});
