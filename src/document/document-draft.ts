/** Copies a document, with places to fill its declared and former fields in. @module */
import { keepHiddenClasses } from '../crypto/aes.js';
import { looksLikeEnvelope } from '../format/key-scope.js';
import { isPlainObject, refuseToJson, requirePlainObject } from '../guards/guards.js';
import { type DeclaredField, declaredField, type FieldNode } from './field-tree.js';

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
