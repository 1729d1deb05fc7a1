/** Defines which fields of a kind of document are encrypted, and what identifies a document. @module */
import { RecentMap } from '../async/expiring-map.js';
import { keyScope, type KeyScope } from '../format/key-scope.js';
import { readOptions, requireIdentifier, requirePlainObject } from '../guards/guards.js';
import {
  type DeclaredField,
  fieldTree,
  type FieldNode,
  requirePropertyName,
} from './field-tree.js';
import type { FieldPath, KeyProperty } from './typed-document.js';

export interface DocumentPlace {
  readonly product: string;
  readonly collection: string;
  /** Values of the definition's key properties, in the definition's order. */
  readonly keyParts: readonly string[];
  /** The scope of the DEK that seals the document. */
  readonly scope: KeyScope;
  /** Equal for two places if and only if collection and key parts are equal. */
  readonly identity: string;
}

// Hashing a place costs as much as sealing a short field.
const recentPlaces = new RecentMap<DocumentPlace>(2_000);

export function documentPlace(
  product: string,
  collection: string,
  keyParts: readonly string[],
): DocumentPlace {
  let name = '';
  for (const part of [product, collection, ...keyParts]) name += `${String(part.length)}:${part}`;
  return recentPlaces.getOrMake(name, () => {
    const scope = keyScope('document', product, [collection, ...keyParts]);
    return { product, collection, keyParts, scope, identity: scope.scopeId };
  });
}

/** The argument of the function that {@link defineDocument} returns. */
export interface DocumentShape<K extends string, P extends string> {
  /** Name of the collection: part of every ciphertext's context, so it cannot be renamed later. */
  readonly collection: string;
  /** The properties that together identify a document, the tenant first: `['workspaceId', 'id']`. */
  readonly key: readonly [K, ...K[]];
  /** Paths of the fields to encrypt: `body`, `meta.location`, `tags[]`. */
  readonly fields: readonly [P, ...P[]];
}

const SHAPE: readonly (keyof DocumentShape<string, string>)[] = ['collection', 'key', 'fields'];

/** A kind of document, created by {@link defineDocument}. Immutable; create one and share it. */
export class DocumentDefinition<T extends object, K extends string, P extends string> {
  readonly collection: string;
  readonly key: readonly K[];
  readonly fields: readonly P[];
  /** @internal */
  readonly tree: readonly FieldNode[];
  readonly #declared: ReadonlyMap<string, DeclaredField>;
  /** A type only: the document that this defines. */
  declare readonly document?: T;

  constructor(shape: DocumentShape<K, P>) {
    const { collection, key, fields } = readOptions(shape, SHAPE, 'shape');
    requireIdentifier('collection', collection);
    this.collection = collection;
    this.key = requireKey(key);
    this.fields = Object.freeze([...requireList('fields', fields)]);
    this.tree = fieldTree(this.fields);
    refuseKeyParts(this.tree, this.key);
    this.#declared = new Map(declaredFields(this.tree).map((field) => [field.path, field]));
    Object.freeze(this);
  }

  /** @internal Returns the place of a document, from its key properties; others are ignored. */
  placeOf(product: string, document: unknown): DocumentPlace {
    requirePlainObject('document', document);
    return documentPlace(
      product,
      this.collection,
      this.key.map((name) => {
        const part = Object.hasOwn(document, name) ? document[name] : undefined;
        requireIdentifier(name, part);
        return part;
      }),
    );
  }

  /** @internal */
  declaredField(path: string): DeclaredField {
    const field = this.#declared.get(path);
    if (field !== undefined) return field;
    throw new RangeError(`"${path}" is not a declared field of "${this.collection}"`);
  }
}

/**
 * Defines which fields of a document are encrypted and which properties identify it.
 *
 * Call it with the document's type, then with the shape. A misspelt path does not compile: a path consists of
 * properties that the type itself names. An index signature names none, and every type that extends
 * `ItemDefinition` of `@azure/cosmos` has one; neither does `any`. Every ciphertext is bound to product,
 * collection, key parts and path: renaming any of them, or moving a document to another key, needs a
 * re-encryption.
 *
 * > [!WARNING]
 * > The key must include the tenant (`workspaceId`), or two tenants' documents share a place.
 *
 * @returns A function that takes the {@link DocumentShape} and returns the definition.
 * @throws TypeError or RangeError for an empty list, a path that overlaps another or a key part, and names
 *   such as `__proto__` - fix the definition.
 *
 * @example
 * ```ts
 * import { defineDocument } from '@bytelyst/field-encrypt';
 *
 * interface Note { workspaceId: string; id: string; title: string; tags: string[] }
 *
 * const note = defineDocument<Note>()({
 *   collection: 'notes',
 *   key: ['workspaceId', 'id'],
 *   fields: ['title', 'tags[]'],
 * });
 * console.log(note.fields);
 * ```
 */
export function defineDocument<T extends object>(
  ...rest: readonly []
): <const K extends KeyProperty<T>, const P extends FieldPath<T>>(
  shape: DocumentShape<K, P>,
) => DocumentDefinition<T, K, P> {
  const given: readonly unknown[] = rest;
  if (given[0] !== undefined) {
    throw new TypeError(
      'defineDocument takes no argument: pass the shape to the function that it returns',
    );
  }
  return (shape) => new DocumentDefinition(shape);
}

function requireList<E>(name: string, list: readonly E[]): readonly E[] {
  const isList: boolean = Array.isArray(list);
  if (!isList || list.length === 0) {
    throw new TypeError(`"${name}" expected a list with at least one entry`);
  }
  return list;
}

function requireKey<K extends string>(key: readonly K[]): readonly K[] {
  for (const name of requireList('key', key)) requirePropertyName(name, 'The key');
  if (new Set(key).size !== key.length) throw new RangeError('"key" names a property twice');
  return Object.freeze([...key]);
}

function refuseKeyParts(tree: readonly FieldNode[], key: readonly string[]): void {
  const clash = tree.find(({ name }) => key.includes(name));
  if (clash) throw new RangeError(`The field path "${clash.path}" is part of the document's key`);
}

function declaredFields(nodes: readonly FieldNode[]): DeclaredField[] {
  return nodes.flatMap(({ field, children }) => (field ? [field] : declaredFields(children)));
}
