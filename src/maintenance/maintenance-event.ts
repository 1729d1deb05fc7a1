/** What the maintenance of DEK rows reports as it goes. @module */
import type {
  FinishedEvent,
  ItemEvent,
  OutcomeOf,
  PassedEvent,
  PassEvent,
  RunBegunEvent,
  RunEstimate,
  RunSummary,
} from '../run/run-event.js';

interface RowEvent extends ItemEvent {
  readonly dekId: string;
}

/** `would-change` only in a dry run, `changed` only outside one. */
export interface MaintainedRowEvent extends RowEvent {
  readonly type: 'changed' | 'unchanged' | 'would-change';
}

export interface SkippedMaintenanceEvent extends RowEvent {
  readonly type: 'skipped';
  readonly reason: 'not-selected' | 'removed' | 'shredded';
}

/** Nothing is known to have been written to the row; `error` says why. The next scan tries it again. */
export interface FailedMaintenanceEvent extends RowEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

export interface MaintenanceSummary extends RunSummary {
  /** Of a dry run alone. */
  readonly estimate?: RunEstimate;
}

export type MaintenanceRowEvent =
  FailedMaintenanceEvent | MaintainedRowEvent | SkippedMaintenanceEvent;

/** Every event of a maintenance run but the last. */
export type MaintenanceStepEvent = MaintenanceRowEvent | PassedEvent | PassEvent | RunBegunEvent;

export type MaintenanceEvent = FinishedEvent<MaintenanceSummary> | MaintenanceStepEvent;

/** What became of one row. */
export type MaintenanceOutcome = OutcomeOf<MaintenanceRowEvent>;
