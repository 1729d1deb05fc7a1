/** Returns the DEK that seals a scope to writers, under a row that is fresh enough to act on. @module */
import { elapsedMs, momentOf, type Moment } from '../async/clock.js';
import { contended } from '../errors/errors.js';
import type { DekCreator, WantedDek } from './dek-creator.js';
import { dekNotFound } from './dek-loader.js';
import type { DekServices } from './dek-services.js';
import type { Dek, ShredToken } from './dek.js';
import { requireCredible } from './dek-bounds.js';
import { parseDekRow, type ActiveDekRow } from '../format/dek-row.js';
import {
  generationIn,
  highestCredibleGeneration,
  scopeIdIn,
  type KeyScope,
} from '../format/key-scope.js';
import { isSealable, type SealableListing } from './scope-rows.js';
import { SingleFlight } from '../async/abort.js';

/** A DEK that may seal until `fenceTtlMs` after its row was read. */
export interface SealingDek {
  readonly dek: Dek;
  /** From the row as last read: the hint in each envelope. */
  readonly mekVersion: string;
  readonly rowReadAt: Moment;
  readonly fenceTtlMs: number;
}

interface SealingParts extends Omit<DekServices, 'sealing' | 'tokens'> {
  readonly creator: DekCreator;
}

interface OutgrowOptions {
  /** Receives the highest credible generation. */
  readonly named: (mostCredible: number) => string | undefined;
  readonly signal: AbortSignal | undefined;
}

const MOST_ATTEMPTS = 4;

export class SealingDeks {
  readonly #parts: SealingParts;
  readonly #preparing = new SingleFlight<SealingDek, ShredToken>();

  constructor(parts: SealingParts) {
    this.#parts = parts;
  }

  /** Without any read, if record, row and DEK are in memory and fresh. */
  ready({ scopeId }: KeyScope): SealingDek | undefined {
    const now = momentOf(this.#parts.context.clock);
    const known = this.#sealable(scopeId, now);
    if (!known) return undefined;
    const { listing, fenceTtlMs } = known;
    const dek = this.#parts.context.dekCache.get(listing.active.id, now);
    if (dek?.commitment !== listing.active.commitment) return undefined;
    return sealingDek(dek, listing, fenceTtlMs);
  }

  /** Whether what is sealed now gets a DEK of at least this one's generation. Reads and publishes nothing. */
  hasReached({ scopeId }: KeyScope, dekId: string): boolean {
    const known = this.#sealable(scopeId, momentOf(this.#parts.context.clock));
    return known !== undefined && known.listing.active.generation >= generationIn(dekId);
  }

  /**
   * Reads what is missing or stale, and creates the scope's first DEK. Callers for one scope share this work;
   * callers after a shred do not join work from before it.
   *
   * @param token - As the call took it when it began.
   * @throws FieldEncryptionError `DEK_SHREDDED` where the scope was shredded since.
   */
  prepare(scope: KeyScope, token: ShredToken): Promise<SealingDek> {
    return this.#preparing.run(token, () => this.#prepare(scope, token));
  }

  /**
   * Creates the scope's next DEK, unless it has a wanted one: everything is sealed under it from then on.
   *
   * @param token - As for {@link SealingDeks.prepare}.
   */
  async renew(scope: KeyScope, token: ShredToken, wanted: WantedDek): Promise<void> {
    await this.#parts.creator.create(scope, token, await this.#parts.scopeRows.read(token), wanted);
  }

  /**
   * Creates a next DEK where the scope has no generation as high as one that a stored document names: its row
   * is lost, and its id stays free in case the row is restored.
   *
   * @param token - As for {@link SealingDeks.prepare}.
   * @throws TamperedError where the generation is higher than is credible.
   */
  async outgrow(
    scope: KeyScope,
    token: ShredToken,
    { named, signal }: OutgrowOptions,
  ): Promise<void> {
    const { record } = await this.#parts.records.fresh();
    const dekId = named(highestCredibleGeneration(record.generationFloor));
    if (dekId === undefined) return;
    const generation = generationIn(dekId);
    const known = this.#parts.scopeRows.fresh(scope.scopeId, record.fenceTtlMs);
    if (known && known.highestGeneration >= generation) return;
    const listing = await this.#parts.scopeRows.read(token);
    if (listing.highestGeneration >= generation) return;
    requireCredible({ id: dekId, generation }, record);
    if (!(await this.#isLost(dekId, signal))) return;
    signal?.throwIfAborted();
    const isWanted = (row: ActiveDekRow): boolean => row.generation > generation;
    await this.#parts.creator.create(scope, token, listing, { isWanted, above: generation });
  }

  /**
   * For a document that a caller passes, which raises no generation.
   *
   * @throws FieldEncryptionError `DEK_NOT_FOUND` where the scope does not have the DEK, and might give its id
   *   to another one.
   */
  async requireNotLost(token: ShredToken, dekId: string, signal?: AbortSignal): Promise<void> {
    const { highestGeneration } = await this.#parts.scopeRows.read(token);
    if (highestGeneration >= generationIn(dekId)) return;
    if (!(await this.#isLost(dekId, signal))) return;
    throw dekNotFound(dekId);
  }

  /** Reads from the store, not from a cache, and again once its reads cannot lag any more. */
  async #isLost(dekId: string, signal: AbortSignal | undefined): Promise<boolean> {
    const { dekStore, clock } = this.#parts.context;
    if (await dekStore.get(dekId, { signal })) return false;
    const lagMs = await dekStore.readLagMs({ signal });
    if (lagMs === 0) return true;
    await clock.sleep(lagMs, signal);
    return !(await dekStore.get(dekId, { signal }));
  }

  /**
   * Whether sealed values are valid, now that their write was acknowledged. Within the fence no read is
   * needed; after it the DEK may have been retired, or shredded by another process, before the write landed.
   *
   * @throws FieldEncryptionError `DEK_SHREDDED` where this process shredded the scope during the read.
   */
  async isStillGood(
    { dek, rowReadAt, fenceTtlMs }: SealingDek,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const { clock, dekStore, dekCache } = this.#parts.context;
    if (elapsedMs(clock, rowReadAt) < fenceTtlMs) return true;
    const item = await dekStore.get(dek.id, { signal });
    dek.token.throwIfShredded();
    if (item && parseDekRow(item.value, dek.id).state === 'active') return true;
    dekCache.invalidate(dek.id);
    this.#parts.scopeRows.forget(scopeIdIn(dek.id));
    return false;
  }

  /** Values that are fresh by the record's fence. */
  #sealable(scopeId: string, now: Moment) {
    const copy = this.#parts.records.freshCopy(now);
    if (!copy) return undefined;
    const { fenceTtlMs } = copy.record;
    const listing = this.#parts.scopeRows.fresh(scopeId, fenceTtlMs, now);
    return listing && isSealable(listing) ? { listing, fenceTtlMs } : undefined;
  }

  async #prepare(scope: KeyScope, token: ShredToken): Promise<SealingDek> {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const copy = await this.#parts.records.fresh();
      const { fenceTtlMs } = copy.record;
      const known =
        this.#parts.scopeRows.fresh(scope.scopeId, fenceTtlMs) ??
        (await this.#parts.scopeRows.read(token));
      await this.#parts.records.followed(copy);
      const listing = await this.#parts.creator.create(scope, token, known);
      const dek = await this.#parts.loader.loadRow(listing.active, token);
      // The answer may be late, or the fence may have changed: no process acts on a stale record.
      const fenceMs = this.#parts.records.freshCopy()?.record.fenceTtlMs ?? 0;
      if (this.#parts.scopeRows.isFresh(listing, fenceMs)) return sealingDek(dek, listing, fenceMs);
    }
    throw contended(`Reading a row of scope ${scope.scopeId} within the fence`, MOST_ATTEMPTS);
  }
}

function sealingDek(dek: Dek, { active, readAt }: SealableListing, fenceTtlMs: number): SealingDek {
  return { dek, mekVersion: active.mekVersion, rowReadAt: readAt, fenceTtlMs };
}
