/** Reports what a rotation would do with a row, opens its DEK, and writes nothing. @module */
import { type DekRow, isLive, type LiveDekRow, isSameMek, mekIn } from '../format/dek-row.js';
import { hasCode, TamperedError } from '../errors/errors.js';
import type { Settled } from '../run/passes.js';
import { changeRow, rowIn } from '../run/change-row.js';
import type { StoredItem } from '../store/dek-store.js';
import { openDek, opensFromPrevious, rewrapKind } from './row-rewrapper.js';
import { RewrapEstimator, type RewrapEstimate } from './rewrap-estimate.js';
import type { RowOutcome } from './rewrap-event.js';
import { requireRotatable, superseded, decide, rowAhead, type Destination } from './rotation.js';
import type { RotationContext } from './rewrap-all-deks.js';

export class RewrapDryRun {
  readonly destination: Destination;
  readonly #context: RotationContext;
  readonly #estimator: RewrapEstimator;

  private constructor(context: RotationContext, destination: Destination) {
    this.destination = destination;
    this.#context = context;
    this.#estimator = new RewrapEstimator(context);
  }

  /** @throws What the rotation itself would be refused with. */
  static async of(context: RotationContext): Promise<RewrapDryRun> {
    return new RewrapDryRun(context, await destinationOf(context));
  }

  /** @throws FieldEncryptionError `ROTATION_SUPERSEDED` where a row is ahead of a finished rotation. */
  async settle(item: StoredItem): Promise<Settled<RowOutcome>> {
    const kind = rewrapKind(this.#context, {
      change: async (row) => ({ outcome: await this.#outcomeOf(row) }),
      afterRead: nothing,
      beforeWrite: nothing,
    });
    const settled = await changeRow(this.#context, kind, item);
    const { outcome } = settled;
    if (outcome.type === 'failed' && hasCode(outcome.error, 'ROTATION_RECORD_BEHIND')) {
      await this.#requireSameRotation(item);
    }
    return settled;
  }

  estimate(): Promise<RewrapEstimate> {
    return this.#estimator.estimate();
  }

  async #requireSameRotation(item: StoredItem): Promise<void> {
    const { epoch } = this.destination;
    const { product, records } = this.#context;
    const record = (await records.readForRow(rowIn(item, product)))?.record;
    if (record && record.epoch > epoch) throw superseded(epoch, record);
  }

  async #outcomeOf(row: DekRow): Promise<RowOutcome> {
    const { id: dekId } = row;
    if (!isLive(row)) return { type: 'skipped', dekId, reason: 'shredded' };
    switch (decide(row, this.destination, this.#context.request)) {
      case 'move-epoch':
        this.#estimator.addEpochMove();
        return { type: 'unchanged', dekId, epochOnly: false };
      case 'unchanged':
        return { type: 'unchanged', dekId, epochOnly: false };
      case 'other-version':
        return { type: 'skipped', dekId, reason: 'other-version' };
      case 'ahead':
        throw rowAhead(row, this.destination.epoch);
      case 'flip':
        return this.#flip(row);
      case 'rewrap':
        return this.#rewrap(row);
    }
  }

  async #rewrap(row: LiveDekRow): Promise<RowOutcome> {
    const opened = await openDek(this.#context, row);
    opened.bytes.fill(0);
    this.#estimator.addRewrap(row, opened);
    const { from, repaired, recovered } = opened;
    const how = { repaired, flipped: false, ...(recovered && { recovered }) };
    return { type: 'would-change', dekId: row.id, from: mekIn(from), ...how };
  }

  /** Opens the wrap that would be restored; the rollback itself does so only with `verifyFlips`. */
  async #flip(row: LiveDekRow): Promise<RowOutcome> {
    const { id: dekId } = row;
    const verifies = this.#context.request.rollback?.verifyFlips === true;
    if (await opensFromPrevious(this.#context, row)) {
      this.#estimator.addFlip(verifies);
      return { type: 'would-change', dekId, from: mekIn(row), repaired: false, flipped: true };
    }
    if (verifies) return this.#rewrap(row);
    throw new TamperedError(
      `The previous wrap of DEK row ${dekId} failed authentication, and the rollback would restore it: pass "verifyFlips: true" to rewrap such rows`,
      { dekId },
    );
  }
}

/** The destination of the rotation; refused where the rotation would be refused. */
async function destinationOf({ target, records, request }: RotationContext): Promise<Destination> {
  const record = (await records.readUnlessNew())?.record;
  if (!record) return { epoch: 1, target, generationFloor: 1 };
  requireRotatable(record, target, request);
  const { generationFloor } = record;
  const epoch = isSameMek(record, target) ? record.epoch : record.epoch + 1;
  return { epoch, target, generationFloor };
}

/** A dry run reads no row again, and writes none. */
function nothing(): Promise<void> {
  return Promise.resolve();
}
