/** Says what a rewrap would do, having opened every DEK that it would rewrap, and writes nothing. @module */
import { isLive, type LiveDekRow } from '../dek/dek-row.js';
import { hasCode, TamperedError } from '../errors.js';
import { isSameMek, mekIn } from '../provider/key-wrap.js';
import type { VaultBudget } from '../provider/vault-budget.js';
import type { StoredItem } from '../store/dek-store.js';
import { failedOutcome, openDek, opensFromPrevious } from './dek-opening.js';
import { PassStages } from './pass-stages.js';
import type { RecordReader } from './record-reader.js';
import { RewrapEstimator } from './rewrap-estimate.js';
import type { RewrapEvent, RewrapSummary, RowOutcome } from './rewrap-event.js';
import type { RewrapRequest } from './rewrap-options.js';
import { rewrapPass } from './rewrap-pass.js';
import { RewrapTally } from './rewrap-tally.js';
import { requireRotatable } from './rotation-beginning.js';
import { superseded } from './rotation.js';
import type { RotationContext } from './rotation-context.js';
import type { RunCharge } from './run-charge.js';
import { decide, idOf, rowAhead, rowIn, type Destination } from './row-decision.js';

export async function* rehearseRewrap(
  context: RotationContext,
  records: RecordReader,
  request: RewrapRequest,
  { charge, budget }: { readonly charge: RunCharge; readonly budget: VaultBudget },
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  const destination = await destinationOf(context, records, request);
  const estimator = new RewrapEstimator(context, request);
  const tally = new RewrapTally(request.shard);
  const counter = yield* rewrapPass(context, {
    pass: 1,
    purpose: 'rewrap',
    concurrency: request.concurrency,
    shard: new PassStages(request.shard).current.shard,
    afterPage: () => Promise.resolve(),
    settle: async (item) => {
      const outcome = await rehearseRow({ context, destination, request, estimator }, item);
      if (outcome.type === 'failed') await requireSameRotation(outcome.error, destination, records);
      return { outcome, lostRace: false };
    },
  });
  tally.add(counter);
  const estimate = await estimator.estimate(charge.total, budget.callsPerSecond);
  return { ...tally.summary(context.product, destination, true), estimate };
}

interface Rehearsal {
  readonly context: RotationContext;
  readonly destination: Destination;
  readonly request: RewrapRequest;
  readonly estimator: RewrapEstimator;
}

/** What the rotation would be; refused where the rotation would be. */
async function destinationOf(
  { target }: RotationContext,
  records: RecordReader,
  request: RewrapRequest,
): Promise<Destination> {
  const record = (await records.readUnlessNew())?.record;
  if (!record) return { epoch: 1, target, generationFloor: 1 };
  requireRotatable(record, target, request);
  const { generationFloor } = record;
  const epoch = isSameMek(record, target) ? record.epoch : record.epoch + 1;
  return { epoch, target, generationFloor };
}

/** @throws FieldEncryptionError `ROTATION_SUPERSEDED` where a row is ahead of a rotation that is over. */
async function requireSameRotation(
  error: unknown,
  { epoch }: Destination,
  records: RecordReader,
): Promise<void> {
  if (!hasCode(error, 'ROTATION_RECORD_BEHIND')) return;
  const record = (await records.read())?.record;
  if (record && record.epoch > epoch) throw superseded(epoch, record);
}

async function rehearseRow(rehearsal: Rehearsal, item: StoredItem): Promise<RowOutcome> {
  const { context, destination, request, estimator } = rehearsal;
  const dekId = idOf(item);
  try {
    const row = rowIn(item, context.product);
    if (!isLive(row)) return { type: 'skipped', dekId, reason: 'shredded' };
    switch (decide(row, destination, request)) {
      case 'move-epoch':
        estimator.addEpochMove();
        return { type: 'current', dekId, epochMoved: false };
      case 'current':
        return { type: 'current', dekId, epochMoved: false };
      case 'other-version':
        return { type: 'skipped', dekId, reason: 'other-version' };
      case 'ahead':
        throw rowAhead(row, destination.epoch);
      case 'flip':
        return await rehearseFlip(rehearsal, row);
      case 'rewrap':
        return await rehearseOne(rehearsal, row);
    }
  } catch (error) {
    context.signal?.throwIfAborted();
    return failedOutcome(context, item, error);
  }
}

async function rehearseOne(
  { context, estimator }: Rehearsal,
  row: LiveDekRow,
): Promise<RowOutcome> {
  const opened = await openDek(context, row);
  opened.bytes.fill(0);
  estimator.addRewrap(row, opened);
  const { from, repaired, recovered } = opened;
  const how = { repaired, flipped: false, ...(recovered && { recovered }) };
  return { type: 'would-rewrap', dekId: row.id, from: mekIn(from), ...how };
}

/** Opens what would come back, which the rollback itself does only if asked. */
async function rehearseFlip(rehearsal: Rehearsal, row: LiveDekRow): Promise<RowOutcome> {
  const { context, estimator, request } = rehearsal;
  const { id: dekId } = row;
  const verifies = request.rollback?.verifyFlips === true;
  if (await opensFromPrevious(context, row)) {
    estimator.addFlip(verifies);
    return { type: 'would-rewrap', dekId, from: mekIn(row), repaired: false, flipped: true };
  }
  if (verifies) return rehearseOne(rehearsal, row);
  throw new TamperedError(
    `The previous wrap of DEK row ${dekId} failed authentication, and the rollback would put it back: pass "verifyFlips: true" to have such rows rewrapped`,
    { dekId },
  );
}
