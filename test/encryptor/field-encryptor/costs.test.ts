import { describe, expect, it } from 'vitest';
import { KeyProviderError, type Envelope } from '../../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Loose,
  type Setup,
} from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';

const FENCE_TTL_MS = 30_000;
const CALLERS = 100;

function callers<T>(work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: CALLERS }, (_each, index) => work(index)));
}

async function written(fields: Loose = { body: 'text' }): Promise<readonly [Setup, Loose]> {
  const made = setup();
  const stored = await encryptAny(made.encryptor, { ...KEY, ...fields });
  return [made, stored];
}

function forget(made: Setup): void {
  made.store.reset();
  made.provider.reset();
}

describe('opening', () => {
  it('one cold document costs one read and one unwrap, however many callers wait for it', async () => {
    const [writer, stored] = await written();
    const reader = setup({ beside: writer });
    const opened = await callers(() => decryptAny(reader.encryptor, stored));
    for (const document of opened) expect(document).toEqual({ ...KEY, body: 'text' });
    expect(reader.store.calls).toEqual({ get: 1 });
    expect(reader.provider.calls).toEqual({ unwrapKey: 1 });
  });

  it('a hot document costs no read and no unwrap', async () => {
    const [writer, stored] = await written();
    const reader = setup({ beside: writer });
    await decryptAny(reader.encryptor, stored);
    forget(reader);
    await callers(() => decryptAny(reader.encryptor, stored));
    await reader.encryptor.decryptDocuments(note, [stored, stored] as never[]);
    expect(reader.store.calls).toEqual({});
    expect(reader.provider.calls).toEqual({});
  });

  it('a document of one generation costs the same with many fields', async () => {
    const tags = Array.from({ length: 500 }, (_each, index) => `tag ${String(index)}`);
    const [writer, stored] = await written({ body: 'text', title: 'title', tags });
    const reader = setup({ beside: writer });
    expect((await decryptAny(reader.encryptor, stored))['tags']).toEqual(tags);
    expect(reader.store.calls).toEqual({ get: 1 });
    expect(reader.provider.calls).toEqual({ unwrapKey: 1 });
  });

  it('what the writer itself just sealed costs nothing', async () => {
    const [writer, stored] = await written();
    forget(writer);
    await decryptAny(writer.encryptor, stored);
    expect(writer.store.calls).toEqual({});
    expect(writer.provider.calls).toEqual({});
  });

  it('costs one read and one unwrap again after the cache TTL', async () => {
    const [writer, stored] = await written();
    const reader = setup({ beside: writer });
    await decryptAny(reader.encryptor, stored);
    reader.clock.advance(reader.dekCache.ttlMs - 1);
    await decryptAny(reader.encryptor, stored);
    expect(reader.store.calls).toEqual({ get: 1 });
    reader.clock.advance(1);
    await decryptAny(reader.encryptor, stored);
    expect(reader.store.calls).toEqual({ get: 2 });
    expect(reader.provider.calls).toEqual({ unwrapKey: 2 });
  });

  it('reads a row once more when its MEK refuses it, and no more than that', async () => {
    const [writer, stored] = await written();
    const reader = setup({ beside: writer });
    const disabled = new KeyProviderError('MEK_DISABLED', 'That version is disabled');
    reader.provider.before = () => Promise.reject(disabled);
    expect(await rejection(decryptAny(reader.encryptor, stored))).toMatchObject({
      code: 'MEK_DISABLED',
      cause: disabled,
    });
    expect(reader.store.calls).toEqual({ get: 2 });
    expect(reader.provider.calls).toEqual({ unwrapKey: 1 });
  });
});

describe('opening many', () => {
  async function many(count: number): Promise<readonly [Setup, readonly Loose[]]> {
    const made = setup();
    const ids = Array.from({ length: count }, (_each, index) => `note-${String(index)}`);
    const list = await Promise.all(
      ids.map((id) => encryptAny(made.encryptor, { ...KEY, id, body: `of ${id}` })),
    );
    return [made, list];
  }

  it.each([1, 7, 16])(
    'cold documents cost one bulk read and one unwrap each, %i side by side',
    async (concurrency) => {
      const [writer, list] = await many(100);
      const reader = setup({ beside: writer });
      reader.provider.before = () => new Promise((resolve) => setImmediate(resolve));
      const outcomes = await reader.encryptor.decryptDocuments(note, list as never[], {
        concurrency,
      });
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      expect(reader.store.calls).toEqual({ getMany: 1 });
      expect(reader.provider.calls).toEqual({ unwrapKey: 100 });
      expect(reader.provider.mostInFlight).toEqual({ unwrapKey: concurrency });
    },
  );

  it('unwraps 16 concurrently by default', async () => {
    const [writer, list] = await many(40);
    const reader = setup({ beside: writer });
    reader.provider.before = () => new Promise((resolve) => setImmediate(resolve));
    await reader.encryptor.decryptDocuments(note, list as never[]);
    expect(reader.provider.mostInFlight).toEqual({ unwrapKey: 16 });
  });

  it('asks only for what is cold, and for each DEK once', async () => {
    const [writer, list] = await many(10);
    const reader = setup({ beside: writer });
    await reader.encryptor.decryptDocuments(note, list.slice(0, 4) as never[]);
    forget(reader);
    let asked: unknown;
    reader.store.before = (method, [dekIds]) => (method === 'getMany' ? (asked = dekIds) : 0);
    await reader.encryptor.decryptDocuments(note, [...list, ...list] as never[]);
    expect(asked).toEqual(list.slice(4).map(({ body }) => (body as Envelope).dekId));
    expect(reader.provider.calls).toEqual({ unwrapKey: 6 });
  });

  it('shares loads with callers who open one of them at the same time', async () => {
    const [writer, list] = await many(10);
    const reader = setup({ beside: writer });
    await Promise.all([
      reader.encryptor.decryptDocuments(note, list as never[]),
      reader.encryptor.decryptDocuments(note, list as never[]),
      ...list.map((stored) => decryptAny(reader.encryptor, stored)),
    ]);
    expect(reader.provider.calls).toEqual({ unwrapKey: 10 });
  });

  it('fails for one DEK alone, and does not keep the failure', async () => {
    const [writer, list] = await many(5);
    const reader = setup({ beside: writer });
    const outage = new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'Down', { retryable: true });
    const { dekId } = list[2]?.['body'] as Envelope;
    const row = (await writer.memory.get(dekId))?.value as { wrappedDek: string };
    reader.provider.before = (_method, [wrap]) => {
      return (wrap as typeof row).wrappedDek === row.wrappedDek ? Promise.reject(outage) : 0;
    };
    const outcomes = await reader.encryptor.decryptDocuments(note, list as never[]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, true, true]);
    expect(outcomes[2]).toEqual({ ok: false, error: outage });
    expect(reader.dekCache.size).toBe(4);
    reader.provider.before = () => undefined;
    const again = await reader.encryptor.decryptDocuments(note, list as never[]);
    expect(again.every(({ ok }) => ok)).toBe(true);
    expect(reader.provider.calls).toEqual({ unwrapKey: 6 });
  });
});

describe('sealing', () => {
  it('for the first time costs one listScope, one wrap and one create', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, id: 'of the product', body: 'text' });
    forget(made);
    const body = 'text';
    await encryptAny(made.encryptor, { ...KEY, body, title: 'title', tags: ['a', 'b'] });
    expect(made.store.calls).toEqual({ listScope: 1, create: 1 });
    expect(made.provider.calls).toEqual({ wrapKey: 1 });
  });

  it('for the first time costs the same for 100 callers of one document', async () => {
    const made = setup();
    const stored = await callers((index) => encryptAny(made.encryptor, { ...KEY, body: index }));
    expect(new Set(stored.map(({ body }) => (body as Envelope).dekId)).size).toBe(1);
    expect(made.store.calls).toMatchObject({ listScope: 1, create: 1, createRotation: 1 });
    expect(made.provider.calls).toEqual({ currentVersion: 1, wrapKey: 1 });
    for (const [index, each] of stored.entries()) {
      expect(await decryptAny(made.encryptor, each)).toEqual({ ...KEY, body: index });
    }
  });

  it('for the first time in many processes at once makes one DEK', async () => {
    const first = setup();
    const others = Array.from({ length: 9 }, () => setup({ beside: first }));
    const processes = [first, ...others];
    const stored = await Promise.all(
      processes.map(({ encryptor }) => encryptAny(encryptor, { ...KEY, body: 'text' })),
    );
    expect(new Set(stored.map(({ body }) => (body as Envelope).dekId)).size).toBe(1);
    expect(await first.memory.count({ product: PRODUCT })).toBe(1);
    const reader = setup({ beside: first });
    for (const each of stored) {
      expect(await decryptAny(reader.encryptor, each)).toEqual({ ...KEY, body: 'text' });
    }
  });

  it('a first document of a product makes the rotation record on the way', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    expect(made.store.calls).toEqual({
      getRotation: 2,
      count: 1,
      createRotation: 1,
      listScope: 1,
      create: 1,
    });
  });

  it('a hot document costs at most one read of its rows in each fence TTL', async () => {
    const [made] = await written();
    const before = await contentsOf(made.memory);
    for (let fence = 0; fence < 5; fence += 1) {
      made.clock.advance(FENCE_TTL_MS);
      forget(made);
      for (let seal = 0; seal < 10; seal += 1) {
        await encryptAny(made.encryptor, { ...KEY, body: seal });
        made.clock.advance(100);
      }
      expect(made.store.calls).toEqual({ getRotation: 1, listScope: 1 });
      expect(made.provider.calls).toEqual({});
    }
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('a hot document costs nothing within the fence TTL, for any number of callers', async () => {
    const [made] = await written();
    made.clock.advance(FENCE_TTL_MS - 1);
    forget(made);
    await callers((index) => encryptAny(made.encryptor, { ...KEY, body: index }));
    expect(made.store.calls).toEqual({});
    expect(made.provider.calls).toEqual({});
    made.clock.advance(1);
    await callers((index) => encryptAny(made.encryptor, { ...KEY, body: index }));
    expect(made.store.calls).toEqual({ getRotation: 1, listScope: 1 });
    expect(made.provider.calls).toEqual({});
  });

  it('obeys the fence TTL of the record, and not its own', async () => {
    const first = setup({ fenceTtlMs: 5_000 });
    await encryptAny(first.encryptor, { ...KEY, body: 'text' });
    const second = setup({ beside: first, fenceTtlMs: 600_000 });
    await encryptAny(second.encryptor, { ...KEY, body: 'text' });
    forget(second);
    second.clock.advance(4_999);
    await encryptAny(second.encryptor, { ...KEY, body: 'text' });
    expect(second.store.calls).toEqual({});
    second.clock.advance(1);
    await encryptAny(second.encryptor, { ...KEY, body: 'text' });
    expect(second.store.calls).toEqual({ getRotation: 1, listScope: 1 });
  });

  it('a document that another process already has costs one listScope and one unwrap', async () => {
    const [writer] = await written();
    const other = setup({ beside: writer });
    await encryptAny(other.encryptor, { ...KEY, body: 'text' });
    expect(other.store.calls).toEqual({ getRotation: 1, listScope: 1 });
    expect(other.provider.calls).toEqual({ unwrapKey: 1 });
  });

  it('a document without plain fields costs only what opening costs', async () => {
    const [writer, stored] = await written();
    const other = setup({ beside: writer });
    expect(await encryptAny(other.encryptor, stored)).toEqual(stored);
    expect(other.store.calls).toEqual({ get: 1 });
    expect(other.provider.calls).toEqual({ unwrapKey: 1 });
    forget(other);
    await encryptAny(other.encryptor, KEY);
    expect(other.store.calls).toEqual({});
  });
});
