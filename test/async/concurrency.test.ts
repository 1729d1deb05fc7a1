import { describe, expect, it } from 'vitest';
import { settleConcurrently } from '../../src/async/concurrency.js';
import { deferred, turn, type Deferred } from '../support/deferred.js';
import { rejection } from '../support/failure.js';

interface Work {
  readonly gates: Deferred<void>[];
  readonly task: (item: number) => Promise<number>;
}

/** Tasks that end when the test says so, each giving its item back. */
function gated(): Work {
  const gates: Deferred<void>[] = [];
  const task = async (item: number): Promise<number> => {
    const gate = deferred();
    gates[item] = gate;
    await gate.promise;
    return item;
  };
  return { gates, task };
}

const ITEMS = [0, 1, 2, 3, 4, 5, 6];

describe('settleConcurrently', () => {
  it('gives results as they come, and starts another only when one was taken', async () => {
    const { gates, task } = gated();
    const results = settleConcurrently(ITEMS, task, { concurrency: 3 });
    expect(gates).toHaveLength(0);
    const first = results.next();
    await turn();
    expect(gates).toHaveLength(3);
    gates[2]?.resolve();
    expect(await first).toEqual({ done: false, value: 2 });
    gates[0]?.resolve();
    gates[1]?.resolve();
    await turn();
    expect(gates).toHaveLength(3);
    expect((await results.next()).value).toBe(0);
    expect(gates.length).toBeLessThanOrEqual(5);
    await turn();
    for (const gate of gates) gate.resolve();
    await results.return();
  });

  it('gives every result once, whatever the concurrency', async () => {
    for (const concurrency of [1, 2, 7, 100]) {
      const seen: number[] = [];
      const task = async (item: number): Promise<number> => {
        if (item % 2 === 0) await turn();
        return item;
      };
      for await (const item of settleConcurrently(ITEMS, task, { concurrency })) seen.push(item);
      expect(seen.sort()).toEqual(ITEMS);
    }
  });

  it('starts nothing after a failure, gives what else was under way, then fails', async () => {
    const started: number[] = [];
    const failure = new Error('failed');
    const task = async (item: number): Promise<number> => {
      started.push(item);
      if (item === 1) throw failure;
      await turn();
      return item;
    };
    const seen: number[] = [];
    const taking = (async () => {
      for await (const item of settleConcurrently(ITEMS, task, { concurrency: 3 })) seen.push(item);
    })();
    expect(await rejection(taking)).toBe(failure);
    expect(started).toEqual([0, 1, 2]);
    expect(seen).toEqual([0, 2]);
  });

  it('starts nothing after an abort, also where no task looks at the signal', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const started: number[] = [];
    const task = (item: number): Promise<number> => {
      started.push(item);
      return Promise.resolve(item);
    };
    const options = { concurrency: 2, signal: stop.signal };
    const seen: number[] = [];
    const taking = (async () => {
      for await (const item of settleConcurrently(ITEMS, task, options)) {
        seen.push(item);
        stop.abort(reason);
      }
    })();
    expect(await rejection(taking)).toBe(reason);
    expect(started).toEqual([0, 1]);
    expect(seen).toEqual([0, 1]);
  });

  it('has what is under way finish before it lets its caller leave', async () => {
    const { gates, task } = gated();
    const results = settleConcurrently(ITEMS, task, { concurrency: 2 });
    const first = results.next();
    await turn();
    gates[0]?.resolve();
    await first;
    const progress = { hasLeft: false };
    const leaving = results.return().then(() => {
      progress.hasLeft = true;
    });
    await turn();
    expect(progress.hasLeft).toBe(false);
    gates[1]?.resolve();
    await leaving;
    expect(gates).toHaveLength(2);
  });

  it('asks a limit that moves before each start, and lets run what runs', async () => {
    const { gates, task } = gated();
    const concurrency = { limit: 3, abandon: () => undefined };
    const results = settleConcurrently(ITEMS, task, { concurrency });
    const first = results.next();
    await turn();
    expect(gates).toHaveLength(3);
    concurrency.limit = 1;
    for (const gate of gates.slice(0, 2)) gate.resolve();
    await first;
    await results.next();
    const third = results.next();
    await turn();
    expect(gates).toHaveLength(3);
    concurrency.limit = 4;
    gates[2]?.resolve();
    await third;
    const next = results.next();
    await turn();
    expect(gates).toHaveLength(7);
    for (const gate of gates) gate.resolve();
    await next;
    await results.return();
  });

  it('tells a limit when its caller leaves what runs, and only then', async () => {
    let abandoned = 0;
    const { gates, task } = gated();
    const abandon = (): void => {
      abandoned += 1;
      gates[1]?.resolve();
    };
    const options = { concurrency: { limit: 2, abandon } };
    const results = settleConcurrently(ITEMS, task, options);
    const first = results.next();
    await turn();
    gates[0]?.resolve();
    await first;
    await results.return();
    expect(abandoned).toBe(1);
    const quick = (item: number): Promise<number> => Promise.resolve(item);
    for await (const item of settleConcurrently(ITEMS, quick, options))
      expect(ITEMS).toContain(item);
    expect(abandoned).toBe(1);
  });
});
