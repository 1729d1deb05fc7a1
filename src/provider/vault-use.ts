/** What a run asked of key services. @module */

/** Beside the counts of a run, in its summary. */
export interface VaultUse {
  /**
   * Operations that the run asked of key services, those that were throttled included. Looks at a
   * version, which a provider takes now and then, are not in it. Absent where there was none.
   */
  readonly vaultOps?: number;
  /** Of these, operations that a key service refused as one too many; each was asked for again. */
  readonly throttled?: number;
}
