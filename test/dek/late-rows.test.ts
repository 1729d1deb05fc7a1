import { describe, expect, it } from 'vitest';
import type { DekRow, StoredItem } from '../../src/adapters.js';
import { KeyProviderError, StoreError, type DekStore } from '../../src/index.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  sealed,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { describeError, failure, refused, rejection } from '../support/failure.js';
import { writeNotes } from '../support/rotations.js';

const LAG_MS = 3_000;
const isRow = (item: StoredItem): boolean => (item.value as { type?: unknown }).type === 'dek';

/** Another process, whose reads show no row before `seenMs` on the clock that they share. */
function late(before: Setup, seenMs: number, lagMs: number | Error = LAG_MS): Setup {
  const isSeen = (): boolean => before.clock.monotonicMs() >= seenMs;
  const own: Partial<Record<keyof DekStore, unknown>> = {
    readLagMs: () => (lagMs instanceof Error ? Promise.reject(lagMs) : Promise.resolve(lagMs)),
    get: async (dekId: string) => (isSeen() ? before.memory.get(dekId) : undefined),
    getMany: async (dekIds: readonly string[]) =>
      isSeen() ? before.memory.getMany(dekIds) : new Map<string, StoredItem>(),
    listScope: async (scopeId: string) =>
      isSeen() ? before.memory.listScope(scopeId) : ([] as readonly StoredItem[]),
  };
  const dekStore = new Proxy<DekStore>(before.memory, {
    get(_memory, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name) as unknown;
      const member: unknown = Reflect.get(before.memory, name);
      return typeof member === 'function' ? (member.bind(before.memory) as unknown) : member;
    },
  });
  return setup({ beside: before, dekStore });
}

function notYet(dekId: string): ReturnType<typeof refused> {
  return refused(
    'DEK_NOT_FOUND',
    `DEK ${dekId} is not in the store, and did not appear within the 3000 ms by which its reads may lag: try again`,
  );
}

async function written(): Promise<readonly [Setup, Loose, string]> {
  const made = setup();
  const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
  return [made, stored, envelopeAt(stored, 'body').dekId];
}

describe('a row that a read does not show, where reads may lag', () => {
  it.each([1, 20, LAG_MS - 1, LAG_MS])('is found %i ms later', async (seenMs) => {
    const [made, stored] = await written();
    const reader = late(made, seenMs);
    const reading = decryptAny(reader.encryptor, stored);
    await made.clock.run(LAG_MS);
    expect(await reading).toEqual({ ...KEY, body: 'text' });
    expect(reader.store.calls['get']).toBeLessThanOrEqual(12);
  });

  it.each(['get', 'readLagMs'])('is read again where %s was answered late', async (slow) => {
    const [made, stored] = await written();
    const reader = late(made, LAG_MS);
    reader.store.after = (method, result) => {
      if (method === slow && made.clock.monotonicMs() < LAG_MS) made.clock.advance(LAG_MS + 1);
      return result;
    };
    expect(await decryptAny(reader.encryptor, stored)).toEqual({ ...KEY, body: 'text' });
    expect(reader.store.calls['get']).toBe(2);
  });

  it('is waited for where it was shown before, and its MEK refused it', async () => {
    const [made, stored] = await written();
    const reader = late(made, 0);
    const refusal = new KeyProviderError('MEK_DISABLED', 'It is disabled');
    reader.provider.before = () => Promise.reject(refusal);
    let gets = 0;
    reader.store.after = (method, result) => {
      if (method !== 'get') return result;
      gets += 1;
      return gets === 2 ? undefined : result;
    };
    const reading = rejection(decryptAny(reader.encryptor, stored));
    await made.clock.run(LAG_MS);
    expect(await reading).toMatchObject({ code: 'MEK_DISABLED' });
    expect(gets).toBe(3);
  });

  it('is retryable once the lag has passed, and no restore is advised', async () => {
    const [made, stored, dekId] = await written();
    const reader = late(made, LAG_MS + 1);
    const reading = rejection(decryptAny(reader.encryptor, stored));
    await made.clock.run(LAG_MS);
    const error = await reading;
    expect(describeError(error)).toEqual(notYet(dekId));
    expect(error).toMatchObject({ retryable: true, dekId });
    made.clock.advance(1);
    expect(await decryptAny(reader.encryptor, stored)).toEqual({ ...KEY, body: 'text' });
  });

  it('is waited for once: asked for again, it is gone, and its restore is advised', async () => {
    const [made, stored, dekId] = await written();
    const reader = late(made, Infinity);
    const reading = failure(decryptAny(reader.encryptor, stored));
    await made.clock.run(LAG_MS);
    await reading;
    reader.store.reset();
    const again = await rejection(decryptAny(reader.encryptor, stored));
    expect(again).toMatchObject({ code: 'DEK_NOT_FOUND', dekId, retryable: false });
    expect((again as Error).message).toMatch(/restore/);
    expect(reader.store.calls).toMatchObject({ get: 1 });
    expect(made.clock.sleeping).toBe(0);
  });

  it('is waited for by one reader for all that want it', async () => {
    const [made, stored] = await written();
    const reader = late(made, 10);
    const reading = Array.from({ length: 50 }, () => decryptAny(reader.encryptor, stored));
    await made.clock.run(9);
    expect(made.clock.sleeping).toBe(1);
    await made.clock.run(LAG_MS);
    await Promise.all(reading);
    expect(reader.provider.calls).toEqual({ unwrapKey: 1 });
  });

  it('is not given up because of the signal of one caller of many', async () => {
    const made = setup();
    const list = await writeNotes(made, 3);
    const reader = late(made, Infinity);
    const controller = new AbortController();
    const { signal } = controller;
    const reading = rejection(reader.encryptor.decryptDocuments(note, list as never[], { signal }));
    await made.clock.run(10);
    const reason = new Error('no more');
    controller.abort(reason);
    expect(await reading).toBe(reason);
    await made.clock.run(LAG_MS);
  });

  it('is refused as the store fails where it cannot say by how much reads lag', async () => {
    const [made, stored] = await written();
    const down = new StoreError('STORE_UNAVAILABLE', 'no route');
    expect(await rejection(decryptAny(late(made, Infinity, down).encryptor, stored))).toBe(down);
  });

  it('is gone at once where reads do not lag', async () => {
    const [made, stored, dekId] = await written();
    const reader = late(made, Infinity, 0);
    const error = await rejection(decryptAny(reader.encryptor, stored));
    expect(error).toMatchObject({ code: 'DEK_NOT_FOUND', dekId, retryable: false });
    expect((error as Error).message).toMatch(/restore/);
    expect(reader.store.calls).toMatchObject({ get: 1 });
  });
});

describe('many rows that a bulk read does not show', () => {
  it('are waited for together, and each unwrapped once', async () => {
    const made = setup();
    const list = await writeNotes(made, 100);
    const reader = late(made, LAG_MS);
    const startMs = made.clock.monotonicMs();
    const reading = reader.encryptor.decryptDocuments(note, list as never[], { concurrency: 4 });
    await made.clock.run(LAG_MS);
    expect((await reading).every(({ ok }) => ok)).toBe(true);
    expect(made.clock.monotonicMs() - startMs).toBe(LAG_MS);
    expect(reader.store.calls['get']).toBeUndefined();
    expect(reader.store.calls['getMany']).toBeLessThanOrEqual(12);
    expect(reader.provider.calls).toEqual({ unwrapKey: 100 });
  });

  it('are each retryable where they did not appear; existing ones open', async () => {
    const made = setup();
    const list = await writeNotes(made, 40);
    const dekIds = list.map((stored) => envelopeAt(stored, 'body').dekId);
    const reader = late(made, 0);
    const some = new Set(dekIds.slice(0, 10));
    reader.store.after = (method, result) =>
      method === 'getMany'
        ? new Map([...(result as Map<string, unknown>)].filter(([dekId]) => some.has(dekId)))
        : result;
    const reading = reader.encryptor.decryptDocuments(note, list as never[], { concurrency: 4 });
    await made.clock.run(LAG_MS);
    const outcomes = await reading;
    expect(outcomes.map(({ ok }) => ok)).toEqual(dekIds.map((dekId) => some.has(dekId)));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.ok) continue;
      expect(describeError(outcome.error)).toEqual(notYet(dekIds[index] ?? ''));
      expect(outcome.error).toMatchObject({ retryable: true });
    }
  });
});

describe('a creator whose listing does not show what another has made', () => {
  it.each([1, 500, LAG_MS])('waits until it does, after one wrap: %i ms', async (seenMs) => {
    const [made, , dekId] = await written();
    const writer = late(made, seenMs);
    const writing = sealed(writer.encryptor, 'more');
    await made.clock.run(LAG_MS);
    expect((await writing).dekId).toBe(dekId);
    expect(writer.provider.calls).toEqual({ wrapKey: 1, unwrapKey: 1 });
    expect(writer.store.calls['create']).toBe(1);
    expect(writer.store.calls['listScope']).toBeLessThanOrEqual(12);
  });

  it('makes the next generation where it was shredded meanwhile', async () => {
    const [made, , dekId] = await written();
    await made.encryptor.shred(note, KEY);
    const writer = late(made, 500);
    const writing = sealed(writer.encryptor, 'more');
    await made.clock.run(LAG_MS);
    expect((await writing).dekId).toBe(dekId.replace(/1$/, '2'));
    expect(writer.provider.calls).toEqual({ wrapKey: 2 });
  });

  it('gives up after the lag, and may be tried again', async () => {
    const [made, , dekId] = await written();
    const writer = late(made, LAG_MS + 1);
    const writing = rejection(sealed(writer.encryptor, 'more'));
    await made.clock.run(LAG_MS);
    const error = await writing;
    expect(describeError(error)).toEqual(
      refused(
        'CONTENDED',
        `Another process created DEK ${dekId}, but a listing of its scope did not show it within the 3000 ms by which reads may lag: try again`,
      ),
    );
    expect(error).toMatchObject({ retryable: true });
    expect(writer.provider.calls).toEqual({ wrapKey: 1 });
    made.clock.advance(1);
    expect((await sealed(writer.encryptor, 'more')).dekId).toBe(dekId);
  });

  it('makes no second DEK however many processes race', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, id: 'another', body: 'makes the record' });
    const writers = Array.from({ length: 10 }, () => late(made, 700));
    const writing = writers.map(({ encryptor }) => sealed(encryptor, 'text'));
    await made.clock.run(LAG_MS);
    const dekIds = new Set((await Promise.all(writing)).map(({ dekId }) => dekId));
    expect(dekIds.size).toBe(1);
    const wraps = writers.map(({ provider }) => provider.calls['wrapKey']);
    expect(wraps).toEqual(writers.map(() => 1));
    const { items } = await made.memory.list({ product: 'notelett' });
    expect(items.filter(isRow).map(({ value }) => (value as DekRow).generation)).toEqual([1, 1]);
  });
});
