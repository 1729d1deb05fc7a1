/** What a recovery tells whoever drives it. @module */
import type { DekLossReason, RewrapStepEvent, RewrapSummary } from '../rotation/rewrap-event.js';
import type { FinishedEvent } from '../run/run-event.js';

export interface RecoverySummary extends RewrapSummary {
  /** Of the private key that was given. */
  readonly recoveryKeyId: string;
  /** DEKs that came out of their recovery wraps, over all passes; of a dry run: that would. */
  readonly recovered: number;
  /** DEKs that nothing at hand opens; the rest of `failed` may go well another time. Of the last pass. */
  readonly lost: number;
  /** The same, by reason. */
  readonly losses: Readonly<Record<DekLossReason, number>>;
}

/** The events of a rewrap; `failed` ones say by `loss` that the DEK is lost, and which document's it is. */
export type RecoveryEvent = FinishedEvent<RecoverySummary> | RewrapStepEvent;
