import { abandonDek, FieldEncryptionError } from '../../src/index.js';
import { encryptAny, KEY, setup } from './encryptor.js';
import { rejection } from './failure.js';
import { recover } from './recovery.js';
import { OTHER_PAIR, PAIR } from './recovery-pairs.js';
import { withKeys } from './rotations.js';

const DEK_ID = '6ba93ee4f21c83cde16a191438027014.1';

/** The codes that only a recovery raises, each provoked, with its message. */
export const recoveryErrors = {
  ABANDON_REFUSED: {
    type: FieldEncryptionError,
    provoke: async () => {
      const made = setup();
      await encryptAny(made.encryptor, { ...KEY, body: 'text' });
      return rejection(abandonDek(made.encryptor, DEK_ID));
    },
    message: `DEK ${DEK_ID} was not abandoned, and nothing was written: its row opens, so nothing is lost`,
    dekId: DEK_ID,
  },
  DEK_UNRECOVERABLE: {
    type: FieldEncryptionError,
    provoke: async () => {
      const made = setup();
      await encryptAny(made.encryptor, { ...KEY, body: 'text' });
      const ours = withKeys(made, ['a'], { recoveryKey: PAIR.publicKey });
      await encryptAny(ours.encryptor, { ...KEY, id: 'another', body: 'text' });
      const { events } = await recover(withKeys(made, ['b']));
      const failed = events.find((event) => event.type === 'failed');
      return failed?.error;
    },
    message: `DEK ${DEK_ID} cannot be recovered: its row has no recovery wrap; restore a backup of the row that has one, or restore its MEK`,
    dekId: DEK_ID,
  },
  RECOVERY_KEY_UNKNOWN: {
    type: FieldEncryptionError,
    provoke: async () => {
      const made = setup({ recoveryKey: PAIR.publicKey });
      await encryptAny(made.encryptor, { ...KEY, body: 'text' });
      const { privateKey } = OTHER_PAIR;
      return rejection(recover(withKeys(made, ['b']), { privateKey }));
    },
    get message(): string {
      return `No DEK row of the product "notelett" has a recovery wrap for the recovery key ${OTHER_PAIR.id} that was passed, and nothing was written; the recovery wraps are for ${PAIR.id}: pass the private key of one of these`;
    },
  },
};
