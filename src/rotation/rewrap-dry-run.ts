/** Says what a rewrap would do, having opened every DEK that it would rewrap, and writes nothing. @module */
import { isLive } from '../dek/dek-row.js';
import { isSameMek, mekIn } from '../provider/key-wrap.js';
import type { VaultBudget } from '../provider/vault-budget.js';
import type { StoredItem } from '../store/dek-store.js';
import { openDek } from './dek-opening.js';
import type { RecordReader } from './record-reader.js';
import { RewrapEstimator } from './rewrap-estimate.js';
import type { RewrapEvent, RewrapSummary, RowOutcome } from './rewrap-event.js';
import type { RewrapRequest } from './rewrap-options.js';
import { rewrapPass } from './rewrap-pass.js';
import { RewrapTally } from './rewrap-tally.js';
import { requireRotatable } from './rotation-beginning.js';
import type { RotationContext } from './rotation-context.js';
import type { RunCharge } from './run-charge.js';
import { decide, idOf, rowAhead, rowIn, type Destination } from './row-decision.js';

export async function* rehearseRewrap(
  context: RotationContext,
  records: RecordReader,
  request: RewrapRequest,
  { charge, budget }: { readonly charge: RunCharge; readonly budget: VaultBudget },
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  const destination = await destinationOf(context, records, request.takeOver);
  const estimator = new RewrapEstimator(context, request.verify);
  const tally = new RewrapTally();
  const counter = yield* rewrapPass(context, {
    pass: 1,
    purpose: 'rewrap',
    concurrency: request.concurrency,
    afterPage: () => Promise.resolve(),
    settle: async (item) => ({
      outcome: await rehearseRow(context, { destination, request, estimator }, item),
      lostRace: false,
    }),
  });
  tally.add(counter);
  const estimate = await estimator.estimate(charge.total, budget.callsPerSecond);
  return { ...tally.summary(context.product, destination, true), estimate };
}

interface Rehearsal {
  readonly destination: Destination;
  readonly request: RewrapRequest;
  readonly estimator: RewrapEstimator;
}

/** What the rotation would be; refused where the rotation would be. */
async function destinationOf(
  { target }: RotationContext,
  records: RecordReader,
  takeOver: boolean,
): Promise<Destination> {
  const record = (await records.readUnlessNew())?.record;
  if (!record) return { epoch: 1, target };
  requireRotatable(record, target, takeOver);
  return { epoch: isSameMek(record, target) ? record.epoch : record.epoch + 1, target };
}

async function rehearseRow(
  context: RotationContext,
  { destination, request: { sourceVersion }, estimator }: Rehearsal,
  item: StoredItem,
): Promise<RowOutcome> {
  const dekId = idOf(item);
  try {
    const row = rowIn(item, context.product);
    if (!isLive(row)) return { type: 'skipped', dekId, reason: 'shredded' };
    switch (decide(row, destination, sourceVersion)) {
      case 'move-epoch':
        estimator.addEpochMove();
        return { type: 'current', dekId, epochMoved: false };
      case 'current':
        return { type: 'current', dekId, epochMoved: false };
      case 'other-version':
        return { type: 'skipped', dekId, reason: 'other-version' };
      case 'ahead':
        throw rowAhead(row, destination.epoch);
      case 'rewrap': {
        const { bytes, from, repaired } = await openDek(context, row);
        bytes.fill(0);
        estimator.addRewrap(row, { from, repaired });
        return { type: 'would-rewrap', dekId, from: mekIn(from), repaired };
      }
    }
  } catch (error) {
    context.signal?.throwIfAborted();
    return { type: 'failed', dekId, error };
  }
}
