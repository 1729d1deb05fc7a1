/** Moves DEK rows to a rotation's target, one at a time. @module */
import { timestampOf } from '../clock.js';
import { wrapDigest } from '../dek/dek-cache.js';
import { isLive, type DekRow, type LiveDekRow } from '../dek/dek-row.js';
import { unwrapDekBytes } from '../dek/dek-unwrapper.js';
import { cameBackChanged } from '../dek/mek-round-trip.js';
import { rewrappedRow } from '../dek/rewrapped-row.js';
import { contended, hasCode } from '../errors.js';
import { mekIn, type KeyWrap } from '../provider/key-wrap.js';
import type { StoredItem } from '../store/dek-store.js';
import { openDek, type OpenedDek } from './dek-opening.js';
import type { PassStage } from './pass-stages.js';
import type { RowOutcome } from './rewrap-event.js';
import type { Rotation } from './rotation.js';
import type { RotationContext } from './rotation-context.js';
import { decide, idOf, rowAhead, rowIn, type RowDecision } from './row-decision.js';

/** When a new wrap is unwrapped again before it replaces the old one. */
export type VerifyMode = 'all' | 'first' | 'none';

export interface RowPolicy {
  readonly sourceVersion: string | undefined;
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
  #hasVerified = false;
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
      return { outcome: { type: 'failed', dekId, error }, lostRace: lostRaces > 0 };
    }
  }

  /** `undefined` when the row is no longer as it was read. */
  async #attempt(item: StoredItem, stage: PassStage): Promise<RowOutcome | undefined> {
    const row = rowIn(item, this.#context.product);
    if (!isLive(row)) return { type: 'skipped', dekId: row.id, reason: 'shredded' };
    const decision = decide(row, this.#rotation, this.#policy.sourceVersion);
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
      case 'rewrap':
        return this.#rewrap(row, etag);
    }
  }

  async #rewrap(row: LiveDekRow, etag: string): Promise<RowOutcome | undefined> {
    const { clock, dekCache } = this.#context;
    const { epoch } = this.#rotation;
    const opened = await this.#open(row, etag);
    if (!opened) return undefined;
    const { bytes, from, repaired } = opened;
    const wrap = await this.#wrapAndWipe(bytes, row);
    const rewrappedAt = timestampOf(clock);
    const next = rewrappedRow(row, { wrap, epoch, rewrappedAt, previousWrap: from });
    await this.#verify(next);
    if (!(await this.#replace(next, etag))) return undefined;
    dekCache?.rewrapped(next);
    return { type: 'rewrapped', dekId: row.id, from: mekIn(from), repaired };
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

  async #wrapAndWipe(bytes: Uint8Array, row: LiveDekRow): Promise<KeyWrap> {
    const { providers, signal, dekCache } = this.#context;
    try {
      dekCache?.requireSameKey(row);
      return await providers.wrap(bytes, this.#rotation.target, { signal });
    } finally {
      bytes.fill(0);
    }
  }

  /** By the commitment, and not by the bytes that were wrapped: those a provider may have changed. */
  async #verify(next: LiveDekRow): Promise<void> {
    const { signal } = this.#context;
    const { verify } = this.#policy;
    if (verify === 'none' || (verify === 'first' && this.#hasVerified)) return;
    try {
      (await unwrapDekBytes(this.#context, next, { signal })).fill(0);
    } catch (error) {
      throw hasCode(error, 'TAMPERED') ? cameBackChanged(next, error) : error;
    }
    this.#hasVerified = true;
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
