/** Defines which fields of a kind of document are encrypted, and copies a document with places to fill them in. @module */
import { RecentMap } from '../async/expiring-map.js';
import { keepHiddenClasses } from '../crypto/hidden-classes.js';
import { keyScope, type KeyScope, looksLikeEnvelope } from '../format/key-scope.js';
import {
  readOptions,
  requireIdentifier,
  requirePlainObject,
  isPlainObject,
} from '../guards/guards.js';
import {
  type DeclaredField,
  declaredField,
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

type Holder = Record<string | number, unknown>;

/** One declared field in the copy, with its original value. */
export interface FieldSlot {
  readonly field: DeclaredField;
  readonly value: unknown;
  /** The present value of the field in the copy. */
  readonly filled: unknown;
  fill(value: unknown): void;
}

export interface DocumentDraft {
  /** Shares all values outside the declared paths with the original. */
  readonly document: Record<string, unknown>;
  readonly slots: readonly FieldSlot[];
  /** Containers without the declared shape, which were left unchanged. */
  readonly misshapen: readonly Misshapen[];
  readonly tree: readonly FieldNode[];
}

/**
 * The most values and list elements that one document may have to encrypt. Each is a separate envelope:
 * declare a longer list as one field.
 */
export const MOST_FIELDS = 500_000;

/** A value where the declaration expects an object or an array with fields in it. */
interface Misshapen {
  readonly path: string;
  readonly expected: 'an array' | 'a plain object';
  readonly value: unknown;
}

class Slot implements FieldSlot {
  readonly field: DeclaredField;
  readonly value: unknown;
  private readonly holder: Holder;
  private readonly at: string | number;

  constructor(field: DeclaredField, holder: Holder, at: string | number) {
    this.field = field;
    this.value = holder[at];
    this.holder = holder;
    this.at = at;
  }

  get filled(): unknown {
    return this.holder[this.at];
  }

  fill(value: unknown): void {
    this.holder[this.at] = value;
  }
}

keepHiddenClasses(new Slot(declaredField('field'), { field: '' }, 'field'));

interface Walk {
  readonly slots: FieldSlot[];
  readonly misshapen: Misshapen[];
  /** A stored document is read whatever its size and prototype. */
  readonly isToBeWritten: boolean;
}

/** @throws TypeError where the document is not a plain object: a copy would differ from it. */
export function draftOf(document: unknown, tree: readonly FieldNode[]): DocumentDraft {
  return draft(document, tree, false);
}

/**
 * The same for a document that will be stored.
 *
 * @throws TypeError also for a function `toJSON`; RangeError for more than {@link MOST_FIELDS}.
 */
export function draftToWrite(document: unknown, tree: readonly FieldNode[]): DocumentDraft {
  return draft(document, tree, true);
}

function draft(
  document: unknown,
  tree: readonly FieldNode[],
  isToBeWritten: boolean,
): DocumentDraft {
  requirePlainObject('document', document);
  const copy = { ...document };
  if (isToBeWritten) refuseToJson([document, copy]);
  const walk: Walk = { slots: [], misshapen: [], isToBeWritten };
  copyChildren(walk, copy, tree);
  return { document: copy, slots: walk.slots, misshapen: walk.misshapen, tree };
}

function copyChildren(walk: Walk, holder: Holder, children: readonly FieldNode[]): void {
  for (const node of children) {
    if (!Object.hasOwn(holder, node.name)) continue;
    if (node.each) copyElements(walk, holder, node);
    else copyValue(walk, holder, node.name, node);
  }
}

function copyElements(walk: Walk, holder: Holder, node: FieldNode): void {
  const elements = holder[node.name];
  if (elements === undefined || elements === null) return;
  if (!Array.isArray(elements)) {
    walk.misshapen.push({ path: node.path, expected: 'an array', value: elements });
    return;
  }
  if (walk.isToBeWritten) {
    refuseToJson([elements], node.path);
    requireFew(walk, elements, node.path);
  }
  // Not a slice: holes become values, and are then refused like any other `undefined`.
  const copied = Array.from(elements as unknown[]);
  holder[node.name] = copied;
  for (const index of copied.keys()) copyValue(walk, copied as unknown as Holder, index, node);
}

function copyValue(
  walk: Walk,
  holder: Holder,
  at: string | number,
  { field, path, children }: FieldNode,
): void {
  if (field) {
    walk.slots.push(new Slot(field, holder, at));
    return;
  }
  const value = holder[at];
  if (value === undefined || value === null) return;
  if (!isPlainObject(value) || looksLikeEnvelope(value)) {
    walk.misshapen.push({ path, expected: 'a plain object', value });
    return;
  }
  const copied: Holder = { ...(value as Holder) };
  if (walk.isToBeWritten) refuseToJson([value, copied], path);
  holder[at] = copied;
  copyChildren(walk, copied, children);
}

/** Called before the list is copied, which may be long and sparse. */
function requireFew({ slots }: Walk, elements: readonly unknown[], path: string): void {
  if (slots.length + elements.length <= MOST_FIELDS) return;
  throw new RangeError(
    `The list at "${path}" brings the document above ${String(MOST_FIELDS)} separately encrypted values, which is the limit: declare the list as one field, or store it in parts`,
  );
}

/**
 * A store that serialises calls `toJSON`, and writes its result in place of what was sealed.
 *
 * @param forms - The object as it was passed in, and the copy that is stored: a getter may return different
 *   values.
 * @param path - The path of a container; absent for the document itself.
 * @throws TypeError for a function `toJSON`, own or inherited. A function on the prototype of all objects or
 *   all arrays is not part of the document.
 */
export function refuseToJson(forms: readonly object[], path?: string): void {
  for (const form of forms) {
    const { toJSON } = form as { readonly toJSON?: unknown };
    if (typeof toJSON !== 'function' || isOfEveryObject(toJSON)) continue;
    const whose = path === undefined ? 'The document' : `The value at "${path}"`;
    throw new TypeError(
      `${whose} has a function "toJSON", which would decide what is stored: pass the plain object that it returns`,
    );
  }
}

function isOfEveryObject(toJSON: unknown): boolean {
  return [Object.prototype, Array.prototype].some(
    (prototype) => (prototype as { readonly toJSON?: unknown }).toJSON === toJSON,
  );
}
