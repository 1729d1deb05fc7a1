import { describe, expect, it } from 'vitest';
import type { CallKind } from '../../src/provider/vault-throttle.js';
import { CallQueue } from '../../src/provider/call-queue.js';
import { ManualClock } from '../../src/testing/index.js';
import { rejection } from '../support/failure.js';

const NOT_CALLED =
  'The key service was not called: it is throttling, and accepts no request for 60000 ms; run again after that';

function queueOf({ callsPerSecond = 1, maxQueued = 10 } = {}) {
  const clock = new ManualClock();
  const queue = new CallQueue({ clock, callsPerSecond, maxQueued, mostPauseMs: 30_000 });
  const served: string[] = [];
  const call = (name: string, kind: CallKind, signal?: AbortSignal): Promise<void> =>
    queue.turn(signal, kind).then(() => {
      served.push(name);
    });
  return { clock, queue, served, call };
}

describe('a queue of calls', () => {
  it('lets as many through as the rate allows, in order', async () => {
    const { clock, served, call } = queueOf({ callsPerSecond: 10, maxQueued: 200 });
    const calls = Array.from({ length: 100 }, (_each, at) => call(String(at), 'traffic'));
    await clock.run(5_000);
    expect(served.length).toBeGreaterThan(47);
    expect(served.length).toBeLessThanOrEqual(51);
    await clock.run(6_000);
    await Promise.all(calls);
    expect(served).toEqual(calls.map((_each, at) => String(at)));
    expect(clock.sleeping).toBe(0);
  });

  it('serves another attempt before live traffic, and live traffic before runs', async () => {
    const { clock, served, call } = queueOf();
    const calls = [call('first', 'traffic')];
    await clock.run(100);
    for (const [name, kind] of [
      ['of a run', 'run'],
      ['of traffic', 'traffic'],
      ['again', 'retry'],
    ] as const) {
      calls.push(call(name, kind));
    }
    await clock.run(10_000);
    await Promise.all(calls);
    expect(served).toEqual(['first', 'again', 'of traffic', 'of a run']);
  });

  it('refuses live traffic where too many wait, and neither runs nor further attempts', async () => {
    const { clock, served, call } = queueOf({ maxQueued: 2 });
    const calls = [call('a', 'traffic')];
    await clock.run(0);
    calls.push(call('b', 'traffic'), call('c', 'traffic'));
    expect(await rejection(call('d', 'traffic'))).toMatchObject({
      name: 'KeyProviderError',
      code: 'KEY_PROVIDER_THROTTLED',
      retryable: true,
      retryAfterMs: 2_000,
      message:
        'The key service was not called: 2 calls of this process are waiting for it, the most that "maxQueued" allows; try again later, or raise "maxOpsPerSecond" if the service allows more',
    });
    calls.push(call('e', 'run'), call('f', 'retry'));
    await clock.run(10_000);
    await Promise.all(calls);
    expect(served).toEqual(['a', 'f', 'b', 'c', 'e']);
  });

  it('gives the place of a call that is aborted to the next', async () => {
    const { clock, served, call } = queueOf();
    const controller = new AbortController();
    const first = call('first', 'traffic');
    await clock.run(100);
    const aborted = rejection(call('aborted', 'traffic', controller.signal));
    const next = call('next', 'traffic');
    controller.abort(new Error('enough'));
    expect(await aborted).toBe(controller.signal.reason);
    await clock.run(1_100);
    await Promise.all([first, next]);
    expect(served).toEqual(['first', 'next']);
  });

  it('sleeps for no call, and lets those in that come later', async () => {
    const { clock, served, call } = queueOf();
    const controller = new AbortController();
    const first = call('first', 'traffic');
    await clock.run(100);
    const aborted = rejection(call('aborted', 'traffic', controller.signal));
    await clock.run(0);
    expect(clock.sleeping).toBe(1);
    controller.abort();
    const late = call('late', 'traffic');
    await aborted;
    await clock.run(5_000);
    await Promise.all([first, late]);
    expect(served).toEqual(['first', 'late']);
    expect(clock.sleeping).toBe(0);
  });

  it('has all calls wait as long as the service asks, and refuses them where that is too long', async () => {
    const { clock, queue, served, call } = queueOf({ callsPerSecond: 100 });
    queue.throttle(await queue.turn(undefined, 'traffic'), 20_000);
    const paused = call('paused', 'traffic');
    await clock.run(19_000);
    expect(served).toEqual([]);
    await clock.run(2_000);
    await paused;
    queue.throttle(await queue.turn(undefined, 'traffic'), 60_000);
    expect(await rejection(call('late', 'traffic'))).toMatchObject({
      name: 'KeyProviderError',
      code: 'KEY_PROVIDER_THROTTLED',
      retryable: true,
      retryAfterMs: 60_000,
      message: NOT_CALLED,
    });
  });

  it('makes no call where the signal has already aborted', async () => {
    const { clock, call } = queueOf();
    const reason = new Error('enough');
    expect(await rejection(call('a', 'traffic', AbortSignal.abort(reason)))).toBe(reason);
    expect(clock.sleeping).toBe(0);
  });
});
