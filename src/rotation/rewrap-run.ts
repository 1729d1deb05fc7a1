/** A rotation from its beginning to its end. @module */
import { timestampOf } from '../async/clock.js';
import { contended } from '../errors/errors.js';
import { completedRecord, fencedRecord } from '../format/rotation-record.js';
import { readOptions, requireIntegerBetween, ownProperties } from '../guards/guards.js';
import { dekRowPages, idOf } from '../run/change-row.js';
import {
  runPass,
  runPasses,
  type PassPlan,
  RunTally,
  type Settled,
  type Sums,
  type PassCounter,
} from '../run/passes.js';
import { summaryHead } from '../run/run-context.js';
import type { RunName, FenceEvent, PassEvent } from '../run/run-event.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import { MOST_ATTEMPTS, untilDone } from '../store/compare-and-set.js';
import type { StoredItem, DekRowFilter } from '../store/dek-store.js';
import type { RotationContext } from './rewrap-all-deks.js';
import { RewrapDryRun } from './rewrap-dry-run.js';
import type { RewrapStepEvent, RewrapSummary, RowOutcome } from './rewrap-event.js';
import { beginRotation, type Rotation, type Destination } from './rotation.js';
import { RowRewrapper } from './row-rewrapper.js';

/** The index of this worker among all; the others have the same `count` and the other indexes. */
export interface RewrapShard {
  /** From 0 to `count - 1`. */
  readonly index: number;
  /** 1 to 256. */
  readonly count: number;
}

const MOST_SHARDS = 256;
/** A dekId begins with 32 random hex digits: enough for a range, and for three ways to distribute rows. */
const DIGITS = 8;
const HEX = 16;
const ROUNDS = 3;

/** @throws TypeError or RangeError for an invalid shard. */
export function readShard(shard: RewrapShard): RewrapShard {
  const { index, count } = readOptions(shard, ['index', 'count'], 'shard');
  requireIntegerBetween('shard.count', count, 1, MOST_SHARDS);
  requireIntegerBetween('shard.index', index, 0, count - 1);
  return { index, count };
}

/** The first and the last shard are open-ended: every possible id is in one of them. */
export function idRangeOf(shard: RewrapShard): Pick<DekRowFilter, 'idBefore' | 'idFrom'> {
  const { index, count } = shard;
  return {
    ...(index > 0 && { idFrom: beginningOf(index, count) }),
    ...(index < count - 1 && { idBefore: beginningOf(index + 1, count) }),
  };
}

/**
 * Whether a row is assigned to this worker in a round, by digits that are independent of its shard. So the
 * rows that a worker leaves behind are spread over all the others, and no two of them work on the same ones.
 */
export function isOfRound({ index, count }: RewrapShard, round: number, dekId: string): boolean {
  const from = DIGITS * round;
  return Number.parseInt(dekId.slice(from, from + DIGITS), HEX) % count === index;
}

/**
 * Returns the rows of a page in an order that differs between workers, so that they do not work on the same
 * rows.
 */
export function inOwnOrder(
  { index }: RewrapShard,
  items: readonly StoredItem[],
): readonly StoredItem[] {
  const from = DIGITS + (index % (ROUNDS * DIGITS));
  const ranked = items.map((item) => ({ item, rank: idOf(item).slice(from) }));
  return ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ item }) => item);
}

function beginningOf(index: number, count: number): string {
  const first = Math.round((index * HEX ** DIGITS) / count);
  return first.toString(HEX).padStart(DIGITS, '0');
}

export interface PassStage {
  /** The scan covers these rows alone; absent for all rows. */
  readonly shard?: RewrapShard;
  /** Unfinished rows outside this selection are left to other workers; absent for none. */
  readonly isMine?: (dekId: string) => boolean;
  /** Other workers run too, and sooner or later reach the same rows. */
  readonly isShared?: boolean;
  /** The order for the rows of a page; absent for that of the store. */
  readonly inOrder?: (items: readonly StoredItem[]) => readonly StoredItem[];
}

/**
 * A worker with a shard scans the shard until it has nothing left to do. Then it scans all rows and helps
 * with what other workers have not done: in each scan with the part assigned to that round, and finally with
 * everything. Like a worker without a shard, it ends with two scans over all rows.
 */
class PassStages {
  readonly #stages: PassStage[];
  #before: PassCounter | undefined;

  constructor(shard: RewrapShard | undefined) {
    const hasPart = shard !== undefined && shard.count > 1;
    this.#stages = hasPart ? stagesFor(shard) : [ownProperties({})];
  }

  get current(): PassStage {
    return this.#stages[0] ?? {};
  }

  get purpose(): PassEvent['purpose'] {
    return this.#before?.isClean ? 'verify' : 'change';
  }

  /** @returns Whether the counted scan was the last one. */
  isOverAfter(counter: PassCounter): boolean {
    const { shard, isMine } = this.current;
    if (shard) {
      if (counter.disturbed === 0) this.#stages.shift();
      return false;
    }
    if (isMine) {
      // Rows that other workers finished count too, so a clean scan is as good as any.
      if (counter.isClean) this.#stages.splice(0, this.#stages.length - 1);
      else this.#stages.shift();
      this.#before = counter.isClean ? counter : undefined;
      return false;
    }
    if (this.#before && isOver(this.#before, counter)) return true;
    this.#before = counter;
    return false;
  }
}

/** True after two scans that found nothing to do, or two in which nothing could be done. */
function isOver(before: PassCounter, last: PassCounter): boolean {
  if (before.disturbed > 0 || last.disturbed > 0) return false;
  return before.isClean || !last.isClean;
}

function stagesFor(shard: RewrapShard): PassStage[] {
  const deals = Array.from({ length: ROUNDS }, (_each, deal) => ({
    isMine: (dekId: string) => isOfRound(shard, deal + 1, dekId),
  }));
  const inOrder = (items: readonly StoredItem[]): readonly StoredItem[] => inOwnOrder(shard, items);
  return [{ shard }, ...deals, { inOrder }].map((stage) =>
    ownProperties({ ...stage, isShared: true }),
  );
}

type RewrapRun = AsyncGenerator<RewrapStepEvent, RewrapSummary, void>;
type RowPass = PassPlan<StoredItem, RowOutcome>;

export async function* runRewrap(context: RotationContext, run: RunName): RewrapRun {
  const { product, request } = context;
  const { shard } = request;
  const { rotation, joined } = await beginRotation(context);
  const { epoch, target } = rotation;
  yield { type: 'begun', run, product, epoch, target, joined, ...(shard && { shard }) };
  yield* passFence(rotation, context);
  const tally = new RunTally(context.request);
  yield* rewrapUntilClean(context, rotation, tally);
  context.signal?.throwIfAborted();
  if (tally.isClean) await complete(rotation, context);
  return summaryOf(context, run, rotation, tally);
}

/** Opens every DEK that the rotation would rewrap, and writes nothing. */
export async function* dryRunRewrap(context: RotationContext, run: RunName): RewrapRun {
  const dryRun = await RewrapDryRun.of(context);
  const tally = new RunTally(context.request);
  const stage = new PassStages(context.request.shard).current;
  yield* runPass(tally, {
    ...passOver(context, stage, (item) => dryRun.settle(item)),
    purpose: 'change',
  });
  const estimate = await dryRun.estimator.estimate();
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
    // A lost DEK is a finding: the report names each.
    isFinding: (outcome) => outcome.type === 'failed' && outcome.loss !== undefined,
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
  { epoch, target }: Destination,
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
