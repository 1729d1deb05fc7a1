import { randomBytes } from 'node:crypto';
import { EnvKeyProvider, createFieldEncryptor, defineDocument } from '@bytelyst/field-encrypt';
import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
import { describe, expect, it } from 'vitest';
import * as verify from '../../../command/modes/verify.js';
import { outcomeOf, productOf } from '../../support/command-mode.js';

const PRODUCT = 'notelett';
const note = defineDocument<{ id: string; body: string }>()({
  collection: 'notes',
  key: ['id'],
  fields: ['body'],
});

interface Made {
  readonly store: MemoryDocumentStore<object>;
  readonly encryptor: ReturnType<typeof createFieldEncryptor>;
  /** What happens to the documents while `verify` reads them: after the list, and after each later read. */
  readonly meanwhile: (() => Promise<unknown>)[];
  readonly run: () => Promise<readonly { level: string; check: string; message: string }[]>;
}

/** @param listedAs - What the list has in place of an item. */
async function made(
  listedAs: (item: { readonly document: object }) => object = (item) => item,
): Promise<Made> {
  const provider = new EnvKeyProvider({ key: randomBytes(32).toString('hex') });
  const dekStore = new MemoryDekStore();
  const parts = { product: PRODUCT, keyProviders: [provider], dekStore };
  const encryptor = createFieldEncryptor(parts);
  const store = new MemoryDocumentStore<object>({ key: note.key });
  for (const id of ['1', '2', '3']) {
    await store.create(await encryptor.encryptDocument(note, { id, body: 'Hello' }));
  }
  const meanwhile: (() => Promise<unknown>)[] = [];
  const documentStore = Object.create(store) as typeof store;
  documentStore.list = async (options) => {
    const page = await store.list(options);
    await meanwhile.shift()?.();
    return { ...page, items: page.items.map((item) => ({ ...item, ...listedAs(item) })) };
  };
  documentStore.get = async (key, options) => {
    const found = await store.get(key, options);
    await meanwhile.shift()?.();
    return found;
  };
  const parts_ = { provider, dekStore, documentStore: documentStore as never, definition: note };
  const run: Made['run'] = async () => {
    const call = { args: ['verify'], ...productOf(PRODUCT, parts_) };
    const { findings = [] } = await outcomeOf(verify, call);
    return findings.filter(({ check }) => check === 'sample');
  };
  return { store, encryptor, meanwhile, run };
}

describe('verify beside live traffic', () => {
  it('does not count a document that was deleted after it was listed', async () => {
    const { store, encryptor, meanwhile, run } = await made();
    meanwhile.push(() => encryptor.deleteDocument(note, store as never, { id: '2' }));
    expect(await run()).toMatchObject([
      { level: 'ok', message: '2 sample documents of 3 of "notes": all open' },
    ]);
  });

  it('waits for a deletion that has shredded the DEK, and not yet removed the document', async () => {
    const { store, encryptor, meanwhile, run } = await made();
    const key = { id: '2' };
    const remove = async (): Promise<void> => {
      const found = await store.get(key);
      await store.delete(key, found?.etag ?? '');
    };
    meanwhile.push(() => encryptor.shred(note, key), remove);
    expect(await run()).toMatchObject([{ level: 'ok' }]);
  });

  it('says no where the document stays, and its DEK is shredded', async () => {
    const { encryptor, run } = await made();
    await encryptor.shred(note, { id: '2' });
    const [finding] = await run();
    expect(finding).toMatchObject({ level: 'fail' });
    expect(finding?.message).toMatch(
      /^3 sample documents of 3 of "notes": 1 do not open, the first with DEK_SHREDDED: /,
    );
  });

  it('says no where a document has a key that it cannot be read by', async () => {
    const { run } = await made(({ document }) => ({ document: { ...document, id: 4 } }));
    const [finding] = await run();
    expect(finding).toMatchObject({ level: 'fail' });
  });
});
