/** What a recovery tells whoever drives it. @module */
import type { ChargedEvent } from '../rotation/charged-event.js';
import type {
  DekLossReason,
  FinishedEvent,
  RewrapEvent,
  RewrapSummary,
} from '../rotation/rewrap-event.js';

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

/** Always the last event; the same summary is the generator's return value. */
export interface RecoveryFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: RecoverySummary;
}

/** The events of a rewrap; `failed` ones say by `loss` that the DEK is lost, and which document's it is. */
export type RecoveryEvent = Exclude<RewrapEvent, FinishedEvent> | RecoveryFinishedEvent;
