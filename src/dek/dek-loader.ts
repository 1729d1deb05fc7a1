/** Finds the DEKs that open envelopes: in the cache, else in the store. @module */
import { FieldEncryptionError, hasCode, KeyProviderError } from '../errors/errors.js';
import { describeMek, isLive, parseDekRow, type LiveDekRow } from '../format/dek-row.js';
import { mapConcurrently, type MapConcurrentlyOptions } from '../async/concurrency.js';
import type { StoredItem } from '../store/dek-store.js';
import { untilAborted } from '../async/abort.js';
import { wrapDigest, type UnwrappedDek } from './dek-cache.js';
import type { DekContext } from './dek-services.js';
import { type Dek, type ShredToken, shredTokensOf, type ShredTokens } from './dek.js';
import { unwrapDek } from './dek-wraps.js';
import { scopeIdIn } from '../format/key-scope.js';
import type { LateAnswer, RowsById } from './late-rows.js';
import type { RowChecks } from './scope-rows.js';

/** A DEK, or why it could not be loaded. */
export type DekOutcome =
  { readonly ok: true; readonly dek: Dek } | { readonly ok: false; readonly error: unknown };

export class DekLoader {
  readonly #context: DekContext;
  readonly #checks: Pick<RowChecks, 'bound'> & Partial<RowChecks>;
  readonly #tokens: ShredTokens;

  /**
   * @param checks - For rows of another store, such as a backup: without `epochs`, which say nothing about
   *   this store, and without `late`, as no DEK is created there.
   */
  constructor(context: DekContext, checks: Pick<RowChecks, 'bound'> & Partial<RowChecks>) {
    this.#context = context;
    this.#checks = checks;
    this.#tokens = shredTokensOf(context.dekStore);
  }

  /**
   * @throws FieldEncryptionError `DEK_NOT_FOUND` or `DEK_SHREDDED`; TamperedError; errors of the store or the
   *   provider. A failed read never counts as "absent".
   */
  async load(dekId: string): Promise<Dek> {
    const token = this.#tokens.of(scopeIdIn(dekId));
    return this.#getOrLoad(dekId, token, async () => {
      await this.#checks.bound.require(dekId);
      return this.#liveRow(await this.#read(dekId), dekId);
    });
  }

  /**
   * Returns the DEK of a row that was just read: unwrapped only if the cache does not hold it.
   *
   * @param token - Taken before the row was read.
   */
  async loadRow(row: LiveDekRow, token: ShredToken): Promise<Dek> {
    const { dekCache } = this.#context;
    if (dekCache.peek(row.id)) dekCache.rewrapped(row);
    const dek = await this.#getOrLoad(row.id, token, () => Promise.resolve(row));
    // A joined load may have read the row before it was changed.
    dekCache.requireCommitted(dek, row);
    return dek;
  }

  /** Loads many: one bulk read for DEKs that are not in the cache, then concurrent unwraps. */
  async loadMany(
    dekIds: ReadonlySet<string>,
    options: MapConcurrentlyOptions,
  ): Promise<ReadonlyMap<string, DekOutcome>> {
    const ids = [...dekIds];
    const cold = ids.filter((dekId) => !this.#context.dekCache.peek(dekId));
    const loadOne = this.#bulkLoader(cold);
    const load = async (dekId: string): Promise<DekOutcome> => {
      try {
        return { ok: true, dek: await loadOne(dekId) };
      } catch (error) {
        return { ok: false, error };
      }
    };
    const outcomes = await untilAborted(mapConcurrently(ids, load, options), options.signal);
    return new Map(ids.map((dekId, index) => [dekId, outcomes[index] as DekOutcome]));
  }

  /** Returns how each DEK is loaded: the rows of those that are not in the cache are read together. */
  #bulkLoader(cold: readonly string[]): (dekId: string) => Promise<Dek> {
    if (cold.length < 2) return (dekId) => this.load(dekId);
    const { dekCache } = this.#context;
    // Both are taken before the rows are read.
    const tokens = new Map(cold.map((dekId) => [dekId, this.#tokens.of(scopeIdIn(dekId))]));
    const { invalidations } = dekCache;
    // Without the caller's signal: other callers may wait for these loads too, and must not be aborted with
    // it.
    const reading = this.#readMany(cold);
    // Each load awaits it; without this, a failure before the first load would be unhandled.
    reading.catch(() => undefined);
    return async (dekId) => {
      const token = tokens.get(dekId);
      // A DEK that was invalidated since may be the next one: it is read again.
      if (!token || invalidations !== dekCache.invalidations) return this.load(dekId);
      return this.#getOrLoad(dekId, token, async () => {
        await this.#checks.bound.require(dekId);
        const itemOf = await reading;
        return this.#liveRow(await itemOf(dekId), dekId);
      });
    };
  }

  #getOrLoad(dekId: string, token: ShredToken, rowOf: () => Promise<LiveDekRow>): Promise<Dek> {
    const { dekCache } = this.#context;
    token.throwIfShredded();
    // Before the load: a load that is in flight when the scope is shredded must not be joined after it.
    token.watch(dekCache, dekId);
    return dekCache.getOrLoad(dekId, async () => this.#unwrap(await rowOf(), token));
  }

  async #read(dekId: string): Promise<StoredItem | undefined> {
    const { clock, dekStore } = this.#context;
    const sentMs = clock.monotonicMs();
    const item = await dekStore.get(dekId);
    if (item || !this.#checks.late) return item;
    const read = async (): Promise<RowsById> => {
      const again = await dekStore.get(dekId);
      return new Map(again ? [[dekId, again]] : []);
    };
    const late = await this.#checks.late.find({ dekIds: [dekId], sentMs, read });
    return late(dekId);
  }

  async #readMany(
    dekIds: readonly string[],
  ): Promise<(dekId: string) => Promise<StoredItem | undefined>> {
    const { clock, dekStore } = this.#context;
    const sentMs = clock.monotonicMs();
    const shown = await dekStore.getMany(dekIds);
    const missing = dekIds.filter((dekId) => !shown.has(dekId));
    const read = (ids: readonly string[]): Promise<RowsById> => dekStore.getMany(ids);
    let late: Promise<LateAnswer> | undefined;
    return async (dekId) => {
      const item = shown.get(dekId);
      if (item || !this.#checks.late) return item;
      // One wait for all rows that did not appear.
      late ??= this.#checks.late.find({ dekIds: missing, sentMs, read });
      return (await late)(dekId);
    };
  }

  #liveRow(item: StoredItem | undefined, dekId: string): LiveDekRow {
    const row = liveRow(item, dekId);
    if (item) this.#checks.epochs?.addRow(row, item);
    return row;
  }

  /** Reads a row again, once, when its MEK refuses it: another process may have rewrapped it. */
  async #unwrap(row: LiveDekRow, token: ShredToken): Promise<UnwrappedDek> {
    try {
      return { dek: await unwrapDek(this.#context, row, token), row };
    } catch (error) {
      if (!hasCode(error, 'MEK_DISABLED', 'MEK_VERSION_UNKNOWN', 'TAMPERED')) throw error;
      const again = this.#liveRow(await this.#read(row.id), row.id);
      if (wrapDigest(again) === wrapDigest(row)) throw leftBehind(row, error);
      return { dek: await unwrapDek(this.#context, again, token), row: again };
    }
  }
}

/** Only the operator can restore a MEK version that was disabled while rows need it. */
function leftBehind(row: LiveDekRow, cause: unknown): unknown {
  if (!(cause instanceof KeyProviderError)) return cause;
  return new KeyProviderError(
    cause.code,
    `DEK ${row.id} is still wrapped by the MEK ${describeMek(row)}, which cannot be used: enable or configure that version again, then rewrap the remaining rows with rewrapAllDeks`,
    { cause, retryable: cause.retryable, dekId: row.id },
  );
}

function liveRow(item: StoredItem | undefined, dekId: string): LiveDekRow {
  if (item === undefined) throw dekNotFound(dekId);
  if (item.error) throw item.error;
  const row = parseDekRow(item.value, dekId);
  if (isLive(row)) return row;
  throw new FieldEncryptionError(
    'DEK_SHREDDED',
    `DEK ${dekId} was shredded at ${row.shreddedAt}: the data that it sealed cannot be read any more`,
    { dekId },
  );
}

export function dekNotFound(dekId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEK_NOT_FOUND',
    `DEK ${dekId} is not in the store: restore its row from a backup, and do not overwrite the document before the row is restored or accepted as lost`,
    { dekId },
  );
}
