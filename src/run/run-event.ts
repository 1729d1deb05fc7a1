/** The events and the summary of every run. @module */
import type { VaultUse } from '../provider/vault-budget.js';
import type { ChargedEvent } from '../store/run-charge.js';

/** The name of the function. */
export type RunName =
  | 'addRecoveryWraps'
  | 'adoptRestoredStore'
  | 'backfillDocuments'
  | 'forgetPaths'
  | 'importDekRows'
  | 'moveDocuments'
  | 'prunePreviousWraps'
  | 'recoverDeks'
  | 'reencryptDocuments'
  | 'removeEncryption'
  | 'resealRecords'
  | 'rewrapAllDeks'
  | 'rollbackRotation';

/** Counts of one pass; `scanned` is always the sum of the others. */
export interface RunCounts {
  readonly scanned: number;
  /** Written by this run. */
  readonly changed: number;
  /** Already in the state that the run produces. */
  readonly unchanged: number;
  /** Left unchanged on purpose; the event says why. */
  readonly skipped: number;
  /** Left unchanged because of a failure; the event says which. */
  readonly failed: number;
  /** Only in a dry run: items that the run would write. */
  readonly wouldChange: number;
}

/** The outcome of one item. */
export interface ItemEvent extends ChargedEvent {
  /** Counts of the pass so far, this item included. */
  readonly counts: RunCounts;
}

/** The outcome of one DEK row. */
export interface RowEvent extends ItemEvent {
  readonly dekId: string;
}

/** Nothing is known to have been written to the row; `error` says why. The next scan tries it again. */
export interface FailedRowEvent extends RowEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

/** Published before anything is written, and after all waits that precede the beginning. */
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
  /** Items in the scan when it began. */
  readonly total: number;
}

/** A scan is over. */
export interface PassedEvent extends ChargedEvent {
  readonly type: 'passed';
  readonly pass: number;
  readonly counts: RunCounts;
}

/** Failures of one code. */
export interface RunFailure {
  readonly count: number;
  /** The first of them: its dekId, or the key of a document. */
  readonly example: string | Readonly<Record<string, string>>;
}

/** Failures by the code of the error; `OTHER` for one without a code of this library. */
export type RunFailures = Readonly<Record<string, RunFailure>>;

/** Counts of the last pass, except `changed`, which is over all passes. */
export interface RunSummary extends RunCounts, VaultUse {
  readonly run: RunName;
  readonly product: string;
  readonly dryRun: boolean;
  /** A last scan found nothing left to do, and nothing failed; never true for a dry run. */
  readonly complete: boolean;
  readonly passes: number;
  /** What `failed` counts, by code. */
  readonly failures: RunFailures;
  /** From the first step to the last, including waits and the caller's own pauses. */
  readonly durationMs: number;
  /** Request units of the whole run; absent where the stores reported none. */
  readonly requestCharge?: number;
}

/** What the same call without `dryRun` will take, provided that no other process writes meanwhile. */
export interface RunEstimate {
  /** Items to change. */
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
export type OutcomeOf<Event> = Event extends { readonly counts: object }
  ? Omit<Event, 'counts' | 'requestCharge'>
  : never;

/** Any outcome, as the engine counts it. */
export interface ItemOutcome {
  readonly type: 'changed' | 'failed' | 'skipped' | 'unchanged' | 'would-change';
  /** Why it was skipped. */
  readonly reason?: string;
}
