/** What is published of a run besides the events that its caller pulls. @module */
import type { CallErrorCode } from '../diagnostics/call-message.js';
import type { MekReference } from '../format/key-wrap.js';
import type { RunCounts, RunName, RunSummary } from './run-event.js';

/** The first `next()` was called, with options that make sense. */
export interface RunStartedEvent {
  readonly type: 'started';
}

/** The run ended before it was finished: it failed, was aborted, or its caller left. */
export interface RunStoppedEvent {
  readonly type: 'stopped';
  /** Absent where the caller left. */
  readonly errorCode?: CallErrorCode;
}

/** An item failed: a code instead of the error, which may quote what an adapter was sent. */
export interface PublishedFailedEvent {
  readonly type: 'failed';
  /** Absent for a document, whose key is not published. */
  readonly dekId?: string;
  readonly errorCode: CallErrorCode;
  readonly counts: RunCounts;
  readonly requestCharge?: number;
}

/** As its caller gets it. */
export interface PublishedFinishedEvent {
  readonly type: 'finished';
  readonly summary: RunSummary;
  readonly requestCharge?: number;
}

/** Any other event as its caller gets it, but for the key of a document. */
export interface PublishedStepEvent {
  readonly type:
    | 'begun'
    | 'changed'
    | 'fence'
    | 'lease'
    | 'pass'
    | 'passed'
    | 'skipped'
    | 'unchanged'
    | 'would-change';
  readonly dekId?: string;
  readonly counts?: RunCounts;
  readonly requestCharge?: number;
  /** What the run's own events say besides. */
  readonly [fact: string]: unknown;
}

export type PublishedRunEvent =
  | PublishedFailedEvent
  | PublishedFinishedEvent
  | PublishedStepEvent
  | RunStartedEvent
  | RunStoppedEvent;

/** One event of a run, published before its caller gets it. */
export interface RunMessage {
  /** Tells the runs of one process apart: from 1 on. */
  readonly id: number;
  readonly run: RunName;
  readonly product: string;
  readonly dryRun: boolean;
  /** Of a rotation. */
  readonly target?: MekReference;
  /** Of a migration. */
  readonly collection?: string;
  /** Items when the scan in progress began; absent before the first. */
  readonly total?: number;
  /**
   * Items that may still have to be changed, absent before the first scan. While that lasts: the items
   * that it has not come to, and those it left. Afterwards: what the last whole scan left, so 0 in the end
   * where the run is complete.
   */
  readonly left?: number;
  /** Always ends with `finished` or `stopped`. */
  readonly event: PublishedRunEvent;
}
