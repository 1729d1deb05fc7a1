/** What every run reports as it goes, and in the end. @module */
import type { VaultUse } from '../provider/vault-use.js';
import type { ChargedEvent } from '../store/metered-dek-store.js';

/** Which run it is: the name of the function. */
export type RunName =
  | 'addRecoveryWraps'
  | 'backfillDocuments'
  | 'prunePreviousWraps'
  | 'recoverDeks'
  | 'reencryptDocuments'
  | 'removeEncryption'
  | 'resealRecords'
  | 'rewrapAllDeks'
  | 'rollbackRotation';

/** Items of one pass; `scanned` is always the sum of the others. */
export interface RunCounts {
  readonly scanned: number;
  /** Written by this run. */
  readonly changed: number;
  /** As the run is to leave them already. */
  readonly unchanged: number;
  /** Left alone on purpose; the event says why. */
  readonly skipped: number;
  /** Left as they were, because something went wrong with them; the event says what. */
  readonly failed: number;
  /** Of a dry run: would be written, and were not. */
  readonly wouldChange: number;
}

/** What became of one item. */
export interface ItemEvent extends ChargedEvent {
  /** Of the pass so far, this item included. */
  readonly counts: RunCounts;
}

/** Before anything is written, and after whatever had to be waited for to begin. */
export interface RunBegunEvent extends ChargedEvent {
  readonly type: 'begun';
  readonly run: RunName;
  readonly product: string;
}

/** The run waits until no writer can act on what it read before. */
export interface FenceEvent extends ChargedEvent {
  readonly type: 'fence';
  readonly remainingMs: number;
}

/** A scan begins. */
export interface PassEvent extends ChargedEvent {
  readonly type: 'pass';
  /** From 1 on. */
  readonly pass: number;
  /** `'verify'`: nothing is known to be left to do, and one more scan is to prove it. */
  readonly purpose: 'change' | 'verify';
  /** Items that the scan is over, when it began. */
  readonly total: number;
}

/** A scan is over. */
export interface PassedEvent extends ChargedEvent {
  readonly type: 'passed';
  readonly pass: number;
  readonly counts: RunCounts;
}

/** Counts are of the last pass, but for `changed`, which is over all passes. */
export interface RunSummary extends RunCounts, VaultUse {
  readonly run: RunName;
  readonly product: string;
  readonly dryRun: boolean;
  /** A last scan found nothing left to do, and nothing failed; never of a dry run. */
  readonly complete: boolean;
  readonly passes: number;
  /** From the first step to the last, waits and the caller's own pauses included. */
  readonly durationMs: number;
  /** Request units of the whole run; absent where the stores reported none. */
  readonly requestCharge?: number;
}

/** What the same call without `dryRun` will take, as long as no other process writes meanwhile. */
export interface RunEstimate {
  /** Items that are to be changed. */
  readonly items: number;
  /** Operations of key services. */
  readonly vaultOps: number;
  /** The least time that these take within `maxVaultOpsPerSecond`; absent without it. */
  readonly leastMs?: number;
}

/** Always the last event; the same summary is the generator's return value. */
export interface FinishedEvent<Summary extends RunSummary = RunSummary> extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: Summary;
}

/** An item's event, before the engine adds the counts and the charge. */
export type OutcomeOf<Event> = Event extends ItemEvent
  ? Omit<Event, 'counts' | 'requestCharge'>
  : never;

/** Any outcome, as the engine counts it. */
export interface ItemOutcome {
  readonly type: 'changed' | 'failed' | 'skipped' | 'unchanged' | 'would-change';
  /** Why it was skipped. */
  readonly reason?: string;
}
