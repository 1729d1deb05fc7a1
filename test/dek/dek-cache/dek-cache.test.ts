import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { deriveCommitment } from '../../../src/crypto/key-schedule.js';
import { Dek } from '../../../src/dek/dek.js';
import type { LiveDekRow } from '../../../src/adapters.js';
import { DekCache, type DekCacheOptions } from '../../../src/index.js';
import { createSecretKey } from 'node:crypto';
import { ManualClock } from '../../support/clock.js';
import { deferred, type Deferred } from '../../support/deferred.js';
import { PRODUCT } from '../../support/encryptor.js';
import { describeError, failureOf, rejection, thrownBy } from '../../support/failure.js';
import { dekOf, tokenFor } from '../../support/deks.js';

const TTL_MS = 60_000;
const SCOPE = 'a'.repeat(32);

interface Unwrapped {
  readonly dek: Dek;
  readonly row: LiveDekRow;
}

function cacheWith(options: DekCacheOptions = {}): { cache: DekCache; clock: ManualClock } {
  const clock = new ManualClock();
  return { clock, cache: new DekCache({ ttlMs: TTL_MS, maxEntries: 3, clock, ...options }) };
}

/** A DEK of its own bytes, with as much of its row as the cache looks at. */
function unwrapped(clock: ManualClock, generation = 1, fill = generation): Unwrapped {
  const id = `${SCOPE}.${String(generation)}`;
  const now = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  const dek = dekOf(PRODUCT, id, Buffer.alloc(32, fill), now);
  const wrap = { wrappedDek: `wrap of ${String(fill)}`, wrapAlgorithm: 'A256KW' as const };
  const mek = { keyProvider: 'env', mekName: 'env', mekVersion: 'v1' };
  const row = { id, ...wrap, ...mek, commitment: dek.commitment } as unknown as LiveDekRow;
  return { dek, row };
}

/** A load that a test finishes when it likes. */
function load(): Deferred<Unwrapped> & { start: () => Promise<Unwrapped>; starts: () => number } {
  let starts = 0;
  const pending = deferred<Unwrapped>();
  const start = (): Promise<Unwrapped> => {
    starts += 1;
    return pending.promise;
  };
  return { start, starts: () => starts, ...pending };
}

describe('limits', () => {
  it.each([
    [{ maxEntries: 0 }, '"maxEntries" expected an integer from 1 to 10000000, got 0'],
    [{ maxEntries: 1.5 }, '"maxEntries" expected an integer from 1 to 10000000, got 1.5'],
    [{ maxEntries: 1e8 }, '"maxEntries" expected an integer from 1 to 10000000, got 100000000'],
    [{ maxEntries: Infinity }, '"maxEntries" expected an integer from 1 to 10000000, got Infinity'],
    [{ ttlMs: 0 }, '"ttlMs" expected an integer from 1 to 86400000, got 0'],
    [{ ttlMs: -1 }, '"ttlMs" expected an integer from 1 to 86400000, got -1'],
    [{ ttlMs: NaN }, '"ttlMs" expected an integer from 1 to 86400000, got NaN'],
    [{ ttlMs: 86_400_001 }, '"ttlMs" expected an integer from 1 to 86400000, got 86400001'],
  ])('%j are refused', (options, message) => {
    expect(failureOf(() => new DekCache(options))).toEqual({ name: 'RangeError', message });
  });

  it.each([
    [{ maxEntries: '9' }, '"maxEntries" expected an integer from 1 to 10000000, got a string'],
    [{ ttlMs: null }, '"ttlMs" expected an integer from 1 to 86400000, got null'],
  ])('%j are refused', (options, message) => {
    expect(failureOf(() => new DekCache(options as never))).toEqual({ name: 'TypeError', message });
  });

  it('are 10 000 entries and five minutes if nothing is said', () => {
    expect(new DekCache()).toMatchObject({ maxEntries: 10_000, ttlMs: 300_000, size: 0 });
  });
});

describe('a full cache', () => {
  it('drops what was used longest ago', () => {
    const { cache, clock } = cacheWith();
    const deks = [1, 2, 3].map((generation) => unwrapped(clock, generation));
    for (const each of deks) cache.put(each);
    const [first, second, third] = deks.map(({ dek }) => dek.id) as [string, string, string];
    expect(cache.get(first)).toBe(deks[0]?.dek);
    cache.put(unwrapped(clock, 4));
    expect(cache.size).toBe(3);
    expect(cache.get(second)).toBeUndefined();
    expect(cache.get(first)).toBe(deks[0]?.dek);
    expect(cache.get(third)).toBe(deks[2]?.dek);
  });

  it('does not fail a load whose entry is pushed out meanwhile', async () => {
    const { cache, clock } = cacheWith({ maxEntries: 1 });
    const [slow, other] = [unwrapped(clock, 1), unwrapped(clock, 2)];
    const pending = load();
    const loading = cache.getOrLoad(slow.dek.id, pending.start);
    cache.put(other);
    pending.resolve(slow);
    cache.put(unwrapped(clock, 3));
    expect(await loading).toBe(slow.dek);
    expect(cache.size).toBe(1);
  });

  it('of one entry serves many DEKs, one after the other', async () => {
    const { cache, clock } = cacheWith({ maxEntries: 1 });
    for (const generation of [1, 2, 1, 2]) {
      const each = unwrapped(clock, generation);
      expect(await cache.getOrLoad(each.dek.id, () => Promise.resolve(each))).toBe(each.dek);
    }
  });
});

describe('the TTL', () => {
  function held(): { cache: DekCache; clock: ManualClock; id: string } {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    cache.put(each);
    return { cache, clock, id: each.dek.id };
  }

  it('ends a DEK just then, however often it is used', () => {
    const { cache, clock, id } = held();
    for (let use = 0; use < 6; use += 1) {
      clock.advance(TTL_MS / 6 - (use === 5 ? 1 : 0));
      expect(cache.get(id)).toBeDefined();
    }
    clock.advance(1);
    expect(cache.get(id)).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('counts from the unwrap, not from when the cache was notified', async () => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    clock.advance(TTL_MS - 1);
    expect(await cache.getOrLoad(each.dek.id, () => Promise.resolve(each))).toBe(each.dek);
    expect(cache.get(each.dek.id)).toBe(each.dek);
    clock.advance(1);
    expect(cache.get(each.dek.id)).toBeUndefined();
  });

  it('keeps nothing that took longer than itself to load, and still answers', async () => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    clock.advance(TTL_MS);
    expect(await cache.getOrLoad(each.dek.id, () => Promise.resolve(each))).toBe(each.dek);
    expect(cache.size).toBe(0);
  });

  it('ends a DEK when the wall clock jumps ahead while monotonic time stands still', () => {
    const { cache, clock, id } = held();
    clock.advanceWall(TTL_MS - 1);
    expect(cache.get(id)).toBeDefined();
    clock.advanceWall(1);
    expect(cache.get(id)).toBeUndefined();
  });

  it('ends a DEK when monotonic time passes while the wall clock stands still', () => {
    const { cache, clock, id } = held();
    clock.advanceMonotonic(TTL_MS);
    expect(cache.get(id)).toBeUndefined();
  });

  it('has passed when the wall clock went back', () => {
    const { cache, clock, id } = held();
    clock.advance(10);
    clock.setBack(11);
    expect(cache.get(id)).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('has not passed when the wall clock went back by less than the DEK is old', () => {
    const { cache, clock, id } = held();
    clock.advance(10);
    clock.setBack(10);
    expect(cache.get(id)).toBeDefined();
  });
});

describe('forgetting', () => {
  it('takes one DEK and leaves the others', () => {
    const { cache, clock } = cacheWith();
    const [one, other] = [unwrapped(clock, 1), unwrapped(clock, 2)];
    for (const each of [one, other]) cache.put(each);
    cache.invalidate(one.dek.id);
    cache.invalidate('unknown');
    expect(cache.get(one.dek.id)).toBeUndefined();
    expect(cache.get(other.dek.id)).toBe(other.dek);
    cache.clear();
    expect(cache.size).toBe(0);
  });

  it.each(['invalidate', 'clear'] as const)('with %s outlives a load under way', async (method) => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    const pending = load();
    const loading = cache.getOrLoad(each.dek.id, pending.start);
    cache[method](each.dek.id);
    pending.resolve(each);
    expect(await loading).toBe(each.dek);
    expect(cache.get(each.dek.id)).toBeUndefined();
  });

  it('lets a late load neither join nor overwrite a newer one', async () => {
    const { cache, clock } = cacheWith();
    const [older, newer] = [unwrapped(clock, 1), unwrapped(clock, 1)];
    const { id } = older.dek;
    const [slow, quick] = [load(), load()];
    const first = cache.getOrLoad(id, slow.start);
    cache.invalidate(id);
    const second = cache.getOrLoad(id, quick.start);
    quick.resolve(newer);
    expect(await second).toBe(newer.dek);
    slow.resolve(older);
    expect(await first).toBe(older.dek);
    expect(cache.get(id)).toBe(newer.dek);
    expect([slow.starts(), quick.starts()]).toEqual([1, 1]);
  });

  it('lets a late load not overwrite a DEK that was put', async () => {
    const { cache, clock } = cacheWith();
    const [older, newer] = [unwrapped(clock, 1), unwrapped(clock, 1)];
    const pending = load();
    const loading = cache.getOrLoad(older.dek.id, pending.start);
    cache.put(newer);
    pending.resolve(older);
    await loading;
    expect(cache.get(newer.dek.id)).toBe(newer.dek);
  });
});

describe('a scope that this process has shredded', () => {
  it('has its DEKs taken out, those that are being loaded too, and none put in', async () => {
    const { cache, clock } = cacheWith();
    const [held, loading, other] = [1, 2, 3].map((generation) => unwrapped(clock, generation));
    if (!held || !loading || !other) throw new Error('There are three');
    cache.put(held);
    cache.put(other);
    loading.dek.token.watch(cache, loading.dek.id);
    const pending = load();
    const late = cache.getOrLoad(loading.dek.id, pending.start);
    for (const { dek } of [held, loading]) dek.token.end();
    const again = load();
    const joined = cache.getOrLoad(loading.dek.id, again.start);
    expect([pending.starts(), again.starts()]).toEqual([1, 1]);
    for (const each of [pending, again]) each.resolve(loading);
    expect(await Promise.all([late, joined])).toEqual([loading.dek, loading.dek]);
    cache.put(held);
    expect([held, loading, other].map(({ dek }) => cache.peek(dek.id))).toEqual([
      undefined,
      undefined,
      other.dek,
    ]);
  });
});

describe('loading', () => {
  it('is one piece of work for all who ask at once', async () => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    const pending = load();
    const loads = Array.from({ length: 50 }, () => cache.getOrLoad(each.dek.id, pending.start));
    pending.resolve(each);
    for (const dek of await Promise.all(loads)) expect(dek).toBe(each.dek);
    expect(pending.starts()).toBe(1);
  });

  it('fails for all who wait, is not kept, and may succeed the next time', async () => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    const pending = load();
    const loads = [1, 2, 3].map(() => cache.getOrLoad(each.dek.id, pending.start));
    const outage = new Error('down');
    pending.reject(outage);
    for (const loading of loads) expect(await rejection(loading)).toBe(outage);
    expect(cache.size).toBe(0);
    expect(await cache.getOrLoad(each.dek.id, () => Promise.resolve(each))).toBe(each.dek);
  });

  it('that throws at once fails like any other', async () => {
    const { cache } = cacheWith();
    const broken = (): never => {
      throw new Error('at once');
    };
    expect(describeError(await rejection(cache.getOrLoad('x', broken))).message).toBe('at once');
    expect(describeError(await rejection(cache.getOrLoad('x', broken))).message).toBe('at once');
  });
});

describe('a rewrap', () => {
  it('keeps the key and its age', () => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    cache.put(each);
    clock.advance(TTL_MS - 1);
    cache.rewrapped({ ...each.row, mekVersion: 'v2', wrappedDek: 'another' });
    expect(cache.get(each.dek.id)).toBe(each.dek);
    clock.advance(1);
    expect(cache.get(each.dek.id)).toBeUndefined();
  });

  it('of a DEK that is not held adds nothing', () => {
    const { cache, clock } = cacheWith();
    cache.rewrapped(unwrapped(clock).row);
    expect(cache.size).toBe(0);
  });

  it('that is known before a load of the older row ends wins over it', async () => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    const pending = load();
    const loading = cache.getOrLoad(each.dek.id, pending.start);
    cache.rewrapped({ ...each.row, wrappedDek: 'another' });
    pending.resolve(each);
    expect(await loading).toBe(each.dek);
    expect(cache.get(each.dek.id)).toBeUndefined();
  });

  it('to another key evicts the DEK and is tampering', () => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock);
    cache.put(each);
    const commitment = deriveCommitment(createSecretKey(Buffer.alloc(32, 9)), PRODUCT, each.dek.id);
    expect(
      failureOf(() => {
        cache.rewrapped({ ...each.row, commitment });
      }),
    ).toEqual({
      name: 'TamperedError',
      code: 'TAMPERED',
      message: `The commitment of DEK row ${each.dek.id} has changed, and a DEK never changes: restore the row from a backup`,
    });
    expect(
      thrownBy(() => {
        cache.put(each);
        cache.rewrapped({ ...each.row, commitment });
      }),
    ).toMatchObject({
      dekId: each.dek.id,
      retryable: false,
    });
    expect(cache.size).toBe(0);
  });
});

describe('printing', () => {
  it('shows nothing of a key', () => {
    const { cache, clock } = cacheWith();
    const each = unwrapped(clock, 1, 0x5a);
    cache.put(each);
    const shown = [cache, each.dek].flatMap((value) => [
      inspect(value, { depth: Infinity, showHidden: true, getters: true }),
      JSON.stringify(value),
    ]);
    for (const text of shown) {
      for (const secret of ['5a5a', 'WlpaWlpa', 'ZZZZ', 'KeyObject', '90, 90', 'wrap of']) {
        expect(text).not.toContain(secret);
      }
    }
    expect(JSON.parse(JSON.stringify(cache))).toEqual({ ttlMs: TTL_MS, maxEntries: 3 });
    expect(shown[2]).toContain(each.dek.id);
  });
});

describe('a DEK', () => {
  it('wipes the bytes that it was made of, and those that it lends', async () => {
    const bytes = Buffer.alloc(32, 7);
    const dek = dekOf(PRODUCT, `${SCOPE}.1`, bytes);
    expect(bytes.equals(Buffer.alloc(32))).toBe(true);
    const lent: Buffer[] = [];
    const copy = await dek.lend((each) => {
      lent.push(each);
      return Promise.resolve(Buffer.from(each));
    });
    expect(copy).toEqual(Buffer.alloc(32, 7));
    await rejection(
      dek.lend((each) => {
        lent.push(each);
        return Promise.reject(new Error('vault down'));
      }),
    );
    expect(lent).toHaveLength(2);
    for (const each of lent) expect(each.equals(Buffer.alloc(32))).toBe(true);
  });

  it('is 32 random bytes, different each time', async () => {
    const dekId = `${SCOPE}.1`;
    const origin = { unwrappedAt: { wallMs: 0, monotonicMs: 0 }, token: tokenFor(dekId) };
    const deks = Array.from({ length: 50 }, () => Dek.generate(PRODUCT, dekId, origin));
    const hex = await Promise.all(
      deks.map((dek) => dek.lend((bytes) => Promise.resolve(bytes.toString('hex')))),
    );
    expect(new Set(hex).size).toBe(deks.length);
    expect(hex.every((each) => each.length === 64)).toBe(true);
  });
});
