/** Waits for DEK rows that a lagging store may show late. @module */
import { readUntilShown } from '../async/clock.js';
import { FieldEncryptionError } from '../errors/errors.js';
import type { StoredItem } from '../store/dek-store.js';
import { RecentMap } from '../async/expiring-map.js';
import type { DekContext } from './dek-services.js';

export type RowsById = ReadonlyMap<string, StoredItem>;

/** Rows that did not appear in a first read. */
export interface LateSearch {
  readonly dekIds: readonly string[];
  /** When the first read was sent: every DEK that an envelope names was created before. */
  readonly sentMs: number;
  readonly read: (dekIds: readonly string[]) => Promise<RowsById>;
}

/**
 * Returns the row; `undefined` where it does not exist, and can no longer be late.
 *
 * @throws FieldEncryptionError `DEK_NOT_FOUND`, retryable, where it did not appear during this wait.
 */
export type LateAnswer = (dekId: string) => StoredItem | undefined;

const MOST_REMEMBERED = 1_000;

export class LateRows {
  readonly #context: DekContext;
  /** By dekId: when the first read that did not show it was sent. Each is waited for once. */
  readonly #missingSinceMs = new RecentMap<number>(MOST_REMEMBERED);

  constructor(context: DekContext) {
    this.#context = context;
  }

  /**
   * Returns the rows that appeared in the end; all are waited for together, and none where reads do not lag.
   */
  async find({ dekIds, sentMs, read }: LateSearch): Promise<LateAnswer> {
    const { clock, dekStore } = this.#context;
    const lagMs = await dekStore.readLagMs();
    const found = new Map<string, StoredItem>();
    const endMsOf = (dekId: string): number =>
      this.#missingSinceMs.getOrMake(dekId, () => sentMs) + lagMs;
    const missing = new Map(dekIds.map((dekId) => [dekId, endMsOf(dekId)]));
    for (const [dekId, endMs] of missing) {
      // By the time when it was sent: the answer may have taken longer than the lag.
      if (endMs <= sentMs) missing.delete(dekId);
    }
    const lookAgain = async (): Promise<true | undefined> => {
      for (const [dekId, item] of await read([...missing.keys()])) {
        found.set(dekId, item);
        missing.delete(dekId);
      }
      return missing.size === 0 ? true : undefined;
    };
    const endMs = Math.max(...missing.values());
    if (missing.size > 0) await readUntilShown(lookAgain, { clock, endMs });
    return (dekId) => {
      if (missing.has(dekId)) throw notShown(dekId, lagMs);
      return found.get(dekId);
    };
  }
}

function notShown(dekId: string, lagMs: number): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEK_NOT_FOUND',
    `DEK ${dekId} is not in the store, and did not appear within the ${String(lagMs)} ms by which its reads may lag: try again`,
    { dekId, retryable: true },
  );
}
