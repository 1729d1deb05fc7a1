/** Imports one DEK row from a copy of the store. @module */
import { timestampOf } from '../async/clock.js';
import { GenerationBound } from '../dek/dek-bounds.js';
import { wrapDek } from '../dek/dek-wraps.js';
import { type ShredToken, type ShredTokens, shredTokensOf } from '../dek/dek.js';
import type { RecordCopy } from '../dek/record-reader.js';
import { FieldEncryptionError, hasCode } from '../errors/errors.js';
import {
  type DekRow,
  isLive,
  isSameMek,
  type LiveDekRow,
  mekIn,
  primaryWrap,
  retiredRow,
  rewrappedRow,
} from '../format/dek-row.js';
import { alteredItem, requireNoMac } from '../format/item-shape.js';
import { generationIn } from '../format/key-scope.js';
import { rowAhead } from '../rotation/rotation.js';
import {
  changeRow,
  dekRowPages,
  idOf,
  isStored,
  requireOpens,
  rowIn,
  type RowKind,
  unwrapRow,
} from '../run/change-row.js';
import type { Settled } from '../run/passes.js';
import { freshRecord } from '../run/rotation-record.js';
import type { RunContext } from '../run/run-context.js';
import type { FailedRowEvent, OutcomeOf, RowEvent } from '../run/run-event.js';
import { tryWrite, untilDone } from '../store/compare-and-set.js';
import type { StoredItem } from '../store/dek-store.js';
import { type CopiedRow, type CopiedRows, scopeFilter } from './copied-rows.js';

/** `would-change` only in a dry run, `changed` only outside one. */
export interface ImportedRowEvent extends RowEvent {
  readonly type: 'changed' | 'would-change';
  /** `'shredded'`: a tombstone, so that the id of the DEK is never used again. */
  readonly state: DekRow['state'];
}

export interface SkippedImportEvent extends RowEvent {
  readonly type: 'skipped';
  /**
   * What the store already has. `'present'`: the row. `'other-dek'`: a row with this id and another DEK.
   * `'shredded'`: a tombstone, of this row or of a later generation of its scope. `'unreadable'`: a row that
   * cannot be read.
   */
  readonly reason: 'other-dek' | 'present' | 'shredded' | 'unreadable';
}

export type ImportRowEvent = FailedRowEvent | ImportedRowEvent | SkippedImportEvent;

type Outcome = OutcomeOf<ImportRowEvent>;

type SkipReason = SkippedImportEvent['reason'];

export class RowImport {
  readonly #context: RunContext;
  readonly #rows: CopiedRows;
  readonly #bound: GenerationBound;
  readonly #tokens: ShredTokens;

  constructor(context: RunContext, rows: CopiedRows) {
    this.#context = context;
    this.#rows = rows;
    this.#bound = new GenerationBound(context.records);
    this.#tokens = shredTokensOf(context.dekStore);
  }

  /** @throws The signal's reason. A failure of the row is its outcome. */
  async settle(item: CopiedRow): Promise<Settled<Outcome>> {
    const { dekId } = item;
    try {
      return { outcome: await this.#import(item), lostRace: false };
    } catch (error) {
      this.#context.signal?.throwIfAborted();
      return { outcome: { type: 'failed', dekId, error }, lostRace: false };
    }
  }

  async #import({ dekId, copied, present }: CopiedRow): Promise<Outcome> {
    const reason = present && this.#whatIs(present, copied);
    if (reason && reason !== 'unreadable') return skipped(dekId, reason);
    if (!copied) throw notInCopy(dekId);
    const row = this.#rowIn(copied, dekId);
    if (reason) return this.#besideUnreadable(row);
    await this.#bound.require(dekId);
    // Taken before the scope is read: a shred of this process ends an import that began before it.
    const token = this.#tokens.of(row.scopeId);
    const later = await this.#laterGeneration(row);
    if (later === 'shredded' && !this.#rows.isNamed(dekId)) return skipped(dekId, later);
    requireNoMac(row, `DEK row ${dekId}`);
    const { next, record } = await this.#prepared(row, later === 'live');
    const { state } = next;
    if (this.#context.request.dryRun) return { type: 'would-change', dekId, state };
    if (!(await this.#create(next, token)))
      return skipped(dekId, await this.#whatIsNow(row, copied));
    await this.#keepUp(next, record);
    return { type: 'changed', dekId, state };
  }

  /** The item in the store is then deleted by hand: not before the row of the copy is known to open. */
  async #besideUnreadable(row: DekRow): Promise<Outcome> {
    requireNoMac(row, `DEK row ${row.id}`);
    if (isLive(row)) await requireOpens(this.#context, row);
    return skipped(row.id, 'unreadable');
  }

  #rowIn(item: StoredItem, dekId: string): DekRow {
    const row = rowIn(item, this.#context.product);
    if (row.id !== dekId) throw alteredItem(`DEK row ${dekId}`, 'id');
    return row;
  }

  #whatIs(present: StoredItem, copied: StoredItem | undefined): SkipReason {
    const { product } = this.#context;
    const row = readable(present, product);
    if (!row) return 'unreadable';
    if (!isLive(row)) return 'shredded';
    const other = copied && readable(copied, product);
    const isSame = !other || !isLive(other) || other.commitment === row.commitment;
    return isSame ? 'present' : 'other-dek';
  }

  /** A lagging read may still not show what took the id. */
  async #whatIsNow({ id }: DekRow, copied: StoredItem): Promise<SkipReason> {
    const { dekStore, signal } = this.#context;
    const present = (await dekStore.getMany([id], { signal })).get(id);
    return present ? this.#whatIs(present, copied) : 'present';
  }

  /** Whether the store has a later generation of the scope; a tombstone counts most. */
  async #laterGeneration({
    scopeId,
    generation,
  }: DekRow): Promise<'live' | 'shredded' | undefined> {
    const { dekStore, product, signal } = this.#context;
    let isAnyLive = false;
    for await (const items of dekRowPages(dekStore, scopeFilter(product, scopeId), signal)) {
      const later = items.filter((item) => generationIn(idOf(item)) > generation);
      for (const item of later) {
        const row = readable(item, product);
        if (row?.state === 'shredded') return 'shredded';
        isAnyLive ||= row !== undefined;
      }
    }
    return isAnyLive ? 'live' : undefined;
  }

  /** The row to create. A wrap may take longer than a writer may use the record that names its target. */
  async #prepared(
    row: DekRow,
    isReplaced: boolean,
  ): Promise<{ readonly next: DekRow; readonly record: RecordCopy }> {
    const bytes = isLive(row) ? await unwrapRow(this.#context, row) : undefined;
    try {
      return await untilDone(`Wrapping DEK ${row.id} under a fresh rotation record`, async () => {
        const record = await this.#recordFor(row);
        const wrapped = isLive(row) && bytes ? await this.#underTarget(row, bytes, record) : row;
        const now = await freshRecord(this.#context);
        if (now.etag !== record.etag) return undefined;
        return { next: this.#nextRow(wrapped, record, isReplaced), record: now };
      });
    } finally {
      bytes?.fill(0);
    }
  }

  /** With a wrap of the record's target, so that a complete rotation stays complete. */
  async #underTarget(
    row: LiveDekRow,
    bytes: Uint8Array,
    { record }: RecordCopy,
  ): Promise<LiveDekRow> {
    const { request, clock, providers, recoveryKey, signal } = this.#context;
    if (isSameMek(row, record) || request.dryRun) return row;
    const wrapRequest = { dekId: row.id, mek: mekIn(record), kept: row.recoveryWrap, signal };
    const wraps = await wrapDek({ providers, recoveryKey }, bytes, wrapRequest);
    const rewrappedAt = timestampOf(clock);
    const previousWrap = primaryWrap(row);
    const next = rewrappedRow(row, { ...wraps, epoch: record.epoch, rewrappedAt, previousWrap });
    await requireOpens(this.#context, next);
    return next;
  }

  /** A DEK that a later one has replaced opens, and must not seal again. */
  #nextRow(row: DekRow, { record }: RecordCopy, isReplaced: boolean): DekRow {
    const next = { ...row, epoch: record.epoch };
    if (!isReplaced || next.state !== 'active') return next;
    return retiredRow(next, timestampOf(this.#context.clock));
  }

  /**
   * Returns a fresh copy of the record.
   *
   * @throws FieldEncryptionError `ROTATION_RECORD_BEHIND` where the row is above it.
   */
  async #recordFor(row: DekRow): Promise<RecordCopy> {
    const { records } = this.#context;
    const copy = await freshRecord(this.#context);
    if (row.epoch <= copy.record.epoch) return copy;
    const later = await records.readForRow(row);
    if (later && row.epoch <= later.record.epoch) return later;
    throw rowAhead(row, copy.record.epoch);
  }

  /** @returns False where the id is taken. */
  async #create(next: DekRow, token: ShredToken): Promise<boolean> {
    const { dekStore, signal } = this.#context;
    signal?.throwIfAborted();
    token.throwIfShredded();
    // Without the signal: a write that was sent is always awaited.
    const create = (): Promise<unknown> => dekStore.create(next);
    const write = async (): Promise<boolean> => {
      try {
        await (isLive(next) ? this.#tokens.creating(next, create) : create());
        return true;
      } catch (error) {
        if (hasCode(error, 'ALREADY_EXISTS')) return false;
        throw error;
      }
    };
    return (await tryWrite(write, () => isStored(dekStore, next))) === true;
  }

  /** A create that was answered after its copy of the record became stale may have landed in a later epoch. */
  async #keepUp({ id: dekId }: DekRow, copy: RecordCopy): Promise<void> {
    const { dekStore, records, signal } = this.#context;
    if (records.isFresh(copy)) return;
    const item = await dekStore.get(dekId, { signal });
    if (!item) return;
    const { outcome } = await changeRow<Outcome>(this.#context, epochMove(this.#context), item);
    if (outcome.type === 'failed') throw outcome.error;
  }
}

/** Moves a row on the target to the epoch of the record; any other is left to the rotation that has begun. */
function epochMove(context: RunContext): RowKind<Outcome> {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    what: 'Moving the epoch of DEK',
    change: async (row) => {
      const { record } = await freshRecord(context);
      const { epoch } = record;
      const outcome = { type: 'changed', dekId: row.id, state: row.state } as const;
      const isOnTarget = !isLive(row) || isSameMek(row, record);
      return isOnTarget && row.epoch < epoch ? { outcome, next: { ...row, epoch } } : { outcome };
    },
    failed: ({ dekId, error }) => ({ type: 'failed', dekId, error }),
    removed: (dekId) => skipped(dekId, 'present'),
    afterRead: nothing,
    beforeWrite: nothing,
    endsRun: () => false,
  };
}

function skipped(dekId: string, reason: SkipReason): Outcome {
  return { type: 'skipped', dekId, reason };
}

function readable(item: StoredItem, product: string): DekRow | undefined {
  try {
    return rowIn(item, product);
  } catch {
    return undefined;
  }
}

function notInCopy(dekId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEK_NOT_FOUND',
    `DEK ${dekId} is not in the copy that "from" reads: pass a copy from a time when the row existed`,
    { dekId },
  );
}
