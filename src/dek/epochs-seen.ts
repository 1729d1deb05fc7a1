/** The highest epoch that a process has seen: a rotation record below it is refused. @module */
import type { DekRow } from '../format/dek-row.js';
import { readEncryption } from '../guards/encryption-parts.js';
import { requireIntegerBetween } from '../guards/guards.js';
import { recordAuthenticationOf } from '../store/authenticate-records.js';
import type { DekStore, StoredItem } from '../store/dek-store.js';
import type { RotationRecord } from '../format/rotation-record.js';

/** The pinned epoch of an encryption context; a `FieldEncryptor` is one. */
export interface EpochPin {
  readonly dekStore: DekStore;
  readonly minimumEpoch?: number | undefined;
}

/** The source of the least epoch: the configuration, an earlier record, or a DEK row by its id. */
export type EpochSource =
  | { readonly from: 'minimum' }
  | { readonly from: 'record' }
  | { readonly from: 'row'; readonly dekId: string };

type Authenticity = Pick<StoredItem, 'authenticatedBy'>;

export class EpochsSeen {
  readonly #authenticates: boolean;
  #least: number;
  #source: EpochSource = { from: 'minimum' };

  constructor(minimumEpoch: number, authenticates: boolean) {
    this.#least = minimumEpoch;
    this.#authenticates = authenticates;
  }

  /** A rotation record below it was restored from an older state, or the read lags. */
  get least(): number {
    return this.#least;
  }

  get source(): EpochSource {
    return this.#source;
  }

  addRecord({ epoch }: Pick<RotationRecord, 'epoch'>, item: Authenticity): void {
    if (this.#isHigher(epoch, item)) this.#set(epoch, { from: 'record' });
  }

  addRow({ id: dekId, epoch }: Pick<DekRow, 'epoch' | 'id'>, item: Authenticity): void {
    if (this.#isHigher(epoch, item)) this.#set(epoch, { from: 'row', dekId });
  }

  /** With a record key, only authentic items count: a forged epoch must stop no writer. */
  #isHigher(epoch: number, { authenticatedBy }: Authenticity): boolean {
    return epoch > this.#least && (!this.#authenticates || authenticatedBy !== undefined);
  }

  #set(epoch: number, source: EpochSource): void {
    this.#least = epoch;
    this.#source = source;
  }
}

interface Known {
  readonly dekStore: DekStore;
  readonly seen: EpochsSeen;
}

const knownBy = new WeakMap<object, Known>();

/**
 * The epochs of one encryption context and its store, shared by everything that uses them.
 *
 * @throws TypeError or RangeError for an invalid `minimumEpoch`.
 */
export function epochsSeenBy(encryption: EpochPin): EpochsSeen {
  const { dekStore, minimumEpoch = 1 } = readEncryption(encryption);
  const known = knownBy.get(encryption);
  if (known?.dekStore === dekStore) return known.seen;
  requireIntegerBetween('minimumEpoch', minimumEpoch, 1, Number.MAX_SAFE_INTEGER);
  const authenticates = recordAuthenticationOf(dekStore) !== 'off';
  const seen = new EpochsSeen(minimumEpoch, authenticates);
  knownBy.set(encryption, { dekStore, seen });
  return seen;
}
