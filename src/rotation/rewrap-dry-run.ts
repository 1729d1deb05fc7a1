/** Says what a rewrap would do, having opened every DEK that it would rewrap, and writes nothing. @module */
import { isLive, type LiveDekRow } from '../dek/dek-row.js';
import { TamperedError } from '../errors.js';
import { isSameMek, mekIn } from '../provider/key-wrap.js';
import type { StoredItem } from '../store/dek-store.js';
import { failedOutcome, openDek, opensFromPrevious } from './dek-opening.js';
import { PassStages } from './pass-stages.js';
import type { RecordReader } from './record-reader.js';
import type { RewrapEvent, RewrapSummary, RowOutcome } from './rewrap-event.js';
import type { RewrapRequest } from './rewrap-options.js';
import { rewrapPass } from './rewrap-pass.js';
import { RewrapTally } from './rewrap-tally.js';
import { requireRotatable } from './rotation-beginning.js';
import type { RotationContext } from './rotation-context.js';
import { decide, idOf, rowAhead, rowIn, type Destination } from './row-decision.js';

export async function* rehearseRewrap(
  context: RotationContext,
  records: RecordReader,
  request: RewrapRequest,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  const destination = await destinationOf(context, records, request);
  const tally = new RewrapTally(request.shard);
  const counter = yield* rewrapPass(context, {
    pass: 1,
    purpose: 'rewrap',
    concurrency: request.concurrency,
    shard: new PassStages(request.shard).current.shard,
    afterPage: () => Promise.resolve(),
    settle: async (item) => ({
      outcome: await rehearseRow(context, destination, request, item),
      lostRace: false,
    }),
  });
  tally.add(counter);
  return tally.summary(context.product, destination, true);
}

/** What the rotation would be; refused where the rotation would be. */
async function destinationOf(
  { target }: RotationContext,
  records: RecordReader,
  request: RewrapRequest,
): Promise<Destination> {
  const record = (await records.readUnlessNew())?.record;
  if (!record) return { epoch: 1, target };
  requireRotatable(record, target, request);
  return { epoch: isSameMek(record, target) ? record.epoch : record.epoch + 1, target };
}

async function rehearseRow(
  context: RotationContext,
  destination: Destination,
  request: RewrapRequest,
  item: StoredItem,
): Promise<RowOutcome> {
  const dekId = idOf(item);
  try {
    const row = rowIn(item, context.product);
    if (!isLive(row)) return { type: 'skipped', dekId, reason: 'shredded' };
    switch (decide(row, destination, request)) {
      case 'current':
      case 'move-epoch':
        return { type: 'current', dekId, epochMoved: false };
      case 'other-version':
        return { type: 'skipped', dekId, reason: 'other-version' };
      case 'ahead':
        throw rowAhead(row, destination.epoch);
      case 'flip':
        return await rehearseFlip(context, request, row);
      case 'rewrap':
        return await rehearseOne(context, row);
    }
  } catch (error) {
    context.signal?.throwIfAborted();
    return failedOutcome(context, item, error);
  }
}

async function rehearseOne(context: RotationContext, row: LiveDekRow): Promise<RowOutcome> {
  const { bytes, from, repaired, recovered } = await openDek(context, row);
  bytes.fill(0);
  const how = { repaired, flipped: false, ...(recovered && { recovered }) };
  return { type: 'would-rewrap', dekId: row.id, from: mekIn(from), ...how };
}

/** Opens what would come back, which the rollback itself does only if asked. */
async function rehearseFlip(
  context: RotationContext,
  { rollback }: RewrapRequest,
  row: LiveDekRow,
): Promise<RowOutcome> {
  const { id: dekId } = row;
  if (await opensFromPrevious(context, row)) {
    return { type: 'would-rewrap', dekId, from: mekIn(row), repaired: false, flipped: true };
  }
  if (rollback?.verifyFlips) return rehearseOne(context, row);
  throw new TamperedError(
    `The previous wrap of DEK row ${dekId} failed authentication, and the rollback would put it back: pass "verifyFlips: true" to have such rows rewrapped`,
    { dekId },
  );
}
