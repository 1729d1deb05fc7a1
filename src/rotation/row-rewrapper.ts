/** Opens the DEK of one row and rewraps it. @module */
import { timestampOf } from '../async/clock.js';
import { unwrapDekBytes, wrapDek, type DekWraps, cameBackChanged } from '../dek/dek-wraps.js';
import { hasCode } from '../errors/errors.js';
import {
  isLive,
  type DekRow,
  type LiveDekRow,
  flippedRow,
  rewrappedRow,
  type PreviousWrap,
  primaryWrap,
  mekIn,
  wrapIn,
} from '../format/dek-row.js';
import { changeRow, type RowAttempt, type RowChange, type RowKind } from '../run/change-row.js';
import type { Settled } from '../run/passes.js';
import type { StoredItem } from '../store/dek-store.js';
import type { RowOutcome, DekLoss } from './rewrap-event.js';
import type { RewrapRequest, RotationContext } from './rewrap-all-deks.js';
import type { PassStage } from './rewrap-run.js';
import { type Rotation, decide, type RowDecision } from './rotation.js';

/** Which new wraps are unwrapped again before they replace the old ones. */
export type VerifyMode = 'all' | 'first' | 'none';

type Rewrap = RowChange<RowOutcome>;

export class RowRewrapper {
  readonly #context: RotationContext;
  readonly #rotation: Rotation;
  readonly #policy: RewrapRequest;
  #firstVerified: Promise<boolean> | undefined;
  #hasRivals = false;

  constructor(context: RotationContext, rotation: Rotation) {
    this.#context = context;
    this.#rotation = rotation;
    this.#policy = context.request;
  }

  /**
   * Moves a row that was read before the record was read.
   *
   * @throws FieldEncryptionError `ROTATION_SUPERSEDED`, and the signal's reason. A failure of the row alone
   *   is its outcome.
   */
  settle(item: StoredItem, stage: PassStage): Promise<Settled<RowOutcome>> {
    const kind = rewrapKind(this.#context, {
      change: (row, attempt) => this.#change(row, attempt, stage),
      afterRead: () => this.#rotation.read(),
      beforeWrite: () => this.#rotation.requireFresh(),
    });
    return changeRow(this.#context, kind, item);
  }

  async #change(row: DekRow, { item, lostRaces }: RowAttempt, stage: PassStage): Promise<Rewrap> {
    const { id: dekId } = row;
    if (lostRaces > 0) this.#hasRivals = true;
    if (!isLive(row)) return { outcome: { type: 'skipped', dekId, reason: 'shredded' } };
    const decision = decide(row, this.#rotation, this.#policy);
    if (isWork(decision) && stage.isMine?.(dekId) === false) {
      return { outcome: { type: 'skipped', dekId, reason: 'other-shard' } };
    }
    if (decision === 'rewrap' && !(await this.#isStillMine(row, item.etag, stage)))
      return undefined;
    return this.#move(row, item.etag, decision);
  }

  /** Where other workers may be at the same rows, a read of the store costs less than an unneeded wrap. */
  async #isStillMine({ id }: LiveDekRow, etag: string, stage: PassStage): Promise<boolean> {
    const isCrowded = stage.isShared === true && (!stage.shard || this.#hasRivals);
    return !isCrowded || this.#hasEtag(id, etag);
  }

  async #move(row: LiveDekRow, etag: string, decision: RowDecision): Promise<Rewrap> {
    const { id: dekId } = row;
    const { epoch } = this.#rotation;
    switch (decision) {
      case 'unchanged':
        return { outcome: { type: 'unchanged', dekId, epochOnly: false } };
      case 'other-version':
        return { outcome: { type: 'skipped', dekId, reason: 'other-version' } };
      case 'ahead':
        throw await this.#rotation.rowAhead(row);
      case 'move-epoch':
        return { next: { ...row, epoch }, outcome: { type: 'unchanged', dekId, epochOnly: true } };
      case 'flip':
        return this.#flip(row, etag);
      case 'rewrap':
        return this.#rewrap(row, etag);
    }
  }

  /** The replaced wrap is kept in turn: if the other does not open, this one still does. */
  async #flip(row: LiveDekRow, etag: string): Promise<Rewrap> {
    const { clock, dekCache } = this.#context;
    const { previousWrap } = row;
    const isBroken =
      this.#policy.rollback?.verifyFlips && !(await opensFromPrevious(this.#context, row));
    if (!previousWrap || isBroken) return this.#rewrap(row, etag);
    dekCache?.requireSameKey(row);
    const { epoch } = this.#rotation;
    const next = flippedRow(row, { previousWrap, epoch, rewrappedAt: timestampOf(clock) });
    return this.#changed(next, { from: mekIn(row), repaired: false, flipped: true });
  }

  async #rewrap(row: LiveDekRow, etag: string): Promise<Rewrap> {
    const { epoch } = this.#rotation;
    const opened = await this.#open(row, etag);
    if (!opened) return undefined;
    const { from, repaired, recovered } = opened;
    const wraps = await this.#wrapAndWipe(opened, row);
    const rewrappedAt = timestampOf(this.#context.clock);
    // Only a wrap that is known to open is kept for a rollback.
    const previousWrap = recovered ? undefined : from;
    const next = rewrappedRow(row, { ...wraps, epoch, rewrappedAt, previousWrap });
    await this.#verify(next);
    const how = { repaired, flipped: false, ...(recovered && { recovered }) };
    return this.#changed(next, { from: mekIn(from), ...how });
  }

  #changed(
    next: LiveDekRow,
    facts: Omit<Extract<RowOutcome, { type: 'changed' }>, 'dekId' | 'type'>,
  ): Rewrap {
    const written = (): void => this.#context.dekCache?.rewrapped(next);
    return { next, written, outcome: { type: 'changed', dekId: next.id, ...facts } };
  }

  /**
   * `undefined` when the row that does not open is no longer stored as it was read: it is read again first.
   */
  async #open(row: LiveDekRow, etag: string): Promise<OpenedDek | undefined> {
    try {
      return await openDek(this.#context, row);
    } catch (error) {
      this.#context.signal?.throwIfAborted();
      if (await this.#hasEtag(row.id, etag)) throw error;
      return undefined;
    }
  }

  async #wrapAndWipe({ bytes, recovered }: OpenedDek, row: LiveDekRow): Promise<DekWraps> {
    const { providers, signal, dekCache } = this.#context;
    // A recovery wrap that has just opened is not replaced by one that was never tried.
    const recoveryKey = recovered ? undefined : this.#context.recoveryKey;
    const { target: mek } = this.#rotation;
    const request = { dekId: row.id, mek, kept: row.recoveryWrap, signal };
    try {
      dekCache?.requireSameKey(row);
      return await wrapDek({ providers, recoveryKey }, bytes, request);
    } finally {
      bytes.fill(0);
    }
  }

  async #verify(next: LiveDekRow): Promise<void> {
    const { verify } = this.#policy;
    if (verify === 'all') await this.#unwrapAgain(next);
    if (verify !== 'first') return;
    // Callers that arrive while the first wrap is being verified wait for it, and the next one becomes the
    // first if it failed.
    while (this.#firstVerified) if (await this.#firstVerified) return;
    const unwrapping = this.#unwrapAgain(next);
    this.#firstVerified = unwrapping.then(
      () => true,
      () => {
        this.#firstVerified = undefined;
        return false;
      },
    );
    await unwrapping;
  }

  /** Checks the commitment, not the wrapped bytes: a provider may have changed those. */
  async #unwrapAgain(next: LiveDekRow): Promise<void> {
    const { signal } = this.#context;
    try {
      (await unwrapDekBytes(this.#context, next, { signal })).fill(0);
    } catch (error) {
      throw hasCode(error, 'TAMPERED') ? cameBackChanged(next, error) : error;
    }
  }

  async #hasEtag(dekId: string, etag: string): Promise<boolean> {
    try {
      return (await this.#context.dekStore.get(dekId))?.etag === etag;
    } catch {
      // The original failure is the one to report.
      return true;
    }
  }
}

/** Whether a row has to be written. */
function isWork(decision: RowDecision): boolean {
  return decision !== 'unchanged' && decision !== 'other-version' && decision !== 'ahead';
}

export interface OpenedDek {
  /** The DEK itself: zero it after use. */
  readonly bytes: Uint8Array;
  /** The wrap that it was unwrapped from. */
  readonly from: PreviousWrap;
  /** The primary wrap was broken; the previous one was not. */
  readonly repaired: boolean;
  /** It was unwrapped from the recovery wrap: whether `from` holds the same DEK is unknown. */
  readonly recovered?: true;
}

/** Opens DEKs in rows whose own wraps may no longer open. */
export interface DekOpening {
  /** Called before anything is written; an error ends the run. */
  requireUseful(context: RotationContext): Promise<void>;
  open(context: RotationContext, row: LiveDekRow): Promise<OpenedDek>;
  /** What a failed rewrap means for the DEK of the row; `undefined` where the DEK is not lost. */
  lossOf(context: RotationContext, item: StoredItem, error: unknown): DekLoss | undefined;
}

/** Never from a cache: what is wrapped again must be what was stored. */
export function openDek(context: RotationContext, row: LiveDekRow): Promise<OpenedDek> {
  return context.opening ? context.opening.open(context, row) : openOwnDek(context, row);
}

/** What a rotation and its dry run do with a row in the same way. */
export function rewrapKind(
  context: RotationContext,
  parts: Pick<RowKind<RowOutcome>, 'afterRead' | 'beforeWrite' | 'change'>,
): RowKind<RowOutcome> {
  return {
    ...parts,
    what: 'Rewrapping DEK',
    failed: ({ dekId, item, error }) => {
      const loss = context.opening?.lossOf(context, item, error);
      return { type: 'failed', dekId, error, ...(loss && { loss }) };
    },
    removed: (dekId) => ({ type: 'skipped', dekId, reason: 'removed' }),
    endsRun: (error) => hasCode(error, 'ROTATION_SUPERSEDED'),
  };
}

/** Opens the DEK with the row's own wraps. */
async function openOwnDek(context: RotationContext, row: LiveDekRow): Promise<OpenedDek> {
  try {
    return { bytes: await unwrapFrom(context, row, row), from: primaryWrap(row), repaired: false };
  } catch (error) {
    const { previousWrap } = row;
    if (!previousWrap || !hasCode(error, 'TAMPERED')) throw error;
    const bytes = await unwrapFrom(context, row, previousWrap).catch(() => {
      // The row's outcome reports the failure of its primary wrap.
      throw error;
    });
    return { bytes, from: previousWrap, repaired: true };
  }
}

/**
 * Whether the previous wrap of a row holds its DEK.
 *
 * @throws The provider's failures that say nothing about the wrap.
 */
export async function opensFromPrevious(
  context: RotationContext,
  row: LiveDekRow,
): Promise<boolean> {
  const { previousWrap } = row;
  if (!previousWrap) return false;
  try {
    (await unwrapFrom(context, row, previousWrap)).fill(0);
    return true;
  } catch (error) {
    if (hasCode(error, 'TAMPERED')) return false;
    throw error;
  }
}

/** @param wrap - A wrap of the row's DEK, which need not be the primary one. */
export function unwrapFrom(
  context: RotationContext,
  row: LiveDekRow,
  wrap: PreviousWrap,
): Promise<Uint8Array> {
  return unwrapDekBytes(context, { ...row, ...wrapIn(wrap) }, { signal: context.signal });
}
