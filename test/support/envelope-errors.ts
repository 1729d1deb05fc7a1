import { FieldEncryptionError } from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { KEY, note, sealed, setup } from './encryptor.js';
import { rejection } from './failure.js';
import { sealedJson } from './sealed-json.js';

const DEK_ID = '6ba93ee4f21c83cde16a191438027014.1';

/** The codes that only envelopes inside values raise, each provoked, with its message. */
export const envelopeErrors = {
  DEFINITION_MISMATCH: {
    type: FieldEncryptionError,
    provoke: async () => {
      const made = setup();
      const inner = await sealed(made.encryptor, 'text');
      const body = await sealedJson(made, JSON.stringify([inner]));
      const store = new MemoryDocumentStore({ key: note.key });
      return rejection(
        made.encryptor.updateDocument(note, store as never, KEY, () => ({ ...KEY, body })),
      );
    },
    message: `The value that is sealed at "body" holds an envelope of this document under DEK ${DEK_ID}, from another definition: open both in mode "migrate", the inner one with the definition that sealed it, and write the plain value`,
    dekId: DEK_ID,
    path: 'body',
  },
};
