/** What the incidents of docs/runbooks/MEK_ROTATION.md begin with. @module */
import type { Situation } from '../situations.js';
import { heldLease } from './held-lease.js';
import {
  alteredRow,
  deadRow,
  earlierBackup,
  itemDeletedByHand,
  missingRow,
  storeRestored,
} from './lost-rows.js';
import { newVersion, rotationHalfWay, rotationInItsFence } from './rotation-stopped.js';

/** Operations in ten seconds. */
const THROTTLED = 150;

export const incidents: Readonly<Record<string, Situation>> = {
  'a-rotation-half-way': rotationHalfWay,
  'a-rotation-in-its-fence': rotationInItsFence,
  'an-altered-row': alteredRow,
  'the-item-was-deleted-by-hand': itemDeletedByHand,
  'a-missing-row': missingRow,
  'a-dead-row': deadRow,
  'a-held-lease': heldLease,
  'an-earlier-backup': earlierBackup,
  'the-store-was-restored': storeRestored,
  'callers-return': (world) => {
    world.clients.start();
  },
  /** Less than the rotation alone would use. */
  'a-throttled-vault': async (world) => {
    world.shell.export({ NEW: await newVersion(world) });
    world.azure.vault.limit({ operations: THROTTLED });
  },
  'the-vault-is-free-again': (world) => {
    world.azure.vault.limit(undefined);
  },
};
