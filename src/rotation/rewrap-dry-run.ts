/** Says what a rewrap would do, having opened every DEK that it would rewrap, and writes nothing. @module */
import { isLive } from '../dek/dek-row.js';
import { isSameMek, mekIn } from '../provider/key-wrap.js';
import { hasCode } from '../errors.js';
import type { StoredItem } from '../store/dek-store.js';
import { openDek } from './dek-opening.js';
import type { RecordReader } from './record-reader.js';
import type { RewrapEvent, RewrapSummary, RowOutcome } from './rewrap-event.js';
import type { RewrapRequest } from './rewrap-options.js';
import { rewrapPass } from './rewrap-pass.js';
import { RewrapTally } from './rewrap-tally.js';
import { requireRotatable } from './rotation-beginning.js';
import { superseded } from './rotation.js';
import type { RotationContext } from './rotation-context.js';
import { decide, idOf, rowAhead, rowIn, type Destination } from './row-decision.js';

export async function* rehearseRewrap(
  context: RotationContext,
  records: RecordReader,
  request: RewrapRequest,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  const destination = await destinationOf(context, records, request.takeOver);
  const tally = new RewrapTally();
  const counter = yield* rewrapPass(context, {
    pass: 1,
    purpose: 'rewrap',
    concurrency: request.concurrency,
    afterPage: () => Promise.resolve(),
    settle: async (item) => {
      const outcome = await rehearseRow(context, destination, request, item);
      if (outcome.type === 'failed') await requireSameRotation(outcome.error, destination, records);
      return { outcome, lostRace: false };
    },
  });
  tally.add(counter);
  return tally.summary(context.product, destination, true);
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

async function rehearseRow(
  context: RotationContext,
  destination: Destination,
  { sourceVersion }: RewrapRequest,
  item: StoredItem,
): Promise<RowOutcome> {
  const dekId = idOf(item);
  try {
    const row = rowIn(item, context.product);
    if (!isLive(row)) return { type: 'skipped', dekId, reason: 'shredded' };
    switch (decide(row, destination, sourceVersion)) {
      case 'current':
      case 'move-epoch':
        return { type: 'current', dekId, epochMoved: false };
      case 'other-version':
        return { type: 'skipped', dekId, reason: 'other-version' };
      case 'ahead':
        throw rowAhead(row, destination.epoch);
      case 'rewrap': {
        const { bytes, from, repaired } = await openDek(context, row);
        bytes.fill(0);
        return { type: 'would-rewrap', dekId, from: mekIn(from), repaired };
      }
    }
  } catch (error) {
    context.signal?.throwIfAborted();
    return { type: 'failed', dekId, error };
  }
}
