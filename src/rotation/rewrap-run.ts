/** A rotation from its beginning to its end. @module */
import { MOST_ATTEMPTS, untilDone } from '../store/compare-and-set.js';
import { timestampOf } from '../async/clock.js';
import { contended } from '../errors/errors.js';
import { completedRecord, fencedRecord } from '../format/rotation-record.js';
import { runPass, runPasses, type PassPlan } from '../run/passes.js';
import { summaryHead } from '../run/run-context.js';
import { RunTally, type Settled, type Sums } from '../run/run-counter.js';
import type { RunName, FenceEvent } from '../run/run-event.js';
import { dekRowPages } from '../run/scanned-row.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import type { StoredItem } from '../store/dek-store.js';
import { PassStages, type PassStage, idRangeOf } from './rewrap-passes.js';
import { RewrapDryRun } from './rewrap-dry-run.js';
import type { RewrapStepEvent, RewrapSummary, RowOutcome } from './rewrap-event.js';
import { beginRotation, type Rotation, type Destination } from './rotation.js';
import type { RotationContext } from './rewrap-options.js';
import { RowRewrapper } from './row-rewrapper.js';

type RewrapRun = AsyncGenerator<RewrapStepEvent, RewrapSummary, void>;
type RowPass = PassPlan<StoredItem, RowOutcome>;

export async function* runRewrap(context: RotationContext, run: RunName): RewrapRun {
  const { product, request } = context;
  const { rotation, joined } = await beginRotation(context, request);
  const { epoch, target } = rotation;
  const { shard } = request;
  yield { type: 'begun', run, product, epoch, target, joined, ...(shard && { shard }) };
  yield* passFence(rotation, context);
  const tally = new RunTally();
  yield* rewrapUntilClean(context, rotation, tally);
  context.signal?.throwIfAborted();
  if (tally.isClean) await complete(rotation, context);
  return summaryOf(context, run, rotation, tally);
}

/** Opens every DEK that the rotation would rewrap, and writes nothing. */
export async function* dryRunRewrap(context: RotationContext, run: RunName): RewrapRun {
  const { request, charge, budget } = context;
  const dryRun = await RewrapDryRun.of(context);
  const tally = new RunTally();
  const stage = new PassStages(request.shard).current;
  yield* runPass(tally, {
    ...passOver(context, stage, (item) => dryRun.settle(item)),
    purpose: 'change',
  });
  const estimate = await dryRun.estimate(charge.total, budget.callsPerSecond);
  return { ...summaryOf(context, run, dryRun.destination, tally), estimate };
}

/** Scans until one scan finds nothing to do, and then once more. */
async function* rewrapUntilClean(
  context: RotationContext,
  rotation: Rotation,
  tally: RunTally,
): AsyncGenerator<RewrapStepEvent, void, void> {
  const rewrapper = new RowRewrapper(context, rotation);
  const stages = new PassStages(context.request.shard);
  yield* runPasses<StoredItem, RowOutcome>(tally, {
    what: `product ${context.product}`,
    next: () => {
      const { current: stage, purpose } = stages;
      const settle: RowPass['settle'] = (item) => rewrapper.settle(item, stage);
      return { ...passOver(context, stage, settle), purpose, afterPage: () => rotation.read() };
    },
    isOverAfter: (counter) => stages.isOverAfter(counter),
  });
}

function passOver(
  { product, dekStore, signal, budget }: RotationContext,
  { shard, inOrder }: Pick<PassStage, 'inOrder' | 'shard'>,
  settle: (item: StoredItem) => Promise<Settled<RowOutcome>>,
): Omit<RowPass, 'purpose'> {
  const rows = { product, ...(shard && idRangeOf(shard)) };
  return {
    part: shard && { shard },
    total: () => dekStore.count(rows, { signal }),
    pages: () => dekRowPages(dekStore, rows, signal),
    inOrder,
    settle,
    sumsOf,
    concurrency: budget,
    signal,
  };
}

function sumsOf(outcome: RowOutcome): Sums {
  if (outcome.type === 'unchanged') return { epochOnly: Number(outcome.epochOnly) };
  if (outcome.type !== 'changed') return {};
  return { repaired: Number(outcome.repaired), flipped: Number(outcome.flipped) };
}

function summaryOf(
  context: RotationContext,
  run: RunName,
  { epoch, target }: Pick<Destination, 'epoch' | 'target'>,
  tally: RunTally,
): RewrapSummary {
  const { dryRun, shard } = context.request;
  return {
    ...summaryHead(context, run),
    epoch,
    target,
    ...(shard && { shard }),
    complete: !dryRun && tally.isClean,
    ...tally.counts,
    repaired: tally.sum('repaired'),
    flipped: tally.sum('flipped'),
    epochOnly: tally.sum('epochOnly'),
  };
}

async function complete(rotation: Rotation, { clock }: RotationContext): Promise<void> {
  await untilDone('Completing the rotation', async () => {
    const copy = await rotation.read();
    if (copy.record.state === 'complete') return true;
    return rotation.replace(copy, completedRecord(copy.record, timestampOf(clock)));
  });
}

/**
 * Waits for all writers, beginning after `fencing` was read; then marks the record as fenced. Does not wait
 * where another process has already fenced it.
 */
async function* passFence(
  rotation: Rotation,
  context: RotationContext,
): AsyncGenerator<FenceEvent, void, void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await rotation.read();
    if (copy.record.state !== 'fencing') return;
    yield* waitForWriters(context, copy.record);
    const now = timestampOf(context.clock);
    // Replaces the copy from before the wait: any change since may need another wait.
    if (await rotation.replace(copy, fencedRecord(copy.record, now))) return;
  }
  throw contended('Passing the fence', MOST_ATTEMPTS);
}
