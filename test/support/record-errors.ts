import { FieldEncryptionError } from '../../src/index.js';
import { decryptAny, KEY, sealed, setup } from './encryptor.js';
import { rejection } from './failure.js';
import { OTHER_RECORD_KEY, RECORD_KEY, RECORD_KEY_ID } from './records.js';

const DEK_ID = '6ba93ee4f21c83cde16a191438027014.1';

/** The codes that only record authentication raises, each provoked, with its message. */
export const recordErrors = {
  RECORD_KEY_UNKNOWN: {
    type: FieldEncryptionError,
    provoke: async () => {
      const writer = setup({ recordKey: RECORD_KEY });
      const body = await sealed(writer.encryptor, 'text');
      const reader = setup({ beside: writer, recordKey: OTHER_RECORD_KEY });
      return rejection(decryptAny(reader.encryptor, { ...KEY, body }));
    },
    message: `DEK row ${DEK_ID} has a mac under the record key ${RECORD_KEY_ID}, which is not configured: add that key to "previousRecordKeys"; if that key is not yours, another party wrote the record`,
    dekId: DEK_ID,
  },
};
