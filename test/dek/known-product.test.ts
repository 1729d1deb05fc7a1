import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import {
  backfillDocuments,
  removeEncryption,
  takeCensus,
  type EncryptionContext,
} from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { contentsOf, encryptAny, KEY, note, PRODUCT, setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { migrate, notes } from '../support/migrations.js';
import { optionWorld, type OptionBag } from '../support/option-bags/option-bag.js';
import { RUN_BAGS } from '../support/option-bags/run-bags.js';

/** They know no product, or need its record. */
const OTHERS = ['countPlaintext', 'requireBackfilled', 'setFenceTtl'];
const BAGS = RUN_BAGS.filter(({ of, owner }) => owner === undefined && !OTHERS.includes(of));

const REFUSAL = {
  name: 'FieldEncryptionError',
  code: 'PRODUCT_EMPTY',
  message: `The product "notepad" has neither DEK rows nor a rotation record in this store, which has "${PRODUCT}": correct "product" or "dekStore"; pass "allowEmpty: true" where nothing was encrypted yet`,
};

/** Calls it for a product whose name is misspelt, over a store with documents of another. */
async function misspelt(
  bag: OptionBag,
  options: { readonly allowEmpty?: boolean },
): Promise<{ readonly outcome: Promise<unknown>; readonly memory: MemoryDekStore }> {
  const world = await optionWorld();
  const { keyProviders, dekStore, clock } = world.encryptor;
  const encryptor = { product: 'notepad', keyProviders, dekStore, clock };
  const needed = bag.needed(world);
  const used = bag.use({ ...needed, ...options } as never, { ...world, encryptor } as never);
  return { outcome: Promise.resolve(isIterator(used) ? used.next() : used), memory: world.memory };
}

function isIterator(value: unknown): value is AsyncGenerator {
  return typeof (value as Partial<AsyncGenerator>).next === 'function';
}

describe('a product whose name is misspelt', () => {
  it.each(BAGS.map((bag) => [bag.of, bag] as const))(
    'is refused by %s before anything is written',
    async (_of, bag) => {
      const { outcome, memory } = await misspelt(bag, {});
      const contents = await contentsOf(memory);
      expect(await failure(outcome)).toMatchObject(REFUSAL);
      expect(await contentsOf(memory)).toEqual(contents);
      expect(await memory.getRotation('notepad')).toBeUndefined();
    },
  );

  it.each(BAGS.map((bag) => [bag.of, bag] as const))(
    'is not refused by %s for its name where it may be empty',
    async (_of, bag) => {
      const { outcome } = await misspelt(bag, { allowEmpty: true });
      const code = await outcome.then(
        () => undefined,
        (error: unknown) => (error as { readonly code?: string }).code,
      );
      expect(code).not.toBe('PRODUCT_EMPTY');
    },
  );
});

describe('the first backfill of a store', () => {
  async function backfill(dekStore: MemoryDekStore, run = backfillDocuments): Promise<unknown> {
    const made = setup({ dekStore, enabled: run === backfillDocuments });
    const { store } = notes();
    await store.create({ ...KEY, body: 'text' });
    return migrate(run(made.encryptor, note, store), made.clock).then(
      ({ summary }) => summary.changed,
      (error: unknown) => (error as { readonly code?: string }).code,
    );
  }

  it('needs no option: no other product can be meant', async () => {
    expect(await backfill(new MemoryDekStore())).toBe(1);
  });

  it('is refused where the store cannot tell whether it has others', async () => {
    const dekStore = Object.assign(new MemoryDekStore(), { listProducts: undefined as never });
    expect(await backfill(dekStore)).toBe('PRODUCT_EMPTY');
  });

  it('is the only migration that may come first', async () => {
    expect(await backfill(new MemoryDekStore(), removeEncryption)).toBe('PRODUCT_EMPTY');
  });
});

describe('the products that the message names', () => {
  async function refusal(encryption: Pick<EncryptionContext, 'dekStore'>): Promise<string> {
    return (await failure(takeCensus({ product: 'notepad', ...encryption }))).message;
  }

  it('are ten at most', async () => {
    const dekStore = new MemoryDekStore();
    for (let number = 0; number < 11; number += 1) {
      const made = setup({ product: `product-${String(number)}`, memory: dekStore });
      await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    }
    const message = await refusal({ dekStore });
    expect(message).toContain('"product-8" and more: correct');
    expect(message).not.toContain('product-9');
  });

  it('are found in a SQLite file too', async () => {
    const dekStore = new SqliteDekStore(new Database(':memory:'));
    const made = setup({ dekStore });
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    expect(await refusal({ dekStore })).toContain(`which has "${PRODUCT}": correct`);
  });

  it('are left out where the store cannot list them', async () => {
    const dekStore = new MemoryDekStore();
    Object.assign(dekStore, { listProducts: undefined });
    expect(await refusal({ dekStore })).toContain('in this store: correct');
  });
});
