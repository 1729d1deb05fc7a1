import type { Backfill } from './backfill-the-book.js';
import type { Opened } from './last-process.js';
import type { Reencryption } from './reencrypt-the-drafts.js';
import type { Rotation } from './rotate-the-mek.js';
import { countChanged, type StoredBytes } from './stored-bytes.js';

/** What `--json` prints. */
export interface Figures {
  /** Seeded notes; the second process adds its own. */
  readonly documents: number;
  readonly backfilled: number;
  readonly rewrapped: number;
  readonly leftOnOldVersion: number;
  /** Seeded notes that are not stored byte for byte as they were. */
  readonly documentsChanged: number;
  readonly readsDuringRotation: number;
  readonly writesDuringRotation: number;
  readonly unwrapsOld: number;
  readonly unwrapsNew: number;
  /** Keys that the re-encryption of one workspace destroyed. */
  readonly shredded: number;
  /** Seeded notes and acknowledged writes that the new key alone does not open. */
  readonly lost: number;
  /** Request units of the rotation, where the store has a price. */
  readonly requestCharge?: number;
}

export interface Acts {
  readonly backfill: Backfill;
  /** After the backfill. */
  readonly before: StoredBytes;
  readonly rotation: Rotation;
  readonly reencryption: Reencryption;
  readonly opened: Opened;
  readonly after: StoredBytes;
}

export function figuresOf(acts: Acts): Figures {
  const { backfill, before, rotation, reencryption, opened, after } = acts;
  const { oldVersion, newVersion, summary, census, traffic } = rotation;
  const left = census.wraps.find(({ mekVersion }) => mekVersion === oldVersion);
  return {
    documents: before.size,
    backfilled: backfill.summary.changed,
    rewrapped: summary.changed,
    leftOnOldVersion: (left?.active ?? 0) + (left?.retired ?? 0),
    documentsChanged: countChanged(before, after),
    readsDuringRotation: traffic.readsDuringRotation,
    writesDuringRotation: traffic.writesDuringRotation,
    unwrapsOld: traffic.unwraps[oldVersion] ?? 0,
    unwrapsNew: traffic.unwraps[newVersion] ?? 0,
    shredded: reencryption.summary.shredded,
    lost: opened.lost,
    ...(summary.requestCharge !== undefined && { requestCharge: summary.requestCharge }),
  };
}
