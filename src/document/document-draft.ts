/** A copy of a document whose declared fields can be filled in: one walk, each value read once. @module */
import type { DeclaredField } from '../cipher/field-cipher.js';
import { looksLikeEnvelope } from '../cipher/envelope.js';
import { isPlainObject, requirePlainObject } from '../guards.js';
import type { FieldNode } from './field-tree.js';

type Holder = Record<string | number, unknown>;

/** One declared field in the copy, with the value that it had. */
export interface FieldSlot {
  readonly field: DeclaredField;
  readonly value: unknown;
  /** What is in its place in the copy now. */
  readonly filled: unknown;
  fill(value: unknown): void;
}

export interface DocumentDraft {
  /** Shares with the original whatever lies beside the declared paths. */
  readonly document: Record<string, unknown>;
  readonly slots: readonly FieldSlot[];
  /** Containers that are not of the declared shape and were left as they are. */
  readonly misshapen: readonly Misshapen[];
  readonly tree: readonly FieldNode[];
}

/** A value where the declaration expects an object or an array with fields in it. */
export interface Misshapen {
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

interface Walk {
  readonly slots: FieldSlot[];
  readonly misshapen: Misshapen[];
}

/** @throws TypeError where the document is not a plain object, which a copy would not be like. */
export function draftOf(document: unknown, tree: readonly FieldNode[]): DocumentDraft {
  requirePlainObject('document', document);
  const copy = { ...document };
  const walk: Walk = { slots: [], misshapen: [] };
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
  holder[at] = copied;
  copyChildren(walk, copied, children);
}
