import { FieldEncryptionError } from '../../src/index.js';
import { MEK_VERSION, setup } from './encryptor.js';
import { rejection } from './failure.js';
import { rewrap, withKeys, writeNotes } from './rotations.js';

/** The codes for mistakes of an operator, provoked, with their messages. */
export const mistakeErrors = {
  MEK_UNUSABLE: {
    type: FieldEncryptionError,
    provoke: async () => {
      const before = setup();
      await writeNotes(before, 2);
      return rejection(rewrap(withKeys(before, ['b'])));
    },
    message: `The rotation of the product "notelett" did not begin, because no DEK row opens under:\n- env/env/${MEK_VERSION} (rows: 2, MEK_VERSION_UNKNOWN): add its key to FIELD_ENCRYPT_PREVIOUS_KEYS, which is "previousKeys" of EnvKeyProvider\nA version that is lost for good has to be named in "withoutOpening"`,
  },
  TOO_MANY_FAILURES: {
    type: FieldEncryptionError,
    provoke: async () => {
      const before = setup();
      await writeNotes(before, 3);
      const withoutOpening = [{ mekVersion: MEK_VERSION }];
      const operator = withKeys(before, ['b']);
      const options = { withoutOpening, maxFailures: 2, concurrency: 1 };
      return rejection(rewrap(operator, options));
    },
    dekId: '6ba93ee4f21c83cde16a191438027014.1',
    message:
      'The run stopped after 2 failures without a success between them, the first with MEK_VERSION_UNKNOWN: cure its cause and run it again to continue, or pass a larger "maxFailures"',
  },
};
