/** Reads what a product has in its DEK store beside rows. @module */
import { ownCallOptions, type CallOptions, unlessAborted } from '../async/abort.js';
import { epochsSeenBy } from '../dek/dek-bounds.js';
import { requireKnownProduct, type ProductOptions } from '../dek/known-product.js';
import {
  collectionOfDefinition,
  definitionScopeId,
  parseDefinitionRecord,
  type DefinitionRecord,
} from '../format/definition-record.js';
import { mekIn } from '../format/dek-row.js';
import { alteredItem, isUnreadable, nameOfItem, requireKnownType } from '../format/item-shape.js';
import {
  collectionOfLease,
  isReleased,
  leaseScopeId,
  parseLease,
  type Lease,
} from '../format/lease.js';
import {
  collectionOfReencryption,
  parseReencryption,
  type ReencryptionRecord,
} from '../format/reencryption-record.js';
import {
  historyEntry,
  parseRotationRecord,
  ROTATION_ID,
  rotationScopeId,
  type RotationRecord,
} from '../format/rotation-record.js';
import { readEncryption, requireBoolean } from '../guards/guards.js';
import { pagesOf } from '../run/passes.js';
import { requireDekStore } from '../run/required-parts.js';
import { searchContext, type SearchContext, type SearchedEncryption } from '../run/search.js';
import { readRotationItem, type StoredItem } from '../store/dek-store.js';

interface InspectedEncryption extends SearchedEncryption {
  readonly minimumEpoch?: number;
}

/** The rotation record: which MEK version wraps new DEKs, and how far its rotation is. */
interface StoredRotation extends Omit<
  RotationRecord,
  'id' | 'mac' | 'macKeyId' | 'product' | 'schema' | 'scopeId' | 'type'
> {
  /**
   * The record is below `minimumEpoch`, or below an epoch that the encryptor has seen: it was restored from
   * an older state.
   */
  readonly restored: boolean;
}

/** Times are for people: only its owner knows whether it is alive. */
interface StoredLease extends Pick<Lease, 'expiresAt' | 'heartbeatAt' | 'kind' | 'owner'> {
  readonly collection: string;
  /** The owner has finished: the next migration begins at once. */
  readonly released: boolean;
}

type StoredReencryption = Pick<
  ReencryptionRecord,
  'collection' | 'createdBefore' | 'generationFloor' | 'startedAt'
>;

type StoredDefinition = Pick<DefinitionRecord, 'collection' | 'key' | 'paths' | 'updatedAt'>;

/** An item that cannot be read, and why. */
interface UnreadableRecord {
  readonly scopeId: string;
  /** Absent where it is not known. */
  readonly id?: string;
  /** `TAMPERED`, `ROW_UNSUPPORTED`, `RECORD_KEY_UNKNOWN`, or why the store could not decode it. */
  readonly error: unknown;
}

/** What a product has in its DEK store beside rows; each list has a thousand entries at most. */
export interface ProductRecords {
  readonly product: string;
  /** Absent for a product without a DEK so far, with a lost record, or with one in `unreadable`. */
  readonly rotation?: StoredRotation;
  /** The last migration of each collection, also after it has finished. */
  readonly leases: readonly StoredLease[];
  /** The last re-encryption of each collection, also after it has finished. */
  readonly reencryptions: readonly StoredReencryption[];
  readonly definitions: readonly StoredDefinition[];
  readonly unreadable: readonly UnreadableRecord[];
  /** Items beyond a thousand of their kind; absent for none. */
  readonly omitted?: number;
  /** Request units; absent where the store reported none. */
  readonly requestCharge?: number;
}

/**
 * Reads what a product has in its DEK store beside rows: the rotation record, the leases of migrations, the
 * times of re-encryptions, and the definitions records. `takeCensus` counts the rows.
 *
 * Reads only, and needs no key provider. Each item is checked as the runs check it, with its mac where the
 * store authenticates records; one that cannot be read is in `unreadable`. Where reads of the store may lag,
 * by its `readLagMs`, recent writes may be missing.
 *
 * @param encryption - A `FieldEncryptor`, or its product and store.
 * @throws FieldEncryptionError `PRODUCT_EMPTY` for a product with neither a rotation record nor rows. Errors
 *   of the store: a failed read says nothing about what is stored, so read again. TypeError or RangeError for
 *   invalid options.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, readRecords, registerDefinitions } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 * });
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * await registerDefinitions(encryptor, [note]);
 * const { rotation, leases, definitions } = await readRecords(encryptor);
 * console.log(rotation?.epoch, rotation?.state, leases); // 1 complete []
 * for (const { collection, paths } of definitions) console.log(collection, paths); // notes [ 'body' ]
 * ```
 */
export async function readRecords(
  encryption: InspectedEncryption,
  options: CallOptions & ProductOptions = {},
): Promise<ProductRecords> {
  const { allowEmpty = false, signal } = ownCallOptions(options, ['allowEmpty']);
  requireBoolean('allowEmpty', allowEmpty);
  const { dekStore } = readEncryption(encryption);
  requireDekStore('dekStore', ['getItem', 'listItems', 'count'], dekStore);
  const context = searchContext(encryption, { concurrency: 1, allowEmpty, signal });
  const { least } = epochsSeenBy(encryption);
  return unlessAborted(signal, () => read(context, least));
}

async function read(context: SearchContext, leastEpoch: number): Promise<ProductRecords> {
  const { product, dekStore, allowEmpty, charge, signal } = context;
  const found = new FoundRecords(product);
  const rotation = await readRotation(context, found);
  if (rotation === 'absent' && !allowEmpty) {
    await requireKnownProduct(dekStore, product, { signal });
  }
  for (const scopeId of [leaseScopeId(product), definitionScopeId(product)]) {
    const pages = pagesOf(
      (options) => dekStore.listItems(scopeId, options),
      ['DEK store', 'S15'],
      signal,
    );
    for await (const items of pages) {
      for (const each of items) found.add(scopeId, each);
    }
  }
  const records: ProductRecords = {
    product,
    ...(typeof rotation === 'object' && { rotation: rotationOf(rotation, leastEpoch) }),
    ...found.result,
  };
  return charge.inSummary(records);
}

async function readRotation(
  { product, dekStore, signal }: SearchContext,
  found: FoundRecords,
): Promise<RotationRecord | 'absent' | 'unreadable'> {
  try {
    const item = await readRotationItem(dekStore, product, { signal });
    return item ? parseRotationRecord(item.value, product) : 'absent';
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    found.addUnreadable({ scopeId: rotationScopeId(product), id: ROTATION_ID, error });
    return 'unreadable';
  }
}

const MOST_LISTED = 1_000;

/** Sorts the items of a product by kind. */
class FoundRecords {
  readonly #product: string;
  readonly #leases: StoredLease[] = [];
  readonly #reencryptions: StoredReencryption[] = [];
  readonly #definitions: StoredDefinition[] = [];
  readonly #unreadable: UnreadableRecord[] = [];
  #omitted = 0;

  constructor(product: string) {
    this.#product = product;
  }

  get result(): Omit<ProductRecords, 'product' | 'requestCharge' | 'rotation'> {
    return {
      leases: this.#leases,
      reencryptions: this.#reencryptions,
      definitions: this.#definitions,
      unreadable: this.#unreadable,
      ...(this.#omitted > 0 && { omitted: this.#omitted }),
    };
  }

  add(scopeId: string, { value, error }: StoredItem): void {
    const id = idIn(value);
    try {
      if (error) throw error;
      this.#addReadable(scopeId, id ?? '', value);
    } catch (failure) {
      this.addUnreadable({ scopeId, ...(id !== undefined && { id }), error: failure });
    }
  }

  addUnreadable(record: UnreadableRecord): void {
    this.#keep(this.#unreadable, record);
  }

  /** @throws Where this version cannot have written the item there. */
  #addReadable(scopeId: string, id: string, value: unknown): void {
    const isDefinition = scopeId === definitionScopeId(this.#product);
    const defined = isDefinition ? collectionOfDefinition(id) : undefined;
    const leased = isDefinition ? undefined : collectionOfLease(id);
    const reencrypted = isDefinition ? undefined : collectionOfReencryption(id);
    if (defined !== undefined) {
      const record = parseDefinitionRecord(value, this.#product, defined);
      this.#keep(this.#definitions, definitionOf(record));
    } else if (leased !== undefined) {
      this.#keep(this.#leases, leaseOf(leased, parseLease(value, this.#product, leased)));
    } else if (reencrypted !== undefined) {
      const record = parseReencryption(value, this.#product, reencrypted);
      this.#keep(this.#reencryptions, reencryptionOf(record));
    } else {
      const item = nameOfItem({ scopeId, id });
      requireKnownType(value, item, isDefinition ? 'definition' : 'lease');
      throw alteredItem(item, 'id');
    }
  }

  #keep<Kind>(list: Kind[], each: Kind): void {
    if (list.length < MOST_LISTED) list.push(each);
    else this.#omitted += 1;
  }
}

function idIn(value: unknown): string | undefined {
  const id = (value as { readonly id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' ? id : undefined;
}

function rotationOf(record: RotationRecord, leastEpoch: number): StoredRotation {
  const { epoch, state, fenceTtlMs, drainTtlMs, generationFloor } = record;
  const { startedAt, fencedAt, completedAt, history } = record;
  return {
    ...mekIn(record),
    epoch,
    state,
    fenceTtlMs,
    ...(drainTtlMs !== undefined && { drainTtlMs }),
    generationFloor,
    startedAt,
    ...(fencedAt !== undefined && { fencedAt }),
    ...(completedAt !== undefined && { completedAt }),
    history: history.map(historyEntry),
    restored: epoch < leastEpoch,
  };
}

function leaseOf(collection: string, lease: Lease): StoredLease {
  const { kind, owner, heartbeatAt, expiresAt } = lease;
  return { collection, kind, owner, heartbeatAt, expiresAt, released: isReleased(lease) };
}

function reencryptionOf({
  collection,
  createdBefore,
  generationFloor,
  startedAt,
}: ReencryptionRecord): StoredReencryption {
  return { collection, createdBefore, generationFloor, startedAt };
}

function definitionOf({ collection, key, paths, updatedAt }: DefinitionRecord): StoredDefinition {
  return { collection, key: [...key], paths: [...paths], updatedAt };
}
