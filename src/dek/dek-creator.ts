/** Creates the next DEK of a scope, and its row. @module */
import { untilDone } from '../store/compare-and-set.js';
import { momentOf, timestampOf, readUntilShown } from '../async/clock.js';
import { FieldEncryptionError, hasCode, TamperedError } from '../errors/errors.js';
import type { DekServices } from './dek-services.js';
import type { RecordCopy } from './record-reader.js';
import type { RotationRecord } from '../format/rotation-record.js';
import type { StoredItem } from '../store/dek-store.js';
import { Dek, type ShredToken } from './dek.js';
import type { ActiveDekRow } from '../format/dek-row.js';
import { wrapDek } from './dek-wraps.js';
import { dekIdOf, highestCredibleGeneration, type KeyScope } from '../format/key-scope.js';
import { keepUpWithRotation } from './new-row-rotation.js';
import type { RowItem } from './scope-shredder.js';
import { isSealable, type ScopeListing, type SealableListing } from './scope-rows.js';

/** Which active row is sufficient; the next generation is created where the scope has none. */
export interface WantedDek {
  readonly isWanted: (row: ActiveDekRow) => boolean;
  /** The generation must be above this one, even if the store no longer has its row. */
  readonly above: number;
}

const ANY_DEK: WantedDek = { isWanted: () => true, above: 0 };

type CreatorParts = Omit<DekServices, 'loader' | 'sealing'>;

export class DekCreator {
  readonly #parts: CreatorParts;

  constructor(parts: CreatorParts) {
    this.#parts = parts;
  }

  /**
   * Returns the scope with a wanted active row: an existing one, a new one, or that of another creator that
   * was faster.
   *
   * @param token - As the call took it when it began.
   * @param listing - The scope as read before.
   * @throws FieldEncryptionError `DEK_SHREDDED` where the scope was shredded since the call began.
   */
  async create(
    scope: KeyScope,
    token: ShredToken,
    listing: ScopeListing,
    wanted: WantedDek = ANY_DEK,
  ): Promise<SealableListing> {
    let known = listing;
    return untilDone(`Creating a DEK of scope ${scope.scopeId}`, async () => {
      if (isSealable(known) && wanted.isWanted(known.active)) return known;
      const created = await this.#tryCreate(scope, token, known, wanted.above);
      if (typeof created === 'object') return created;
      known = await this.#listAgain(token, created ?? 0);
      return undefined;
    });
  }

  /** A listing may show another creator's row late: the row is waited for, and its id not tried again. */
  async #listAgain(token: ShredToken, taken: number): Promise<ScopeListing> {
    const { clock, dekStore } = this.#parts.context;
    const startMs = clock.monotonicMs();
    const { scopeId } = token;
    const list = (): Promise<ScopeListing> => {
      this.#parts.scopeRows.forget(scopeId);
      return this.#parts.scopeRows.read(token);
    };
    const known = await list();
    if (known.highestGeneration >= taken) return known;
    const lagMs = await dekStore.readLagMs();
    if (lagMs === 0) return known;
    const show = async (): Promise<ScopeListing | undefined> => {
      const listing = await list();
      return listing.highestGeneration >= taken ? listing : undefined;
    };
    const shown = await readUntilShown(show, { clock, endMs: startMs + lagMs });
    if (shown) return shown;
    throw notShown(dekIdOf(scopeId, taken), lagMs);
  }

  /** Returns the generation that another creator took; `undefined` when the record became stale meanwhile. */
  async #tryCreate(
    scope: KeyScope,
    token: ShredToken,
    known: ScopeListing,
    above: number,
  ): Promise<SealableListing | number | undefined> {
    const { product, dekCache, clock } = this.#parts.context;
    const wrappedBy = await this.#parts.records.fresh();
    const { record } = wrappedBy;
    const generation = nextGeneration(scope.scopeId, record, known.highestGeneration, above);
    const dek = Dek.generate(product, dekIdOf(scope.scopeId, generation), {
      unwrappedAt: momentOf(clock),
      token,
    });
    const row = await this.#newRow(scope, generation, dek, record);
    // Checked last before the create: a rotation may have begun while the key was being wrapped.
    const copy = await this.#stillFollowed(wrappedBy);
    if (!copy) return undefined;
    token.throwIfShredded();
    const readAt = momentOf(clock);
    const written = await this.#write(row);
    if (!written) return generation;
    const moving = { dek, written, copy };
    const active = await keepUpWithRotation(this.#parts, moving);
    if (!active) return undefined;
    dekCache.put({ dek, row: active });
    const created = {
      active,
      live: [active, ...known.live],
      highestGeneration: generation,
      readAt,
      token,
    };
    this.#parts.scopeRows.put(created);
    return created;
  }

  /**
   * The record that a row was created with, read again where the wrap took so long that the copy is stale; `undefined`
   * where another one has replaced it. A wrap may wait in a queue for longer than any copy may be used.
   */
  async #stillFollowed(copy: RecordCopy): Promise<RecordCopy | undefined> {
    if (this.#parts.records.isFresh(copy)) return copy;
    const now = await this.#parts.records.fresh();
    return now.etag === copy.etag && this.#parts.records.isFresh(now) ? now : undefined;
  }

  /** `undefined` when another creator took the id. */
  async #write(row: ActiveDekRow): Promise<RowItem<ActiveDekRow> | undefined> {
    try {
      const create = (): Promise<StoredItem> => this.#parts.context.dekStore.create(row);
      const { etag } = await this.#parts.tokens.creating(row, create);
      return { row, etag };
    } catch (error) {
      if (hasCode(error, 'ALREADY_EXISTS')) return undefined;
      throw error;
    }
  }

  async #newRow(
    scope: KeyScope,
    generation: number,
    dek: Dek,
    { epoch, keyProvider, mekName, mekVersion }: RotationRecord,
  ): Promise<ActiveDekRow> {
    const { product, clock } = this.#parts.context;
    const mek = { keyProvider, mekName, mekVersion };
    const wraps = await dek.lend((bytes) =>
      wrapDek(this.#parts.context, bytes, { dekId: dek.id, mek }),
    );
    return {
      id: dek.id,
      scopeId: scope.scopeId,
      scopeKind: scope.kind,
      scope: scope.parts,
      type: 'dek',
      schema: 1,
      product,
      generation,
      state: 'active',
      ...wraps.wrap,
      epoch,
      commitment: dek.commitment,
      createdAt: timestampOf(clock),
      ...(wraps.recoveryWrap && { recoveryWrap: wraps.recoveryWrap }),
    };
  }
}

function notShown(dekId: string, lagMs: number): FieldEncryptionError {
  return new FieldEncryptionError(
    'CONTENDED',
    `Another process created DEK ${dekId}, but a listing of its scope did not show it within the ${String(lagMs)} ms by which reads may lag: try again`,
    { retryable: true },
  );
}

/** Above all known generations, except one that is too high to be credible. */
function nextGeneration(
  scopeId: string,
  { generationFloor }: RotationRecord,
  ...known: readonly number[]
): number {
  const most = highestCredibleGeneration(generationFloor);
  const highest = Math.max(...known.filter((generation) => generation <= most));
  if (highest === most) throw noGenerationLeft(scopeId);
  return Math.max(highest + 1, generationFloor);
}

function noGenerationLeft(scopeId: string): TamperedError {
  return new TamperedError(
    `The DEK rows of scope ${scopeId} leave no free generation, and this library never creates that number: restore them from a backup, or delete the forged one`,
  );
}
