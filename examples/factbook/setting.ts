import type { Claim } from './claims.js';
import type { StoredBytes } from './stored-bytes.js';

export type Variables = Readonly<NodeJS.ProcessEnv>;

/** Of a product's first rotation record. */
export const FENCE_TTL_MS = 2_000;

/** Where the demo keeps its notes and its keys. */
export interface Setting {
  /** Said before the first act. */
  readonly introduction: readonly string[];
  /** For `openNotebook`. */
  readonly place: string;
  /** In the second process: fewer than there are notes, so that it goes on unwrapping. */
  readonly cachedKeys: number;
  /** Where `findInClear` looks: `'in any file'`. */
  readonly everywhere: string;
  /** Environment of processes that have the old key alone. */
  readonly oldKeyAlone: Variables;

  /** After a backfill: what the database keeps of what was stored before. */
  eraseWhatWasReplaced(): Promise<void>;

  /** @returns The environment of processes that have both keys. */
  addNewKey(): Promise<Variables>;
  /** @returns The environment of processes that have the new key alone. */
  withdrawOldKey(): Promise<Variables>;

  /** The notes as they are stored, read without the library. */
  readStoredBytes(): Promise<StoredBytes>;
  /** What an operator asks after a rotation, without the library. */
  countKeysUnder(mekVersion: string): Promise<number>;
  countShreddedKeys(): Promise<number>;
  /** Those of the passages that are in clear in anything that is stored. */
  findInClear(passages: readonly string[]): Promise<readonly string[]>;

  /** The last act: what only the setting knows. */
  observe(): Promise<Observations>;
}

export interface Observations {
  readonly claims: readonly Claim[];
  /** For `--json`. */
  readonly figures: object;
}
