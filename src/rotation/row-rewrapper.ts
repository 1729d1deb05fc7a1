/** Moves DEK rows to a rotation's target, one at a time. @module */
import { timestampOf } from '../clock.js';
import { wrapDigest } from '../dek/dek-cache.js';
import { isLive, type DekRow, type LiveDekRow } from '../dek/dek-row.js';
import { unwrapDekBytes } from '../dek/dek-unwrapper.js';
import { wrapDek, type DekWraps } from '../dek/dek-wraps.js';
import { cameBackChanged } from '../dek/mek-round-trip.js';
import { flippedRow, rewrappedRow } from '../dek/rewrapped-row.js';
import { contended, hasCode } from '../errors.js';
import { mekIn } from '../provider/key-wrap.js';
import type { StoredItem } from '../store/dek-store.js';
import { failedOutcome, openDek, opensFromPrevious, type OpenedDek } from './dek-opening.js';
import type { PassStage } from './pass-stages.js';
import type { RowOutcome } from './rewrap-event.js';
import type { Rotation } from './rotation.js';
import type { RotationContext } from './rotation-context.js';
import { decide, idOf, rowAhead, rowIn, type RowChoice, type RowDecision } from './row-decision.js';

/** When a new wrap is unwrapped again before it replaces the old one. */
export type VerifyMode = 'all' | 'first' | 'none';

export interface RowPolicy extends RowChoice {
  readonly verify: VerifyMode;
}

export interface SettledRow {
  readonly outcome: RowOutcome;
  /** Someone else wrote the row in the meantime. */
  readonly lostRace: boolean;
}

const MOST_ATTEMPTS = 8;

export class RowRewrapper {
  readonly #context: RotationContext;
  readonly #rotation: Rotation;
  readonly #policy: RowPolicy;
  #firstVerified: Promise<boolean> | undefined;
  #hasRivals = false;

  constructor(context: RotationContext, rotation: Rotation, policy: RowPolicy) {
    this.#context = context;
    this.#rotation = rotation;
    this.#policy = policy;
  }

  /**
   * What becomes of a row that was read before the record was; when someone else writes it first, it
   * is read again and decided anew.
   *
   * @throws FieldEncryptionError `ROTATION_SUPERSEDED`, and the signal's reason. What is wrong with the
   * row alone is its outcome.
   */
  async settle(item: StoredItem, stage: PassStage = {}): Promise<SettledRow> {
    const dekId = idOf(item);
    let lostRaces = 0;
    try {
      for (let read: StoredItem | undefined = item; read; read = await this.#readAgain(dekId)) {
        const outcome: RowOutcome | undefined = await this.#attempt(read, stage);
        if (outcome) return { outcome, lostRace: lostRaces > 0 };
        lostRaces += 1;
        this.#hasRivals = true;
        if (lostRaces === MOST_ATTEMPTS) throw contended(`Rewrapping DEK ${dekId}`, lostRaces);
      }
      return { outcome: { type: 'skipped', dekId, reason: 'removed' }, lostRace: true };
    } catch (error) {
      if (hasCode(error, 'ROTATION_SUPERSEDED')) throw error;
      this.#context.signal?.throwIfAborted();
      return { outcome: failedOutcome(this.#context, item, error), lostRace: lostRaces > 0 };
    }
  }

  /** `undefined` when the row is no longer as it was read. */
  async #attempt(item: StoredItem, stage: PassStage): Promise<RowOutcome | undefined> {
    const row = rowIn(item, this.#context.product);
    if (!isLive(row)) return { type: 'skipped', dekId: row.id, reason: 'shredded' };
    const decision = decide(row, this.#rotation, this.#policy);
    if (isWork(decision) && stage.isMine?.(row.id) === false) {
      return { type: 'skipped', dekId: row.id, reason: 'other-shard' };
    }
    if (decision === 'rewrap' && !(await this.#isStillMine(row, item.etag, stage)))
      return undefined;
    return this.#move(row, item.etag, decision);
  }

  /** A look at the store, where others may be at the same rows, costs less than a wrap in vain. */
  async #isStillMine({ id }: LiveDekRow, etag: string, stage: PassStage): Promise<boolean> {
    const isCrowded = stage.isShared === true && (!stage.shard || this.#hasRivals);
    return !isCrowded || this.#hasEtag(id, etag);
  }

  async #move(
    row: LiveDekRow,
    etag: string,
    decision: RowDecision,
  ): Promise<RowOutcome | undefined> {
    const { id: dekId } = row;
    const { epoch } = this.#rotation;
    switch (decision) {
      case 'current':
        return { type: 'current', dekId, epochMoved: false };
      case 'other-version':
        return { type: 'skipped', dekId, reason: 'other-version' };
      case 'ahead':
        await this.#rotation.read();
        throw rowAhead(row, epoch);
      case 'move-epoch':
        return (await this.#replace({ ...row, epoch }, etag))
          ? { type: 'current', dekId, epochMoved: true }
          : undefined;
      case 'flip':
        return this.#flip(row, etag);
      case 'rewrap':
        return this.#rewrap(row, etag);
    }
  }

  /** The wrap that makes room is kept in its turn: if the other does not open, it still does. */
  async #flip(row: LiveDekRow, etag: string): Promise<RowOutcome | undefined> {
    const { clock, dekCache } = this.#context;
    const { id: dekId, previousWrap } = row;
    const isBroken =
      this.#policy.rollback?.verifyFlips && !(await opensFromPrevious(this.#context, row));
    if (!previousWrap || isBroken) return this.#rewrap(row, etag);
    dekCache?.requireSameKey(row);
    const { epoch } = this.#rotation;
    const next = flippedRow(row, { previousWrap, epoch, rewrappedAt: timestampOf(clock) });
    if (!(await this.#replace(next, etag))) return undefined;
    dekCache?.rewrapped(next);
    return { type: 'rewrapped', dekId, from: mekIn(row), repaired: false, flipped: true };
  }

  async #rewrap(row: LiveDekRow, etag: string): Promise<RowOutcome | undefined> {
    const { clock, dekCache } = this.#context;
    const { epoch } = this.#rotation;
    const opened = await this.#open(row, etag);
    if (!opened) return undefined;
    const { from, repaired, recovered } = opened;
    const wraps = await this.#wrapAndWipe(opened, row);
    const rewrappedAt = timestampOf(clock);
    // Nothing is kept for a way back that is not known to be one.
    const previousWrap = recovered ? undefined : from;
    const next = rewrappedRow(row, { ...wraps, epoch, rewrappedAt, previousWrap });
    await this.#verify(next);
    if (!(await this.#replace(next, etag))) return undefined;
    dekCache?.rewrapped(next);
    const how = { repaired, flipped: false, ...(recovered && { recovered }) };
    return { type: 'rewrapped', dekId: row.id, from: mekIn(from), ...how };
  }

  /** `undefined` when what does not open is no longer what is stored: one more look before it counts. */
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
    // A recovery wrap that has just proved good is not given up for one that nobody has tried.
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
    // Whoever comes while the first one is under way waits for it, and is the first if it failed.
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

  /** By the commitment, and not by the bytes that were wrapped: those a provider may have changed. */
  async #unwrapAgain(next: LiveDekRow): Promise<void> {
    const { signal } = this.#context;
    try {
      (await unwrapDekBytes(this.#context, next, { signal })).fill(0);
    } catch (error) {
      throw hasCode(error, 'TAMPERED') ? cameBackChanged(next, error) : error;
    }
  }

  /** @returns False when someone else wrote the row first. */
  async #replace(next: LiveDekRow, etag: string): Promise<boolean> {
    // The caller may have paused for long since the page was read.
    await this.#rotation.requireFresh();
    try {
      // Without the signal: once sent, a write is let finish.
      await this.#context.dekStore.replace(next, etag);
      return true;
    } catch (error) {
      // The answer may have been lost after the write.
      if (await this.#isStored(next)) return true;
      if (hasCode(error, 'ETAG_MISMATCH')) return false;
      throw error;
    }
  }

  async #isStored(next: LiveDekRow): Promise<boolean> {
    try {
      const item = await this.#context.dekStore.get(next.id);
      return item !== undefined && isSameWrite(rowIn(item, next.product), next);
    } catch {
      // The failure that led here is the one to report.
      return false;
    }
  }

  async #hasEtag(dekId: string, etag: string): Promise<boolean> {
    try {
      return (await this.#context.dekStore.get(dekId))?.etag === etag;
    } catch {
      // The failure that led here is the one to report.
      return true;
    }
  }

  async #readAgain(dekId: string): Promise<StoredItem | undefined> {
    const { dekStore, signal } = this.#context;
    const item = await dekStore.get(dekId, { signal });
    await this.#rotation.read();
    return item;
  }
}

/** Whether a row is to be written. */
function isWork(decision: RowDecision): boolean {
  return decision !== 'current' && decision !== 'other-version' && decision !== 'ahead';
}

function isSameWrite(stored: DekRow, next: LiveDekRow): boolean {
  return (
    isLive(stored) &&
    stored.epoch === next.epoch &&
    stored.rewrappedAt === next.rewrappedAt &&
    wrapDigest(stored) === wrapDigest(next)
  );
}
