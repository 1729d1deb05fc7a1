import { placeOf } from '../../../src/document/document-draft.js';
import { describe, expect, it } from 'vitest';
import { fieldCipher } from '../../../src/cipher/field-cipher.js';
import { keyScope } from '../../../src/format/key-scope.js';
import { findMissingDeks } from '../../../src/index.js';
import { MemoryDocumentStore } from '../../../src/testing/index.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  PRODUCT,
  sealed,
  setup,
  type Loose,
  type Setup,
} from '../../support/encryptor.js';
import { describeError, failure, refused } from '../../support/failure.js';
import { activeRow } from '../../support/rows.js';
import { dekOf } from '../../support/deks.js';

const PARTS = ['notes', KEY.workspaceId, KEY.id];
const { scopeId } = keyScope('document', PRODUCT, PARTS);
const MOST = 256;
const AT_ONCE = 16;

const inDocument = refused(
  'TOO_MANY_DEKS',
  'The envelopes of the document name more than 256 DEKs, and one to three are normal: restore the document from a backup, and find out who wrote it',
);
const inScope = refused(
  'TOO_MANY_DEKS',
  `Scope ${scopeId} has more than 256 DEKs, and one to three are normal: read the document with decryptDocument, which loads only what it names, and find out who wrote the rows`,
);

/** A document with one tag under each of the given number of DEKs, all of them valid. */
async function withGenerations(made: Setup, count: number): Promise<Loose> {
  const place = placeOf(note, PRODUCT, KEY);
  const { keyProvider } = made;
  const mekVersion = await keyProvider.currentVersion();
  await encryptAny(made.encryptor, { ...KEY, id: 'another', body: 'makes the rotation record' });
  const tags = [];
  for (let generation = 1; generation <= count; generation += 1) {
    const bytes = Buffer.alloc(32, generation);
    const request = { parts: PARTS, generation, dek: bytes, keyProvider, mekVersion };
    const row = await activeRow(request);
    await made.memory.create(row);
    const dek = dekOf(PRODUCT, row.id, bytes);
    const payload = `under ${String(generation)}`;
    const field = note.declaredField('tags[]');
    tags.push(fieldCipher(dek, place).seal(field, { marker: 1, payload }, mekVersion));
  }
  return { ...KEY, tags };
}

/** What a writer of the database makes of one envelope: many, each under a DEK of its own. */
async function forged(made: Setup, count: number, onRead: () => void): Promise<Loose> {
  const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
  const envelope = envelopeAt(stored, 'body');
  const tags = Array.from({ length: count }, (_each, index) =>
    Object.defineProperty({ ...envelope }, 'dekId', {
      enumerable: true,
      get() {
        onRead();
        return `${scopeId}.${String(index + 1)}`;
      },
    }),
  );
  return { ...KEY, tags };
}

describe('a document under many DEKs', () => {
  it('opens up to 256, and loads 16 of them at a time', async () => {
    const made = setup();
    const stored = await withGenerations(made, MOST);
    const reader = setup({ beside: made });
    reader.provider.before = () => new Promise((resolve) => setImmediate(resolve));
    const { tags } = await decryptAny(reader.encryptor, stored);
    expect(tags).toEqual(Array.from({ length: MOST }, (_each, at) => `under ${String(at + 1)}`));
    expect(reader.provider.calls).toEqual({ unwrapKey: MOST });
    expect(reader.provider.mostInFlight).toEqual({ unwrapKey: AT_ONCE });
    expect(reader.store.mostInFlight['get']).toBeLessThanOrEqual(AT_ONCE);
  });

  it('is refused above that, before any read and before the rest is checked', async () => {
    const made = setup();
    let reads = 0;
    const stored = await forged(made, 20_000, () => {
      reads += 1;
    });
    const reader = setup({ beside: made });
    expect(await failure(decryptAny(reader.encryptor, stored))).toEqual(inDocument);
    expect(reads).toBeLessThan(10 * MOST);
    const [first] = await reader.encryptor.decryptDocuments(note, [stored] as never[]);
    expect(first?.ok === false && describeError(first.error)).toEqual(inDocument);
    expect(reader.store.calls).toEqual({});
    expect(reader.provider.calls).toEqual({});
  });

  it('is not written again either, and nothing is loaded for it', async () => {
    const made = setup();
    const stored = await forged(made, MOST + 1, () => undefined);
    const writer = setup({ beside: made });
    const changed = { ...stored, body: 'more' };
    expect(await failure(encryptAny(writer.encryptor, changed))).toEqual(inDocument);
    expect(writer.store.calls).toEqual({});
  });

  it('fails alone in a search for missing DEKs', async () => {
    const made = setup();
    const stored = await forged(made, MOST + 1, () => undefined);
    const notes = new MemoryDocumentStore({ key: note.key });
    await notes.create(JSON.parse(JSON.stringify(stored)) as Loose);
    const events = [];
    for await (const event of findMissingDeks(made.encryptor, note, notes)) events.push(event);
    expect(events).toMatchObject([
      { type: 'failed', key: KEY, error: { code: 'TOO_MANY_DEKS' } },
      { type: 'finished', summary: { failed: 1 } },
    ]);
  });
});

describe('a search for missing DEKs', () => {
  it('counts envelopes in undeclared places, too, and names a hundred places of a DEK', async () => {
    const made = setup();
    const envelope = await sealed(made.encryptor, 'text');
    await made.encryptor.shred(note, KEY);
    const strays = (count: number, dekIdOf: (index: number) => string): Loose =>
      Object.fromEntries(
        Array.from({ length: count }, (_each, index) => [
          `stray${String(index)}`,
          { ...envelope, dekId: dekIdOf(index) },
        ]),
      );
    const notes = new MemoryDocumentStore({ key: note.key });
    await notes.create({ ...KEY, ...strays(300, () => envelope.dekId) });
    await notes.create({ ...KEY, id: 'other', ...strays(300, () => envelope.dekId) });
    const events = [];
    for await (const event of findMissingDeks(made.encryptor, note, notes)) events.push(event);
    const [missing] = events;
    expect(missing).toMatchObject({ type: 'missing', dekId: envelope.dekId });
    expect(missing?.type === 'missing' && missing.paths).toHaveLength(100);
    const many = new MemoryDocumentStore({ key: note.key });
    await many.create({ ...KEY, ...strays(300, (index) => `${scopeId}.${String(index + 1)}`) });
    for await (const event of findMissingDeks(made.encryptor, note, many)) {
      if (event.type !== 'finished')
        expect(event).toMatchObject({ error: { code: 'TOO_MANY_DEKS' } });
      else expect(event.summary.failed).toBe(1);
    }
  });
});

describe('a scope with many live DEKs', () => {
  it('is held open with up to 256, 16 of them loaded at a time', async () => {
    const made = setup();
    const { tags } = (await withGenerations(made, MOST)) as { tags: unknown[] };
    const reader = setup({ beside: made });
    reader.provider.before = () => new Promise((resolve) => setImmediate(resolve));
    const open = await reader.encryptor.openDocument(note, KEY);
    expect(open.open('tags[]', tags.at(-1))).toBe('under 256');
    expect(reader.provider.calls).toEqual({ unwrapKey: MOST });
    expect(reader.provider.mostInFlight).toEqual({ unwrapKey: AT_ONCE });
  });

  it('is refused above that, and what it sealed opens as before', async () => {
    const made = setup();
    const { tags } = (await withGenerations(made, MOST + 10)) as { tags: unknown[] };
    const reader = setup({ beside: made });
    expect(await failure(reader.encryptor.openDocument(note, KEY))).toEqual(inScope);
    expect(reader.provider.calls['unwrapKey'] ?? 0).toBeLessThanOrEqual(1);
    const read = await decryptAny(reader.encryptor, { ...KEY, tags: tags.slice(0, 2) });
    expect(read['tags']).toEqual(['under 1', 'under 2']);
    const stored = await encryptAny(reader.encryptor, { ...KEY, body: 'text' });
    expect(envelopeAt(stored, 'body').dekId).toBe(`${scopeId}.${String(MOST + 10)}`);
  });
});
