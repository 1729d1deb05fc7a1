/** Records which DEKs a re-encryption treats as old: docs/format.md, "Re-encryption". @module */
import { leaseScopeId } from './lease.js';
import {
  alteredItem,
  is,
  isDigest,
  isIdentifier,
  isKeyId,
  isPositiveInteger,
  isTimestamp,
  readShaped,
  requireInPlace,
  requireKnownType,
  requireMacPair,
  type ItemShape,
} from './item-shape.js';

export interface ReencryptionRecord {
  /** `"reencryption:"` and the collection. */
  readonly id: string;
  /** `"lease:"` and the product. */
  readonly scopeId: string;
  readonly type: 'reencryption';
  readonly schema: 1;
  readonly product: string;
  readonly collection: string;
  /** Identifies the re-encryption: a run with the same time continues it. */
  readonly createdBefore: string;
  /** Generations below it are old. */
  readonly generationFloor: number;
  readonly startedAt: string;
  readonly macKeyId?: string;
  readonly mac?: string;
}

const ID_PREFIX = 'reencryption:';

export function reencryptionId(collection: string): string {
  return `${ID_PREFIX}${collection}`;
}

/** Returns the collection that an item's id names; `undefined` for another kind of item. */
export function collectionOfReencryption(id: string): string | undefined {
  return id.startsWith(ID_PREFIX) ? id.slice(ID_PREFIX.length) : undefined;
}

const SHAPE: ItemShape = {
  id: isIdentifier,
  scopeId: isIdentifier,
  type: is('reencryption'),
  schema: is(1),
  product: isIdentifier,
  collection: isIdentifier,
  createdBefore: isTimestamp,
  generationFloor: isPositiveInteger,
  startedAt: isTimestamp,
  'macKeyId?': isKeyId,
  'mac?': isDigest,
};

/**
 * Returns the item when this version understands it.
 *
 * @throws FieldEncryptionError `ROW_UNSUPPORTED` for an unknown type, schema or property; TamperedError for
 *   an item that this library cannot have written there.
 */
export function parseReencryption(
  value: unknown,
  product: string,
  collection: string,
): ReencryptionRecord {
  const item = `The re-encryption item of "${collection}"`;
  requireKnownType(value, item, 'reencryption');
  const record = readShaped(value, SHAPE, item) as unknown as ReencryptionRecord;
  const [id, scopeId] = [reencryptionId(collection), leaseScopeId(product)];
  requireInPlace(record, item, { product, collection, id, scopeId });
  if (record.createdBefore > record.startedAt) throw alteredItem(item, 'createdBefore');
  requireMacPair(record, item);
  return record;
}
