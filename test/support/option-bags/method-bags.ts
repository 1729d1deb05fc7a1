/** Options of the methods of an encryptor. @module */
import { KEY, note } from '../encryptor.js';
import { NONE, type OptionBag } from './option-bag.js';

export const METHOD_BAGS: readonly OptionBag[] = [
  {
    of: 'FieldEncryptor.encryptDocument',
    needed: NONE,
    optional: ['signal'],
    use: (options, { encryptor }) =>
      encryptor.encryptDocument(note, { ...KEY, body: 'text' }, options),
  },
  {
    of: 'FieldEncryptor.beginWrite',
    needed: NONE,
    optional: ['signal'],
    use: (options, { encryptor }) => encryptor.beginWrite(note, { ...KEY, body: 'text' }, options),
  },
  {
    of: 'DocumentWrite.confirm',
    needed: NONE,
    optional: ['signal'],
    use: async (options, { encryptor }) =>
      (await encryptor.beginWrite(note, { ...KEY, body: 'text' })).confirm(options),
  },
  {
    of: 'DocumentWrite.sealAgain',
    needed: NONE,
    optional: ['signal'],
    use: async (options, { encryptor, stored }) =>
      (await encryptor.beginWrite(note, { ...KEY, body: 'text' })).sealAgain(stored, options),
  },
  {
    of: 'FieldEncryptor.close',
    needed: NONE,
    optional: ['signal'],
    use: (options, { encryptor }) => encryptor.close(options),
  },
  {
    of: 'FieldEncryptor.decryptDocument',
    needed: NONE,
    optional: ['expect', 'signal'],
    use: (options, { encryptor, stored }) =>
      encryptor.decryptDocument(note, stored as never, options),
  },
  {
    of: 'FieldEncryptor.decryptDocuments',
    needed: NONE,
    optional: ['expect', 'concurrency', 'signal'],
    use: (options, { encryptor, stored }) =>
      encryptor.decryptDocuments(note, [stored as never], options),
  },
  {
    of: 'FieldEncryptor.openDocument',
    needed: NONE,
    optional: ['createDek', 'signal'],
    use: (options, { encryptor }) => encryptor.openDocument(note, KEY, options),
  },
  {
    of: 'OpenDocument.confirmWrite',
    needed: NONE,
    optional: ['signal'],
    use: async (options, { encryptor }) =>
      (await encryptor.openDocument(note, KEY)).confirmWrite(options),
  },
  {
    of: 'FieldEncryptor.openDocument',
    owner: 'key',
    needed: () => ({ ...KEY }),
    optional: [],
    use: (options, { encryptor }) => encryptor.openDocument(note, options),
  },
  {
    of: 'FieldEncryptor.updateDocument',
    needed: NONE,
    optional: ['signal', 'attempts'],
    use: (options, { encryptor, documents }) =>
      encryptor.updateDocument(note, documents as never, KEY, () => undefined, options),
  },
  {
    of: 'FieldEncryptor.updateDocument',
    owner: 'key',
    needed: () => ({ ...KEY }),
    optional: [],
    use: (options, { encryptor, documents }) =>
      encryptor.updateDocument(note, documents as never, options, () => undefined),
  },
  {
    of: 'FieldEncryptor.updateDecrypted',
    needed: NONE,
    optional: ['signal', 'attempts'],
    use: (options, { encryptor, documents }) =>
      encryptor.updateDecrypted(note, documents as never, KEY, () => undefined, options),
  },
  {
    of: 'FieldEncryptor.updateDecrypted',
    owner: 'key',
    needed: () => ({ ...KEY }),
    optional: [],
    use: (options, { encryptor, documents }) =>
      encryptor.updateDecrypted(note, documents as never, options, () => undefined),
  },
  {
    of: 'FieldEncryptor.deleteDocument',
    needed: NONE,
    optional: ['signal'],
    use: (options, { encryptor, documents }) =>
      encryptor.deleteDocument(note, documents as never, KEY, options),
  },
  {
    of: 'FieldEncryptor.deleteDocument',
    owner: 'key',
    needed: () => ({ ...KEY }),
    optional: [],
    use: (options, { encryptor, documents }) =>
      encryptor.deleteDocument(note, documents as never, options),
  },
  {
    of: 'FieldEncryptor.encryptDocuments',
    needed: NONE,
    optional: ['concurrency', 'signal'],
    use: (options, { encryptor }) =>
      encryptor.encryptDocuments(note, [{ ...KEY, body: 'text' }], options),
  },
  {
    of: 'FieldEncryptor.shred',
    needed: NONE,
    optional: ['signal'],
    use: (options, { encryptor }) => encryptor.shred(note, KEY, options),
  },
  {
    of: 'FieldEncryptor.checkReadiness',
    needed: NONE,
    optional: ['signal'],
    use: (options, { encryptor }) => encryptor.checkReadiness(options),
  },
  {
    of: 'FieldEncryptor.shred',
    owner: 'key',
    needed: () => ({ ...KEY }),
    optional: [],
    use: (options, { encryptor }) => encryptor.shred(note, options),
  },
];
