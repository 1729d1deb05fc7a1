import { describe, expectTypeOf, it } from 'vitest';
import type { DocumentStore } from '../../src/adapters.js';
import {
  defineDocument,
  type EncryptedDocument,
  type Envelope,
  type FieldEncryptor,
} from '../../src/index.js';

interface Note {
  id: string;
  title: string;
  tags?: string[];
}

const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['id'],
  fields: ['title', 'tags[]'],
});
declare const encryptor: FieldEncryptor;
declare const notes: DocumentStore<EncryptedDocument<typeof note>>;
const key = { id: '1' };

describe('updateDecrypted', () => {
  it('passes and returns the plain document', async () => {
    const item = await encryptor.updateDecrypted(note, notes, key, (document) => {
      expectTypeOf(document).toEqualTypeOf<Note | undefined>();
      return document && { ...document, tags: [...(document.tags ?? []), 'new'] };
    });
    expectTypeOf(item?.document).toEqualTypeOf<Note | undefined>();
  });

  it('accepts a change that waits, and one that changes nothing', () => {
    void encryptor.updateDecrypted(note, notes, key, async () => Promise.resolve(undefined));
  });

  it('refuses what is no plain document, and another key', () => {
    const wrong = { id: '1', title: 1 };
    // @ts-expect-error A title is a string.
    void encryptor.updateDecrypted(note, notes, key, () => wrong);
    // @ts-expect-error The title is missing.
    void encryptor.updateDecrypted(note, notes, key, () => ({ id: '1' }));
    // @ts-expect-error The key has another name.
    void encryptor.updateDecrypted(note, notes, { key: '1' }, () => undefined);
  });
});

describe('deleteDocument', () => {
  it('takes the store and the key of the definition', () => {
    const deletion = encryptor.deleteDocument(note, notes, key);
    expectTypeOf(deletion).resolves.toEqualTypeOf<{
      readonly deleted: boolean;
      readonly shredded: readonly string[];
    }>();
    // @ts-expect-error The key has another name.
    void encryptor.deleteDocument(note, notes, { key: '1' });
  });
});

describe('encryptDocuments', () => {
  it('returns encrypted documents with the other properties of each', async () => {
    const list = [{ id: '1', title: 'x', _etag: 'e' }];
    for (const outcome of await encryptor.encryptDocuments(note, list)) {
      if (!outcome.ok) continue;
      expectTypeOf(outcome.document.title).toEqualTypeOf<Envelope>();
      expectTypeOf(outcome.document._etag).toBeString();
    }
    // @ts-expect-error A title is a string.
    void encryptor.encryptDocuments(note, [{ id: '1', title: 1 }]);
  });
});
