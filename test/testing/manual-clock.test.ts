import { describe, expect, it } from 'vitest';
import { elapsedMs, momentOf } from '../../src/async/clock.js';
import { ManualClock } from '../../src/testing/index.js';

describe('ManualClock', () => {
  it('stands still until it is advanced, then moves both scales', () => {
    const clock = new ManualClock({ wallMs: 1_000 });
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([1_000, 0]);
    clock.advance(250);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([1_250, 250]);
  });

  it('wakes those who are due, the earliest first, and no other', async () => {
    const clock = new ManualClock();
    const woken: number[] = [];
    for (const durationMs of [300, 100, 200, 301]) {
      void clock.sleep(durationMs).then(() => woken.push(durationMs));
    }
    clock.advance(99);
    await Promise.resolve();
    expect(woken).toEqual([]);
    clock.advance(201);
    await new Promise(setImmediate);
    expect(woken).toEqual([100, 200, 300]);
    expect(clock.sleeping).toBe(1);
  });

  it('does not sleep at all for no time', async () => {
    const clock = new ManualClock();
    await clock.sleep(0);
    await clock.sleep(-1);
    expect(clock.sleeping).toBe(0);
  });

  it('jumps over the second sleep of a sleeper that advance wakes', async () => {
    const clock = new ManualClock();
    const woken = sleepTwice(clock);
    clock.advance(10_000);
    await new Promise(setImmediate);
    expect(clock.sleeping).toBe(1);
    clock.advance(1_000);
    expect(await woken).toEqual([10_000, 11_000]);
  });

  it('lets each of them pass at its own time in run', async () => {
    const clock = new ManualClock();
    const woken = sleepTwice(clock);
    await clock.run(10_000);
    expect(await woken).toEqual([1_000, 2_000]);
    expect(clock.monotonicMs()).toBe(10_000);
  });

  it('ends a sleep with the reason of its signal, and forgets it', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const reason = new Error('enough');
    const nap = clock.sleep(1_000, abort.signal);
    abort.abort(reason);
    await expect(nap).rejects.toBe(reason);
    expect(clock.sleeping).toBe(0);
    await expect(clock.sleep(0, abort.signal)).rejects.toBe(reason);
  });

  it('sets back the wall clock alone, and a moment before that is infinitely long ago', () => {
    const clock = new ManualClock({ wallMs: 5_000 });
    const moment = momentOf(clock);
    clock.setBack(1_000);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([4_000, 0]);
    expect(elapsedMs(clock, moment)).toBe(Infinity);
  });

  it('gives the same jitter every time', () => {
    expect([new ManualClock().jitter(), new ManualClock().jitter()]).toEqual([0.5, 0.5]);
    expect(new ManualClock({ jitter: 0.25 }).jitter()).toBe(0.25);
  });

  it('refuses to move by anything but a length of time', async () => {
    const clock = new ManualClock();
    const message = '"durationMs" expected a number of milliseconds from 0 on';
    expect(() => {
      clock.advance(-1);
    }).toThrow(new RangeError(message));
    expect(() => {
      clock.setBack(NaN);
    }).toThrow(new RangeError(message));
    await expect(clock.run(Infinity)).rejects.toThrow(new RangeError(message));
  });
});

async function sleepTwice(clock: ManualClock): Promise<number[]> {
  const woken: number[] = [];
  for (let nap = 0; nap < 2; nap += 1) {
    await clock.sleep(1_000);
    woken.push(clock.monotonicMs());
  }
  return woken;
}
