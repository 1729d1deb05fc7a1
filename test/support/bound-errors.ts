import { FieldEncryptionError, takeCensus } from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { decryptAny, KEY, sealed, setup } from './encryptor.js';
import { rejection } from './failure.js';

/** The codes for a product without anything stored, and for a document with too many DEKs, provoked. */
export const boundErrors = {
  PRODUCT_EMPTY: {
    type: FieldEncryptionError,
    provoke: () => rejection(takeCensus({ product: 'notepad', dekStore: new MemoryDekStore() })),
    message:
      'The product "notepad" has neither DEK rows nor a rotation record in this store: correct "product" or "dekStore"; pass "allowEmpty: true" where nothing was encrypted yet',
  },
  TOO_MANY_DEKS: {
    type: FieldEncryptionError,
    provoke: async () => {
      const { encryptor } = setup();
      const body = await sealed(encryptor, 'text');
      const tags = Array.from({ length: 257 }, (_each, index) => ({
        ...body,
        dekId: body.dekId.replace(/1$/, String(index + 1)),
      }));
      return rejection(decryptAny(encryptor, { ...KEY, tags }));
    },
    message:
      'The envelopes of the document name more than 256 DEKs, and one to three are normal: restore the document from a backup, and find out who wrote it',
  },
};
