/** The methods of an encryptor, and of what its methods give. @module */
import { encryptAny, KEY, note } from '../encryptor.js';
import type { AbortableCall, CallWorld } from './abortable-call.js';

const FENCE_TTL_MS = 30_000;
const PLAIN = { ...KEY, body: 'other' };

/** As the one process that has the DEK in memory already. */
async function written({ made }: CallWorld): Promise<void> {
  await encryptAny(made.encryptor, PLAIN);
}

export const METHOD_CALLS: readonly AbortableCall[] = [
  {
    of: 'FieldEncryptor.encryptDocument',
    uses: ['store', 'vault'],
    isShared: true,
    ready:
      ({ made }) =>
      (options) =>
        made.encryptor.encryptDocument(note, { ...PLAIN, id: 'new' }, options),
  },
  {
    of: 'FieldEncryptor.beginWrite',
    uses: ['store', 'vault'],
    isShared: true,
    ready:
      ({ made, stored }) =>
      (options) =>
        made.encryptor.beginWrite(note, { ...stored, ...PLAIN }, options),
  },
  {
    of: 'FieldEncryptor.updateDocument',
    uses: ['store', 'vault', 'documents'],
    isShared: true,
    ready:
      ({ made, documents: { store } }) =>
      (options) =>
        made.encryptor.updateDocument(
          note,
          store as never,
          KEY,
          (found) => ({ ...found, ...PLAIN }),
          options,
        ),
  },
  {
    of: 'FieldEncryptor.updateDecrypted',
    uses: ['store', 'vault', 'documents'],
    isShared: true,
    ready:
      ({ made, documents: { store } }) =>
      (options) =>
        made.encryptor.updateDecrypted(
          note,
          store as never,
          KEY,
          (found) => ({ ...found, ...PLAIN }),
          options,
        ),
  },
  {
    of: 'FieldEncryptor.deleteDocument',
    uses: ['store', 'documents'],
    ready:
      ({ made, documents: { store } }) =>
      (options) =>
        made.encryptor.deleteDocument(note, store as never, KEY, options),
  },
  {
    of: 'FieldEncryptor.encryptDocuments',
    uses: ['store', 'vault'],
    isShared: true,
    ready:
      ({ made }) =>
      (options) =>
        made.encryptor.encryptDocuments(note, [{ ...PLAIN, id: 'new' }], options),
  },
  {
    of: 'FieldEncryptor.decryptDocument',
    uses: ['store', 'vault'],
    isShared: true,
    ready:
      ({ made, stored }) =>
      (options) =>
        made.encryptor.decryptDocument(note, stored as never, options),
  },
  {
    of: 'FieldEncryptor.decryptDocuments',
    uses: ['store', 'vault'],
    isShared: true,
    ready:
      ({ made, stored }) =>
      (options) =>
        made.encryptor.decryptDocuments(note, [stored as never], options),
  },
  {
    of: 'FieldEncryptor.openDocument',
    uses: ['store', 'vault'],
    isShared: true,
    ready:
      ({ made }) =>
      (options) =>
        made.encryptor.openDocument(note, KEY, options),
  },
  {
    of: 'FieldEncryptor.shred',
    uses: ['store'],
    ready:
      ({ made }) =>
      (options) =>
        made.encryptor.shred(note, KEY, options),
  },
  {
    of: 'FieldEncryptor.checkReadiness',
    uses: ['store', 'vault'],
    ready:
      ({ made }) =>
      (options) =>
        made.encryptor.checkReadiness(options),
  },
  {
    of: 'DocumentWrite.confirm',
    uses: ['store'],
    ready: async ({ made }) => {
      const write = await made.encryptor.beginWrite(note, PLAIN);
      made.clock.advance(FENCE_TTL_MS);
      return (options) => write.confirm(options);
    },
  },
  {
    of: 'DocumentWrite.sealAgain',
    uses: ['store'],
    isShared: true,
    ready: async ({ made }) => {
      const write = await made.encryptor.beginWrite(note, PLAIN);
      made.clock.advance(FENCE_TTL_MS);
      return (options) => write.sealAgain(write.document, options);
    },
  },
  {
    of: 'OpenDocument.confirmWrite',
    uses: ['store'],
    ready: async (world) => {
      await written(world);
      const { made } = world;
      const open = await made.encryptor.openDocument(note, KEY);
      made.clock.advance(FENCE_TTL_MS);
      return (options) => open.confirmWrite(options);
    },
  },
];
