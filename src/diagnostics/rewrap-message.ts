/** What is told of a rewrap besides the events that its caller pulls. @module */
import type { MekReference } from '../provider/key-wrap.js';
import type { FailedEvent, RewrapEvent } from '../rotation/rewrap-event.js';
import type { CallErrorCode } from './call-message.js';

/** The first `next()` was called, with options that make sense. */
export interface RewrapStartedEvent {
  readonly type: 'started';
}

/** The run ended before it was finished: it failed, was aborted, or its caller left. */
export interface RewrapStoppedEvent {
  readonly type: 'stopped';
  /** Absent where the caller left. */
  readonly errorCode?: CallErrorCode;
}

/** As its caller gets it, with a code instead of the error. */
export interface ToldFailedEvent extends Pick<
  FailedEvent,
  'counts' | 'dekId' | 'requestCharge' | 'type'
> {
  readonly errorCode: CallErrorCode;
}

/** One event of a run of `rewrapAllDeks`, told before its caller gets it. */
export interface RewrapMessage {
  /** Tells the runs of one process apart: from 1 on. */
  readonly run: number;
  readonly product: string;
  readonly target: MekReference;
  readonly dryRun: boolean;
  /** Rows of the product when the scan under way began; absent before the first. */
  readonly total?: number;
  /**
   * Rows that may still have to be moved, absent before the first scan. While that lasts: the rows that
   * it has not come to, and those it left. Afterwards: what the last whole scan left, so 0 in the end
   * where the rotation is complete.
   */
  readonly left?: number;
  /** Always ends with `finished` or `stopped`. */
  readonly event:
    Exclude<RewrapEvent, FailedEvent> | RewrapStartedEvent | RewrapStoppedEvent | ToldFailedEvent;
}
