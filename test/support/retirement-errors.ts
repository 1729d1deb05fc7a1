import { assertRetirable, MekStillNeededError } from '../../src/index.js';
import { MEK_VERSION, setup } from './encryptor.js';
import { rejection } from './failure.js';
import { writeNotes } from './rotations.js';

/** The code that only a retirement raises, provoked, with its message. */
export const retirementErrors = {
  MEK_STILL_NEEDED: {
    type: MekStillNeededError,
    provoke: async () => {
      const made = setup();
      await writeNotes(made, 1);
      const mek = { mekVersion: MEK_VERSION };
      return rejection(assertRetirable(made.encryptor, { mek, backupWindowMs: 0 }));
    },
    message: `The MEK version env/env/${MEK_VERSION} of the product "notelett" cannot be retired yet:\n- new DEKs are wrapped with it; rotate to another version\n- rows under it: 1 (cd675730546c525f5a74d505ccf15254.1); run the rotation again`,
  },
};
