import { describe, expect, it } from 'vitest';
import { rewrapAllDeks, takeCensus, type RewrapEvent } from '../../src/index.js';
import { deferred, turn } from '../support/deferred.js';
import { contentsOf, setup, type Setup } from '../support/encryptor.js';
import { failure, rejection } from '../support/failure.js';
import {
  pull,
  pullUntil,
  record,
  rewrap,
  rows,
  start,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

async function written(count: number): Promise<readonly [Setup, Setup]> {
  const before = setup();
  await writeNotes(before, count);
  return [before, withKeys(before, ['b', 'a'])];
}

async function onTarget(made: Setup): Promise<number> {
  const target = await versionOf('b');
  return (await rows(made)).filter((row) => 'mekVersion' in row && row.mekVersion === target)
    .length;
}

describe('before the first pull', () => {
  it('nothing happens', async () => {
    const [before, operator] = await written(1);
    const contents = await contentsOf(before.memory);
    rewrapAllDeks(operator.encryptor, { target: await targetOf('b') });
    rewrapAllDeks(operator.encryptor, undefined as never);
    await turn();
    expect(operator.store.calls).toEqual({});
    expect(operator.provider.calls).toEqual({});
    expect(await contentsOf(before.memory)).toEqual(contents);
  });

  it('the round trip on the target comes before anything is written', async () => {
    for (const method of ['wrapKey', 'unwrapKey']) {
      const [before, operator] = await written(1);
      const contents = await contentsOf(before.memory);
      operator.provider.before = (called) => {
        if (called === method) throw new Error('The vault is down');
      };
      expect(await failure(rewrap(operator))).toMatchObject({ message: 'The vault is down' });
      expect(await contentsOf(before.memory)).toEqual(contents);
      expect(operator.store.calls).toEqual({});
    }
  });

  it('a target that wraps and does not unwrap to the same is refused', async () => {
    const [before, operator] = await written(1);
    const contents = await contentsOf(before.memory);
    operator.provider.after = (method, result) =>
      method === 'unwrapKey' ? Buffer.alloc(32, 1) : result;
    expect(await failure(rewrap(operator))).toEqual({
      name: 'FieldEncryptionError',
      code: 'ADAPTER_CONTRACT',
      message: `The key provider "env" broke rule K4: a key wrapped with env/env/${await versionOf('b')} was unwrapped to a different key; fix the adapter`,
    });
    expect(await contentsOf(before.memory)).toEqual(contents);
  });

  it('an unknown target version is refused', async () => {
    const [before, operator] = await written(1);
    const contents = await contentsOf(before.memory);
    const target = await targetOf('c');
    expect(await rejection(rewrap(operator, { target }))).toMatchObject({
      code: 'MEK_VERSION_UNKNOWN',
    });
    expect(await contentsOf(before.memory)).toEqual(contents);
  });
});

describe('the fence', () => {
  it('says at least each second how long it still takes, and takes that long', async () => {
    const [, operator] = await written(1);
    const rewrapping = await start(operator);
    const remaining: number[] = [];
    const startMs = operator.clock.monotonicMs();
    for (;;) {
      const { value } = await pull(rewrapping, operator.clock);
      const event = value as RewrapEvent;
      if (event.type === 'pass') break;
      if (event.type === 'fence') remaining.push(event.remainingMs);
    }
    expect(operator.clock.monotonicMs() - startMs).toBe(30_000);
    expect(remaining[0]).toBe(30_000);
    const gaps = remaining.slice(1).map((each, index) => (remaining[index] ?? 0) - each);
    expect(gaps.length).toBeGreaterThan(29);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1_000);
    expect(Math.min(...gaps)).toBeGreaterThan(0);
  });

  it('is not shortened by a wall clock that jumps ahead', async () => {
    const [before, operator] = await written(1);
    const rewrapping = await start(operator);
    await pullUntil(rewrapping, operator.clock, 'fence');
    operator.clock.advanceWall(3_600_000);
    await pull(rewrapping, operator.clock);
    expect(await record(before)).toMatchObject({ state: 'fencing' });
  });

  it('waits for the longer time that processes may still go by', async () => {
    const [before, operator] = await written(1);
    const item = await before.memory.getRotation('notelett');
    const slow = { ...(item?.value as object), fenceTtlMs: 1_000, drainTtlMs: 60_000 };
    await before.memory.replaceItem(slow as never, item?.etag ?? '');
    const [, fence] = await pullUntil(await start(operator), operator.clock, 'fence');
    expect(fence).toEqual({ type: 'fence', remainingMs: 60_000 });
    expect(await record(before)).toMatchObject({ fenceTtlMs: 1_000, drainTtlMs: 60_000 });
  });

  it('is waited out whole by each process that finds it, however old it is', async () => {
    const [, operator] = await written(1);
    await (await start(operator)).next();
    operator.clock.advance(29_000);
    const events = await pullUntil(await start(operator), operator.clock, 'fence');
    expect(events).toMatchObject([
      { type: 'begun', epoch: 2, joined: true },
      { type: 'fence', remainingMs: 30_000 },
    ]);
  });

  it('is waited out again when the record changed during the wait', async () => {
    const [before, operator] = await written(1);
    const rewrapping = await start(operator);
    await pullUntil(rewrapping, operator.clock, 'fence');
    const item = await before.memory.getRotation('notelett');
    const longer = { ...(item?.value as object), fenceTtlMs: 45_000 };
    await before.memory.replaceItem(longer as never, item?.etag ?? '');
    const rest = await pullUntil(rewrapping, operator.clock, 'pass');
    expect(rest).toContainEqual({ type: 'fence', remainingMs: 45_000 });
  });

  it('of two joiners either may end', async () => {
    const [before, operator] = await written(3);
    const other = withKeys(before, ['b', 'a']);
    const [first, second] = [await start(operator), await start(other)];
    await pullUntil(first, operator.clock, 'fence');
    await pullUntil(second, operator.clock, 'fence');
    await pullUntil(first, operator.clock, 'pass');
    await pullUntil(second, operator.clock, 'pass');
    await pullUntil(second, operator.clock, 'finished');
    const last = (await pullUntil(first, operator.clock, 'finished')).at(-1);
    expect(last).toMatchObject({ summary: { complete: true, epoch: 2 } });
    expect(await record(before)).toMatchObject({ state: 'complete', epoch: 2 });
  });
});

describe('a caller who stops pulling', () => {
  it.each([1, 3, 8])('misses %i rows at most', async (concurrency) => {
    const [before, operator] = await written(30);
    const rewrapping = await start(operator, { concurrency });
    await pullUntil(rewrapping, operator.clock, 'changed');
    await turn();
    await turn();
    const seen = 1;
    expect(await onTarget(before)).toBeLessThanOrEqual(seen + concurrency);
    expect(operator.provider.mostInFlight['wrapKey']).toBeLessThanOrEqual(concurrency);
    await rewrapping.return(undefined as never);
    expect(await onTarget(before)).toBeLessThanOrEqual(seen + concurrency);
  });

  it('and leaves the loop, has what was under way finished, and can go on later', async () => {
    const [before, operator] = await written(30);
    const rewrapping = await start(operator, { concurrency: 4 });
    await pullUntil(rewrapping, operator.clock, 'changed');
    const gate = deferred();
    operator.provider.before = (method) => (method === 'wrapKey' ? gate.promise : undefined);
    await rewrapping.next();
    let hasReturned = false;
    const returning = rewrapping.return(undefined as never).then(() => {
      hasReturned = true;
    });
    await turn();
    expect(hasReturned).toBe(false);
    gate.resolve();
    await returning;
    const done = await onTarget(before);
    await turn();
    expect(await onTarget(before)).toBe(done);
    expect(operator.store.calls['replace']).toBe(done);
    expect(await record(before)).toMatchObject({ state: 'rewrapping' });
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: true, changed: 30 - done, epoch: 2 });
  });

  it('may pause for as long as it likes', async () => {
    const [before, operator] = await written(10);
    const rewrapping = await start(operator, { concurrency: 1 });
    await pullUntil(rewrapping, operator.clock, 'changed');
    operator.clock.advance(86_400_000);
    const last = (await pullUntil(rewrapping, operator.clock, 'finished')).at(-1);
    expect(last).toMatchObject({ summary: { complete: true, changed: 10 } });
    expect(await record(before)).toMatchObject({ state: 'complete' });
  });

  it('has no row written by a worker that was held up, once another knows of a takeover', async () => {
    const [before, operator] = await written(2);
    const [first, second] = [deferred(), deferred()];
    const gates = [first, second];
    const rewrapping = await start(operator, { concurrency: 2 });
    await pullUntil(rewrapping, operator.clock, 'pass');
    operator.provider.before = (method) =>
      method === 'wrapKey' ? gates.shift()?.promise : undefined;
    const next = rejection(rewrapping.next());
    await turn();
    await (await start(withKeys(before, ['c', 'b', 'a']), { takeOver: true })).next();
    const contents = await contentsOf(before.memory);
    operator.clock.advance(60_000);
    first.resolve();
    await turn();
    second.resolve();
    expect(await next).toMatchObject({ code: 'ROTATION_SUPERSEDED' });
    expect(await contentsOf(before.memory)).toEqual(contents);
  });

  it('and comes back after someone took over, writes nothing more', async () => {
    const [before, operator] = await written(10);
    const rewrapping = await start(operator, { concurrency: 1 });
    await pullUntil(rewrapping, operator.clock, 'changed');
    operator.clock.advance(60_000);
    await (await start(withKeys(before, ['c', 'b', 'a']), { takeOver: true })).next();
    const contents = await contentsOf(before.memory);
    const failed = await rejection(pullUntil(rewrapping, operator.clock, 'finished'));
    expect(failed).toMatchObject({ code: 'ROTATION_SUPERSEDED' });
    expect(await contentsOf(before.memory)).toEqual(contents);
    expect((await rewrapping.next()).done).toBe(true);
  });
});

describe('an abort', () => {
  const reason = new Error('enough');

  it('before the start does nothing at all', async () => {
    const [, operator] = await written(1);
    expect(await rejection(rewrap(operator, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(operator.store.calls).toEqual({});
    expect(operator.provider.calls).toEqual({ currentVersion: 1 });
  });

  it('during the round trip keeps it from beginning', async () => {
    const [before, operator] = await written(1);
    const contents = await contentsOf(before.memory);
    const stop = new AbortController();
    operator.provider.after = (method, result) => {
      if (method === 'unwrapKey') stop.abort(reason);
      return result;
    };
    expect(await rejection(rewrap(operator, { signal: stop.signal }))).toBe(reason);
    expect(await contentsOf(before.memory)).toEqual(contents);
  });

  it('after the last row keeps it from completing', async () => {
    const [before, operator] = await written(1);
    const stop = new AbortController();
    const rewrapping = await start(operator, { signal: stop.signal });
    for (let pass = 1; pass <= 3; pass += 1) await pullUntil(rewrapping, operator.clock, 'passed');
    stop.abort(reason);
    expect(await rejection(rewrapping.next())).toBe(reason);
    expect(await record(before)).toMatchObject({ state: 'rewrapping' });
  });

  it('ends the wait of the fence at once', async () => {
    const [before, operator] = await written(1);
    const stop = new AbortController();
    const rewrapping = await start(operator, { signal: stop.signal });
    await pullUntil(rewrapping, operator.clock, 'fence');
    const next = rejection(rewrapping.next());
    stop.abort(reason);
    expect(await next).toBe(reason);
    expect(await record(before)).toMatchObject({ state: 'fencing' });
  });

  it('among the rows awaits what was sent, and starts nothing new', async () => {
    const [before, operator] = await written(20);
    const stop = new AbortController();
    const rewrapping = await start(operator, { signal: stop.signal, concurrency: 4 });
    const seen = await pullUntil(rewrapping, operator.clock, 'changed');
    stop.abort(reason);
    const rest: RewrapEvent[] = [];
    const error = await rejection(
      (async () => {
        for (;;) rest.push((await pull(rewrapping, operator.clock)).value as RewrapEvent);
      })(),
    );
    expect(error).toBe(reason);
    const reported = [...seen, ...rest].filter(({ type }) => type === 'changed').length;
    expect(reported).toBeGreaterThan(0);
    expect(await onTarget(before)).toBe(reported);
    const calls = operator.store.calls['replace'];
    await turn();
    expect(operator.store.calls['replace']).toBe(calls);
    expect((await rewrap(operator)).summary).toMatchObject({
      complete: true,
      changed: 20 - reported,
    });
  });

  it.each(['unwrapKey', 'wrapKey'])('reaches a provider that hangs in %s', async (hanging) => {
    const [before, operator] = await written(3);
    const contents = await rows(before);
    const stop = new AbortController();
    const rewrapping = await start(operator, { signal: stop.signal });
    await pullUntil(rewrapping, operator.clock, 'pass');
    operator.provider.before = (method, args) => {
      if (method !== hanging) return undefined;
      const { signal } = args[1] as { readonly signal: AbortSignal };
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
    };
    const next = rejection(rewrapping.next());
    await turn();
    stop.abort(reason);
    expect(await next).toBe(reason);
    expect(await rows(before)).toEqual(contents);
  });
});

describe('a rotation to another target', () => {
  it('is refused while one is unfinished, and may take it over', async () => {
    const [before, operator] = await written(6);
    const rewrapping = await start(operator, { concurrency: 1 });
    await pullUntil(rewrapping, operator.clock, 'changed');
    const other = withKeys(before, ['c', 'b', 'a']);
    const contents = await contentsOf(before.memory);
    expect(await rejection(rewrap(other))).toMatchObject({ code: 'ROTATION_UNFINISHED' });
    expect(await contentsOf(before.memory)).toEqual(contents);
    const { summary, events } = await rewrap(other, { takeOver: true });
    expect(summary).toMatchObject({ complete: true, epoch: 3, changed: 6 });
    expect(events).toContainEqual({ type: 'fence', remainingMs: 30_000 });
    expect((await takeCensus(other.encryptor)).settled).toBe(true);
    expect(await rejection(rewrapping.next())).toMatchObject({ code: 'ROTATION_SUPERSEDED' });
    expect((await record(before)).history.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect((await record(before)).history[1]).not.toHaveProperty('completedAt');
  });
});
