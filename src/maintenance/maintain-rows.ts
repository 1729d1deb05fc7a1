/** Scans over all DEK rows of a product, until one finds nothing to change. @module */
import { GenerationBound } from '../dek/dek-bounds.js';
import { requireKnownProduct } from '../dek/known-product.js';
import { hasCode } from '../errors/errors.js';
import type { DekRow } from '../format/dek-row.js';
import { requireNoMac } from '../format/item-shape.js';
import { changeRow, type RowChange, type RowKind, dekRowPages } from '../run/change-row.js';
import { runPasses, RunTally } from '../run/passes.js';
import {
  type EncryptionContext,
  runContext,
  runParts,
  summaryHead,
  type RunContext,
  runEstimate,
  type RunRequest,
} from '../run/run-context.js';
import type {
  RunName,
  FinishedEvent,
  FailedRowEvent,
  OutcomeOf,
  PassedEvent,
  PassEvent,
  RowEvent,
  RunBegunEvent,
  RunEstimate,
  RunSummary,
} from '../run/run-event.js';
import { finishRun } from '../run/run-publisher.js';
import type { StoredItem } from '../store/dek-store.js';

/** `would-change` only in a dry run, `changed` only outside one. */
interface MaintainedRowEvent extends RowEvent {
  readonly type: 'changed' | 'unchanged' | 'would-change';
}

interface SkippedMaintenanceEvent extends RowEvent {
  readonly type: 'skipped';
  readonly reason: 'not-selected' | 'removed' | 'shredded';
}

export interface MaintenanceSummary extends RunSummary {
  /** Only in a dry run. */
  readonly estimate?: RunEstimate;
}

type MaintenanceRowEvent = FailedRowEvent | MaintainedRowEvent | SkippedMaintenanceEvent;

/** Every event of a maintenance run except the last. */
type MaintenanceStepEvent = MaintenanceRowEvent | PassedEvent | PassEvent | RunBegunEvent;

export type MaintenanceEvent = FinishedEvent<MaintenanceSummary> | MaintenanceStepEvent;

/** The outcome of one row. */
type MaintenanceOutcome = OutcomeOf<MaintenanceRowEvent>;

/**
 * Returns the row to store instead; `undefined` where the row is already in its final state. An error is a
 * failure of that row alone.
 */
export type NextRow = (
  row: DekRow,
  item: StoredItem,
) => Promise<DekRow | 'not-selected' | 'shredded' | undefined>;

/** The parts of a maintenance run that differ between runs. */
export interface MaintenanceJob {
  readonly run: RunName;
  readonly encryption: EncryptionContext;
  readonly request: RunRequest;
  readonly nextRow: (context: RunContext) => NextRow;
  /**
   * Called after rows were read, and before any of them is written: it reads the rotation record, and an
   * error ends the run. Absent where a run may continue beside any rotation.
   */
  readonly requireAllowed?: (context: RunContext) => Promise<void>;
  /** Called once, before the beginning. */
  readonly requireSensible?: (context: RunContext) => Promise<void>;
}

export async function* maintainRows(
  job: MaintenanceJob,
): AsyncGenerator<MaintenanceEvent, MaintenanceSummary, void> {
  const { run, encryption, request } = job;
  const context = runContext(runParts(encryption), request);
  return yield* finishRun<MaintenanceStepEvent, MaintenanceSummary>(context, { run }, () =>
    scanned(job, context),
  );
}

async function* scanned(
  job: MaintenanceJob,
  context: RunContext,
): AsyncGenerator<MaintenanceStepEvent, MaintenanceSummary, void> {
  const { run, request } = job;
  const { product, dekStore, signal, budget } = context;
  const kind = rowKind(job, context);
  if (job.requireAllowed) await job.requireAllowed(context);
  else if (!request.allowEmpty) await requireKnownProduct(dekStore, product, { signal });
  await job.requireSensible?.(context);
  yield { type: 'begun', run, product };
  const tally = new RunTally(request);
  yield* runPasses<StoredItem, MaintenanceOutcome>(tally, {
    what: `product ${product}`,
    next: () => ({
      purpose: tally.passes === 0 ? 'change' : 'verify',
      total: () => dekStore.count({ product }, { signal }),
      pages: () => dekRowPages(dekStore, { product }, signal),
      afterPage: () => kind.afterRead(),
      settle: (item) => changeRow(context, kind, item),
      concurrency: budget,
      signal,
    }),
    isOverAfter: ({ disturbed }) => request.dryRun || disturbed === 0,
  });
  const complete = !request.dryRun && tally.counts.failed === 0;
  const estimate = request.dryRun ? { estimate: runEstimate(context, tally) } : {};
  return { ...summaryHead(context, run), complete, ...tally.counts, ...estimate };
}

function rowKind(
  { nextRow, requireAllowed }: MaintenanceJob,
  context: RunContext,
): RowKind<MaintenanceOutcome> {
  const next = nextRow(context);
  const bound = new GenerationBound(context.records);
  let isForbidden = false;
  const afterRead = async (): Promise<void> => {
    try {
      await requireAllowed?.(context);
    } catch (error) {
      isForbidden = true;
      throw error;
    }
  };
  return {
    what: 'Changing DEK row',
    change: async (row, { item }) => {
      await bound.require(row.id);
      return changeOf(row, await next(row, item), context.request);
    },
    failed: ({ dekId, error }) => ({ type: 'failed', dekId, error }),
    removed: (dekId) => ({ type: 'skipped', dekId, reason: 'removed' }),
    afterRead,
    beforeWrite: async () => {
      if (requireAllowed) await context.records.requireFresh(afterRead);
    },
    endsRun: (error) => isForbidden || hasCode(error, 'ROTATION_SUPERSEDED'),
  };
}

function changeOf(
  row: DekRow,
  next: Awaited<ReturnType<NextRow>>,
  { dryRun }: RunRequest,
): RowChange<MaintenanceOutcome> {
  const { id: dekId } = row;
  if (next === undefined) return { outcome: { type: 'unchanged', dekId } };
  if (typeof next === 'string') return { outcome: { type: 'skipped', dekId, reason: next } };
  requireNoMac(row, `DEK row ${dekId}`);
  if (dryRun) return { outcome: { type: 'would-change', dekId } };
  return { next, outcome: { type: 'changed', dekId } };
}
