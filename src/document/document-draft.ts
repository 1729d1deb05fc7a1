/** What a definition finds in a document: its place, its fields, and which paths it has. @module */
import { keepHiddenClasses } from '../crypto/aes.js';
import { RecentMap } from '../async/expiring-map.js';
import { keyScope, type KeyScope, looksLikeEnvelope } from '../format/key-scope.js';
import {
  isPlainObject,
  refuseToJson,
  requireIdentifier,
  requirePlainObject,
} from '../guards/guards.js';
import {
  type DeclaredField,
  declaredField,
  type FieldNode,
  type FieldStage,
  type FormerNode,
  type FormerPaths,
  strictestStage,
} from './field-tree.js';
import type { AnyDefinition } from './typed-document.js';

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

/** Returns the place of a document, from its key properties; others are ignored. */
export function placeOf(
  { collection, key }: Pick<AnyDefinition, 'collection' | 'key'>,
  product: string,
  document: unknown,
): DocumentPlace {
  requirePlainObject('document', document);
  const keyParts = key.map((name) => {
    const part = Object.hasOwn(document, name) ? document[name] : undefined;
    requireIdentifier(name, part);
    return part;
  });
  return documentPlace(product, collection, keyParts);
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

/** Where fields are; a definition has this shape. */
export interface DraftShape {
  readonly tree: readonly FieldNode[];
  readonly formerPaths: FormerPaths;
}

export interface DocumentDraft {
  /** Shares all values outside the declared and former paths with the original. */
  readonly document: Record<string, unknown>;
  readonly slots: readonly FieldSlot[];
  /** Envelopes at former paths, or what looks like one. */
  readonly former: readonly FieldSlot[];
  /** Containers without the declared shape, which were left unchanged. */
  readonly misshapen: readonly Misshapen[];
  readonly shape: DraftShape;
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
  /** The strictest stage of the fields in it. */
  readonly stage: FieldStage;
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
  readonly former: FieldSlot[];
  /** The containers that are copies; only where there are former paths. */
  readonly copies: Set<object> | undefined;
  readonly misshapen: Misshapen[];
  /** A stored document is read whatever its size and prototype. */
  readonly isToBeWritten: boolean;
}

/** @throws TypeError where the document is not a plain object: a copy would differ from it. */
export function draftOf(document: unknown, shape: DraftShape): DocumentDraft {
  return draft(document, shape, false);
}

/**
 * The same for a document that will be stored.
 *
 * @throws TypeError also for a function `toJSON`; RangeError for more than {@link MOST_FIELDS}.
 */
export function draftToWrite(document: unknown, shape: DraftShape): DocumentDraft {
  return draft(document, shape, true);
}

function draft(document: unknown, shape: DraftShape, isToBeWritten: boolean): DocumentDraft {
  requirePlainObject('document', document);
  const copy = { ...document };
  if (isToBeWritten) refuseToJson([document, copy]);
  const { root } = shape.formerPaths;
  const copies = root && new Set<object>([copy]);
  const walk: Walk = { slots: [], former: [], misshapen: [], copies, isToBeWritten };
  copyChildren(walk, copy, shape.tree);
  if (root) copyProperties(walk, copy, root);
  const { slots, former, misshapen } = walk;
  return { document: copy, slots, former, misshapen: unlessFormer(misshapen, former), shape };
}

/** An envelope at a former path may be where the declaration expects a container. */
function unlessFormer(
  misshapen: readonly Misshapen[],
  former: readonly FieldSlot[],
): readonly Misshapen[] {
  if (former.length === 0) return misshapen;
  const envelopes = new Set(former.map(({ value }) => value));
  return misshapen.filter(({ value }) => !envelopes.has(value));
}

function copyProperties(walk: Walk, holder: Holder, { properties }: FormerNode): void {
  for (const [name, node] of properties) {
    if (Object.hasOwn(holder, name)) copyFormer(walk, holder, name, node);
  }
}

function copyFormer(walk: Walk, holder: Holder, at: string | number, node: FormerNode): void {
  const value = holder[at];
  if (looksLikeEnvelope(value)) {
    if (node.field) walk.former.push(new Slot(node.field, holder, at));
  } else if (Array.isArray(value)) {
    if (!node.elements) return;
    const elements = copyOnce(walk, value, () => Array.from(value as unknown[]));
    holder[at] = elements;
    for (const index of elements.keys()) {
      copyFormer(walk, elements as unknown as Holder, index, node.elements);
    }
  } else if (isPlainObject(value) && node.properties.size > 0) {
    const properties = copyOnce(walk, value, () => ({ ...value }));
    holder[at] = properties;
    copyProperties(walk, properties, node);
  }
}

/** A container that was copied for a declared field has slots already. */
function copyOnce<T extends object>({ copies }: Walk, value: T, copy: () => T): T {
  if (copies?.has(value)) return value;
  const copied = copy();
  copies?.add(copied);
  return copied;
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
    const stage = strictestStage(node);
    walk.misshapen.push({ path: node.path, expected: 'an array', value: elements, stage });
    return;
  }
  if (walk.isToBeWritten) {
    refuseToJson([elements], node.path);
    requireFew(walk, elements, node.path);
  }
  // Not a slice: holes become values, and are then refused like any other `undefined`.
  const copied = Array.from(elements as unknown[]);
  walk.copies?.add(copied);
  holder[node.name] = copied;
  for (const index of copied.keys()) copyValue(walk, copied as unknown as Holder, index, node);
}

function copyValue(walk: Walk, holder: Holder, at: string | number, node: FieldNode): void {
  const { field, path, children } = node;
  if (field) {
    walk.slots.push(new Slot(field, holder, at));
    return;
  }
  const value = holder[at];
  if (value === undefined || value === null) return;
  if (!isPlainObject(value) || looksLikeEnvelope(value)) {
    const stage = strictestStage(node);
    walk.misshapen.push({ path, expected: 'a plain object', value, stage });
    return;
  }
  const copied: Holder = { ...(value as Holder) };
  if (walk.isToBeWritten) refuseToJson([value, copied], path);
  walk.copies?.add(copied);
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

/** True for most documents, without a search: every object in it is the envelope of a declared field. */
export function hasOnlyItsFields({ document, shape, slots }: DocumentDraft): boolean {
  if (Object.hasOwn(document, '_enc')) return false;
  let objects = 0;
  for (const name in document) {
    const value = document[name];
    if (typeof value === 'object' && value !== null) objects += 1;
  }
  if (objects === 0) return true;
  if (!shape.tree.every(({ field, each }) => field && !each)) return false;
  return objects === slots.filter(({ value }) => looksLikeEnvelope(value)).length;
}

/** Declared paths that none of at least 100 documents had. */
export interface NeverSeen {
  readonly collection: string;
  readonly paths: readonly string[];
}

/** With fewer documents an absent path means little: it may be an optional property. */
const LEAST_DOCUMENTS = 100;

interface UnseenPath {
  readonly path: string;
  /** From the document down. */
  readonly nodes: readonly FieldNode[];
}

/** What the documents of one definition had so far. */
interface Sightings {
  readonly collection: string;
  unseen: readonly UnseenPath[];
  /** Documents of this scan. */
  documents: number;
  /** The most documents of one scan. */
  most: number;
}

/** The state of one encryptor, or of one run. */
export class SeenPaths {
  /** By content: a program may create a definition again for each request. */
  readonly #byContent = new Map<string, Sightings>();
  readonly #byDefinition = new WeakMap<AnyDefinition, Sightings>();
  /** The last definition of which every path was seen: it costs one comparison. */
  #settled: AnyDefinition | undefined;

  /** Called with each document, in any form. */
  look(definition: AnyDefinition, document: Readonly<Record<string, unknown>>): void {
    if (definition === this.#settled) return;
    const sightings = this.#byDefinition.get(definition) ?? this.#of(definition);
    const { unseen } = sightings;
    if (unseen.length === 0) {
      this.#settled = definition;
      return;
    }
    sightings.documents += 1;
    if (unseen.some(({ nodes }) => isIn(document, nodes))) {
      sightings.unseen = unseen.filter(({ nodes }) => !isIn(document, nodes));
    }
  }

  /** Called where one field of a document is sealed or opened alone. */
  mark(definition: AnyDefinition, path: string): void {
    if (definition === this.#settled) return;
    const sightings = this.#byDefinition.get(definition) ?? this.#of(definition);
    if (!sightings.unseen.some((each) => each.path === path)) return;
    sightings.unseen = sightings.unseen.filter((each) => each.path !== path);
  }

  /** The same documents come again. */
  beginScan(): void {
    for (const each of this.#byContent.values()) {
      each.most = Math.max(each.most, each.documents);
      each.documents = 0;
    }
  }

  get neverSeen(): readonly NeverSeen[] {
    return [...this.#byContent.values()]
      .filter(({ documents, most }) => Math.max(documents, most) >= LEAST_DOCUMENTS)
      .filter(({ unseen }) => unseen.length > 0)
      .map(({ collection, unseen }) => ({ collection, paths: unseen.map(({ path }) => path) }));
  }

  #of(definition: AnyDefinition): Sightings {
    const { collection, fields, tree } = definition;
    const content = JSON.stringify([collection, fields]);
    const known = this.#byContent.get(content);
    const unseen = pathsIn(tree, []);
    const sightings = known ?? { collection, unseen, documents: 0, most: 0 };
    this.#byContent.set(content, sightings);
    this.#byDefinition.set(definition, sightings);
    return sightings;
  }
}

function pathsIn(tree: readonly FieldNode[], above: readonly FieldNode[]): readonly UnseenPath[] {
  return tree.flatMap((node) => {
    const nodes = [...above, node];
    return node.field ? [{ path: node.path, nodes }] : pathsIn(node.children, nodes);
  });
}

function isIn(holder: unknown, [node, ...below]: readonly FieldNode[]): boolean {
  if (!isPlainObject(holder) || node === undefined) return false;
  const value = Object.hasOwn(holder, node.name) ? holder[node.name] : undefined;
  if (value === undefined) return false;
  if (!node.each) return below.length === 0 || isIn(value, below);
  if (!Array.isArray(value)) return false;
  return below.length === 0 || value.some((element) => isIn(element, below));
}

const seenBy = new WeakMap<object, SeenPaths>();

/** @param owner - The services of one encryptor. */
export function seenPathsOf(owner: object): SeenPaths {
  const known = seenBy.get(owner);
  if (known) return known;
  const seen = new SeenPaths();
  seenBy.set(owner, seen);
  return seen;
}
