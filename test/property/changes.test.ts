import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../src/index.js';
import { anyNote, asDecrypted } from '../support/arbitraries.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Loose,
} from '../support/encryptor.js';
import { failure, refused } from '../support/failure.js';
import { perLane } from '../support/lane.js';

describe('a stored document with changes', () => {
  it('is sealed in its changes alone, under the same DEK, and decrypts to both', async () => {
    const { encryptor, memory, provider, store } = setup();
    await encryptAny(encryptor, { ...KEY, body: 'first' });
    await fc.assert(
      fc.asyncProperty(anyNote, anyNote, async (document, changes) => {
        const before = await contentsOf(memory);
        const stored = await encryptAny(encryptor, document);
        const text = JSON.stringify(stored);
        const merged = await encryptAny(encryptor, { ...stored, ...changes });
        expect(JSON.stringify(stored)).toBe(text);
        for (const name of Object.keys(stored).filter((each) => !(each in changes))) {
          expect(JSON.stringify(merged[name])).toBe(JSON.stringify(stored[name]));
        }
        const expected = asDecrypted({ ...document, ...changes });
        deepStrictEqual(await decryptAny(encryptor, merged), expected);
        expect(dekIdsIn(merged).filter((dekId) => dekId !== FIRST)).toEqual([]);
        expect(await contentsOf(memory)).toEqual(before);
      }),
    );
    expect(provider.calls).toEqual({ currentVersion: 1, wrapKey: 1 });
    expect(store.calls['create']).toBe(1);
  });

  it('whose key parts changed is refused, and nothing is written', async () => {
    const { encryptor, memory } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text', title: 'title' });
    const before = await contentsOf(memory);
    const part = fc.string({ minLength: 1 });
    await fc.assert(
      fc.asyncProperty(part, part, async (workspaceId, id) => {
        fc.pre(workspaceId !== KEY.workspaceId || id !== KEY.id);
        expect(
          await failure(encryptAny(encryptor, { ...stored, workspaceId, id, body: 'new' })),
        ).toEqual(
          refused(
            'DOCUMENT_MOVED',
            'The envelope at "title" was sealed for another document: if this one was moved, decrypt it under its old key parts and encrypt it under the new ones',
          ),
        );
        expect(await contentsOf(memory)).toEqual(before);
      }),
    );
  });

  it('can be moved as that error says', async () => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text' });
    const opened = await decryptAny(encryptor, stored);
    const moved = await encryptAny(encryptor, { ...opened, id: 'note-2' });
    expect(await decryptAny(encryptor, moved)).toEqual({ ...KEY, id: 'note-2', body: 'text' });
  });
});

describe('a document that is made again after a shred', () => {
  it('gets the next generation each time, and its old envelopes stay closed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), async (shreds) => {
        const { encryptor, memory } = setup();
        const old: Loose[] = [];
        for (let generation = 1; generation <= shreds; generation += 1) {
          const stored = await encryptAny(encryptor, { ...KEY, body: generation });
          const dekId = `${FIRST.slice(0, 32)}.${String(generation)}`;
          expect(stored['body']).toMatchObject({ dekId });
          expect(await encryptor.shred(note, KEY)).toEqual({ shredded: [dekId] });
          expect(await encryptor.shred(note, KEY)).toEqual({ shredded: [] });
          old.push(stored);
        }
        const latest = await encryptAny(encryptor, { ...KEY, body: 'latest' });
        for (const [index, stored] of old.entries()) {
          const { dekId } = stored['body'] as Envelope;
          expect(dekId).toBe(`${FIRST.slice(0, 32)}.${String(index + 1)}`);
          const refusal = refused(
            'DEK_SHREDDED',
            `DEK ${dekId} was shredded at 2026-11-23T10:00:00.000Z: the data that it sealed cannot be read any more`,
          );
          expect(await failure(decryptAny(encryptor, stored))).toEqual(refusal);
          expect(await failure(encryptAny(encryptor, { ...stored, title: 'new' }))).toEqual(
            refusal,
          );
        }
        expect(await decryptAny(encryptor, latest)).toEqual({ ...KEY, body: 'latest' });
        expect(await memory.count({ product: PRODUCT })).toBe(shreds + 1);
      }),
      { numRuns: perLane(5, 20) },
    );
  });
});

const FIRST = '6ba93ee4f21c83cde16a191438027014.1';

function dekIdsIn({ title, body, tags }: Loose): readonly string[] {
  const envelopes = [title, body, ...((tags ?? []) as unknown[])] as (Envelope | undefined)[];
  return envelopes.flatMap((envelope) => (envelope ? [envelope.dekId] : []));
}
