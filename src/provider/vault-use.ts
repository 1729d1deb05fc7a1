/** How much a run used key services. @module */

/** Part of a run's summary, next to its counts. */
export interface VaultUse {
  /**
   * Operations that the run requested from key services, throttled ones included. Reads of a version, which a
   * provider makes from time to time, are not included. Absent where there was none.
   */
  readonly vaultOps?: number;
  /** The operations among them that a key service throttled; each was retried. */
  readonly throttled?: number;
}
