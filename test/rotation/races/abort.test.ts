import { beforeAll, describe, expect, it } from 'vitest';
import { turn } from '../../support/deferred.js';
import { AutoClock, runningClock } from '../../support/rotation/auto-clock.js';
import { drive, type Driven } from '../../support/rotation/drive.js';
import { signalOf, type Call, type Intercept } from '../../support/rotation/intercepted.js';
import { targetAt } from '../../support/rotation/meks.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireConvergence } from '../../support/rotation/settling.js';
import { Watch } from '../../support/rotation/watch.js';
import { perLane } from '../../support/lane.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 3, retired: true, tombstone: true });
});

const REASON = new Error('the operator stopped it');

interface Aborted {
  readonly watch: Watch;
  readonly driven: Driven;
  /** The call that was the first to hang; absent where there were fewer calls. */
  readonly hanging: Call | undefined;
  /** Calls that were begun after the abort. */
  readonly after: readonly Call[];
}

/** From the nth call on everything hangs; then the signal is given, and what ignores it is answered. */
async function abortAt(nth: number, concurrency: number): Promise<Aborted> {
  const watch = await Watch.over(seed);
  const controller = new AbortController();
  const { signal } = controller;
  const seen: { calls: number; hanging: Call | undefined; after: Call[] } = {
    calls: 0,
    hanging: undefined,
    after: [],
  };
  const intercept: Intercept = async (call, execute) => {
    seen.calls += 1;
    if (signal.aborted) seen.after.push(call);
    else if (seen.calls >= nth) {
      seen.hanging ??= call;
      await turn();
      controller.abort(REASON);
    }
    signalOf(call)?.throwIfAborted();
    return (await watch.execute(call, execute))();
  };
  const process = watch.process('aborted', { clock: new AutoClock(), intercept });
  const options = { target: targetAt('b'), concurrency, signal };
  const driven = await drive(watch, process, options);
  return { watch, driven, hanging: seen.hanging, after: seen.after };
}

/** Which calls are the first to hang: in the fast lane a part. */
const EVERY = perLane(4, 1);

/** One for each call of the rewrap that is the first to hang. */
async function aborts(): Promise<readonly (readonly [Aborted, concurrency: number])[]> {
  const all: (readonly [Aborted, number])[] = [];
  for (const concurrency of [1, 3]) {
    for (let nth = 1; ; nth += EVERY) {
      const aborted = await abortAt(nth, concurrency);
      if (!aborted.hanging) break;
      all.push([aborted, concurrency]);
    }
  }
  return all;
}

const LAST_CALLS = ['getRotation', 'replaceRotation'];

describe('an abort while calls hang', () => {
  let all: Awaited<ReturnType<typeof aborts>>;

  beforeAll(async () => {
    all = await aborts();
  });

  it('calls the provider no more, and writes no more than the rows under way', () => {
    expect(all.length).toBeGreaterThan(20 / EVERY);
    for (const [{ after, hanging }, concurrency] of all) {
      expect(after.filter(({ subject }) => subject === 'provider')).toEqual([]);
      const writes = after.filter(({ method }) => method === 'replace');
      expect(writes.length).toBeLessThanOrEqual(concurrency);
      expect(after.length, hanging?.method).toBeLessThanOrEqual(3 * concurrency);
    }
  });

  it('begins no rotation that had not begun', () => {
    for (const [{ after }] of all) {
      const begun = after.filter(
        ({ method, args }) =>
          method === 'replaceRotation' && (args[0] as { state: string }).state === 'fencing',
      );
      expect(begun).toEqual([]);
    }
  });

  it('is what the rewrap ends with, unless just its last write was left, and a rerun goes on', async () => {
    for (const [{ watch, driven, after }] of all) {
      if (driven.summary)
        expect(after.every(({ method }) => LAST_CALLS.includes(method))).toBe(true);
      else expect(driven.error).toBe(REASON);
      await watch.check();
      await requireConvergence(watch);
    }
  });
});

describe('an abort during the fence', () => {
  it('ends it at once, however long there is to wait', async () => {
    const watch = await Watch.over(seed);
    const clock = runningClock();
    const controller = new AbortController();
    const options = { target: targetAt('b'), signal: controller.signal };
    const driving = drive(watch, watch.process('fenced', { clock }), options);
    await turn();
    expect(clock.sleeping).toBe(1);
    controller.abort(REASON);
    await turn();
    expect(clock.sleeping).toBe(0);
    const { error, events } = await driving;
    expect(error).toBe(REASON);
    expect(events.map(({ type }) => type)).toEqual(['begun', 'fence']);
    expect(watch.journal.record?.state).toBe('fencing');
    await watch.check();
    await requireConvergence(watch);
  });
});
