/** Which sections of which pages are executed, in which order and on which world. @module */
import { randomBytes } from 'node:crypto';

/** A page's own preparation of a shell: each world needs it again. */
const BEFORE = 'Before you begin';
const ROLL_BACK = 'Roll back';

/** Sections that several chapters execute: one rolls back in the middle of a rotation, the other after its end. */
export const SHARED: readonly string[] = [BEFORE, ROLL_BACK];

export interface Chapter {
  readonly name: string;
  readonly page: string;
  /** Titles of its headings of the second level, in the order of the page. */
  readonly sections: readonly string[];
  /** Chapters with one name here share a world, in the order of this list. */
  readonly world: string;
  /** Whether replicas are killed by chance while commands run. @default false */
  readonly killsReplicas?: boolean;
  /** Variables of the backend as the world begins, on top of the usual ones. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const PLAINTEXT = { FIELD_ENCRYPT_ENABLED: 'false' };
const MIGRATION_PAGE = 'docs/DATA_MIGRATION_AND_BACKFILL_PLAN.md';
const ROTATION_PAGE = 'docs/runbooks/MEK_ROTATION.md';

const MOVES_BEGIN_WITH_AN_ENVIRONMENT_KEY = {
  AZURE_KEYVAULT_URL: undefined,
  FIELD_ENCRYPT_MEK_NAME: undefined,
  FIELD_ENCRYPT_KEY_PROVIDER: undefined,
  FIELD_ENCRYPT_KEY: randomBytes(32).toString('base64'),
};

/** A chapter without sections is still to be written: `--page` and `--section` try a page in its world. */
export const STORY: readonly Chapter[] = [
  {
    name: 'migration',
    page: MIGRATION_PAGE,
    world: 'story',
    env: PLAINTEXT,
    killsReplicas: true,
    sections: [
      BEFORE,
      'Step 1: deploy a version that reads both',
      'Step 2: write encrypted',
      'Step 3: dry run',
      'Step 4: encrypt what is plaintext',
      'Step 5: count',
      'Step 6: refuse plaintext',
      'Step 7: take the gate out',
    ],
  },
  {
    name: 'rotation',
    page: ROTATION_PAGE,
    world: 'story',
    sections: [
      BEFORE,
      'Pre-flight',
      'Make a new version',
      'Roll the backend',
      'Rewrap',
      'Verify',
      // After its end; the incidents have one in the middle.
      ROLL_BACK,
      'Rewrap',
      'Verify',
      'Soak',
      'Prune',
      'Disable the old version',
      'Keep the old version for 30 days',
    ],
  },
  {
    name: 'incidents',
    page: ROTATION_PAGE,
    world: 'incidents',
    sections: [
      BEFORE,
      ROLL_BACK,
      'A note does not decrypt',
      'The vault throttles',
      'A rotation stays in its fence',
      'A lease is held',
      'The store was restored',
      'Rows are missing',
      'A row is dead',
    ],
  },
  {
    name: 'moves',
    page: ROTATION_PAGE,
    world: 'moves',
    env: MOVES_BEGIN_WITH_AN_ENVIRONMENT_KEY,
    sections: ['Move from an environment key to a vault', 'Move to another vault'],
  },
  {
    name: 'losses',
    page: ROTATION_PAGE,
    world: 'losses',
    sections: [
      'Lost MEK: which way',
      'Lost MEK, first: recover the deleted key',
      'Lost MEK, second: restore the backup of the key',
      'Lost MEK, third: the recovery key',
      'Lost MEK, fourth: a snapshot from before the key',
      'Lost MEK: what is final',
    ],
  },
  { name: 'leak', page: ROTATION_PAGE, world: 'story', sections: ['Leaked MEK'] },
  {
    name: 'secrets',
    page: 'docs/runbooks/SECRET_MANAGEMENT.md',
    world: 'secrets',
    sections: [
      BEFORE,
      'Change the record key',
      'Change the recovery key',
      'Change the key that signs tokens',
      'A key that signs tokens has leaked',
      'Change the access to Cosmos DB',
      'Change the audit signing key',
      'Change the scrape token',
      'Check the identities',
    ],
  },
  {
    name: 'drills',
    page: 'docs/runbooks/DISASTER_RECOVERY.md',
    world: 'secrets',
    sections: [
      BEFORE,
      'Restore to a copy',
      'Prove the key backup',
      'Rehearse a rotation',
      'Prove the pairing',
      'Prove the recovery key',
      'Remove what the drills left',
    ],
  },
  {
    name: 'back',
    page: MIGRATION_PAGE,
    world: 'back',
    sections: [BEFORE, 'Encrypt another field', 'Take a field out of encryption', 'Go back'],
  },
];
