/** Records under which paths of a collection something may be stored sealed: docs/format.md, "Definitions". @module */
import {
  is,
  isDigest,
  isIdentifier,
  isKeyId,
  isTimestamp,
  readShaped,
  requireInPlace,
  requireKnownType,
  requireMacPair,
  type ItemShape,
} from './item-shape.js';

export interface DefinitionRecord {
  /** `"definition:"` and the collection. */
  readonly id: string;
  /** `"definition:"` and the product. */
  readonly scopeId: string;
  readonly type: 'definition';
  readonly schema: 1;
  readonly product: string;
  readonly collection: string;
  /** The key properties, in the order of the definition. */
  readonly key: readonly string[];
  /** Sorted by UTF-16 code units, each once. */
  readonly paths: readonly string[];
  readonly updatedAt: string;
  readonly macKeyId?: string;
  readonly mac?: string;
}

const PREFIX = 'definition:';

export function definitionId(collection: string): string {
  return `${PREFIX}${collection}`;
}

export function definitionScopeId(product: string): string {
  return `${PREFIX}${product}`;
}

/** Returns the collection that an item's id names; `undefined` for another kind of item. */
export function collectionOfDefinition(id: string): string | undefined {
  return id.startsWith(PREFIX) ? id.slice(PREFIX.length) : undefined;
}

/** For messages. */
export function definitionRecordOf(collection: string): string {
  return `The definitions record of "${collection}"`;
}

/** @param paths - In any order. */
export function definitionRecord({
  product,
  collection,
  key,
  paths,
  updatedAt,
}: Pick<
  DefinitionRecord,
  'collection' | 'key' | 'paths' | 'product' | 'updatedAt'
>): DefinitionRecord {
  return {
    id: definitionId(collection),
    scopeId: definitionScopeId(product),
    type: 'definition',
    schema: 1,
    product,
    collection,
    key: [...key],
    paths: [...new Set(paths)].sort(),
    updatedAt,
  };
}

const SHAPE: ItemShape = {
  id: isIdentifier,
  scopeId: isIdentifier,
  type: is('definition'),
  schema: is(1),
  product: isIdentifier,
  collection: isIdentifier,
  key: (value) => isIdentifiers(value) && value.length > 0 && new Set(value).size === value.length,
  paths: (value) => isIdentifiers(value) && isSorted(value),
  updatedAt: isTimestamp,
  'macKeyId?': isKeyId,
  'mac?': isDigest,
};

function isIdentifiers(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isIdentifier);
}

function isSorted(texts: readonly string[]): boolean {
  return texts.every((text, index) => index === 0 || (texts[index - 1] ?? '') < text);
}

/**
 * Returns the record when this version understands it.
 *
 * @throws FieldEncryptionError `ROW_UNSUPPORTED` for an unknown type, schema or property; TamperedError for a
 *   record that this library cannot have written there.
 */
export function parseDefinitionRecord(
  value: unknown,
  product: string,
  collection: string,
): DefinitionRecord {
  const item = definitionRecordOf(collection);
  requireKnownType(value, item, 'definition');
  const record = readShaped(value, SHAPE, item) as unknown as DefinitionRecord;
  const [id, scopeId] = [definitionId(collection), definitionScopeId(product)];
  requireInPlace(record, item, { product, collection, id, scopeId });
  requireMacPair(record, item);
  return record;
}
