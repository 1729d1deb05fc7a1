import { FieldEncryptionError } from '../../src/index.js';
import { decryptAny, KEY, sealed, setup } from './encryptor.js';
import { rejection } from './failure.js';

/** The code for a document that names too many DEKs, provoked, with its message. */
export const boundErrors = {
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
