/** Lets the unchanged fields of a changed document keep their stored envelopes. @module */
import { isDeepStrictEqual } from 'node:util';
import { isUint8Array } from 'node:util/types';
import { draftToWrite, type FieldSlot } from '../document/document-draft.js';
import { ELEMENT_SUFFIX, type FieldNode } from '../document/field-tree.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { FieldEncryptionError } from '../errors/errors.js';
import { looksLikeEnvelope } from '../format/key-scope.js';
import { isPlainObject } from '../guards/guards.js';

/** A stored document, and the same document decrypted. */
export interface OpenedDocument {
  readonly stored: object;
  readonly opened: object;
}

/**
 * Returns a copy of a changed document to seal: each declared value that equals an opened one is replaced by
 * the stored envelope of that value. In a list, an envelope may move to another element, since all elements
 * are sealed for one path. No envelope is used twice.
 *
 * @param before - Absent where no document is stored. `changed` must not share objects with `opened`.
 * @throws What sealing throws for the form of a document; FieldEncryptionError `ENVELOPE_REFUSED` for a
 *   declared value that looks like an envelope: the caller may have received it from a client.
 */
export function keepEnvelopes(
  definition: AnyDefinition,
  before: OpenedDocument | undefined,
  changed: object,
): Record<string, unknown> {
  const { document, slots } = draftToWrite(changed, definition);
  const known = new KnownEnvelopes(before && envelopesIn(before, definition.tree));
  const keep = (find: (slot: FieldSlot) => object | undefined) => (slot: FieldSlot) => {
    const envelope = find(slot);
    if (envelope) slot.fill(envelope);
    return !envelope;
  };
  for (const { field, value } of slots) if (looksLikeEnvelope(value)) throw notPlain(field.path);
  // First in place, so that an equal value elsewhere does not take the envelope.
  slots.filter(keep((slot) => known.inPlace(slot))).filter(keep((slot) => known.elsewhere(slot)));
  return document;
}

interface KnownEnvelope {
  readonly path: string;
  readonly envelope: object;
  /** What the envelope seals. */
  readonly value: unknown;
}

type Holder = Readonly<Record<number | string, unknown>>;

function envelopesIn(
  { stored, opened }: OpenedDocument,
  tree: readonly FieldNode[],
): readonly KnownEnvelope[] {
  const found: KnownEnvelope[] = [];
  addBelow(found, [stored as Holder, opened as Holder], tree);
  return found;
}

type Pair<T> = readonly [stored: T, opened: T];

/** Both documents step by step: another definition may have sealed a container as a whole. */
function addBelow(
  found: KnownEnvelope[],
  [stored, opened]: Pair<Holder>,
  children: readonly FieldNode[],
): void {
  for (const node of children) {
    if (!Object.hasOwn(stored, node.name) || !Object.hasOwn(opened, node.name)) continue;
    const [one, other] = [stored[node.name], opened[node.name]];
    if (!node.each) addNode(found, [one, other], node);
    else if (Array.isArray(one) && Array.isArray(other)) {
      for (const [index, element] of one.entries()) addNode(found, [element, other[index]], node);
    }
  }
}

function addNode(
  found: KnownEnvelope[],
  [stored, opened]: Pair<unknown>,
  { field, path, children }: FieldNode,
): void {
  if (!field) {
    if (isPlainObject(stored) && isPlainObject(opened)) addBelow(found, [stored, opened], children);
  } else if (looksLikeEnvelope(stored)) found.push({ path, envelope: stored, value: opened });
}

/** Each envelope is handed out once. */
class KnownEnvelopes {
  readonly #byPath = new Map<string, KnownEnvelope[]>();
  readonly #kept = new Set<KnownEnvelope>();
  /** How many values of a path have had their place compared. */
  readonly #passed = new Map<string, number>();
  #byText: ReadonlyMap<string, KnownEnvelope[]> | undefined;

  constructor(all: readonly KnownEnvelope[] = []) {
    for (const each of all) addTo(this.#byPath, each.path, each);
  }

  /** Called once for each value, in order: the nth value of a path is in the place of the nth envelope. */
  inPlace({ field: { path }, value }: FieldSlot): object | undefined {
    const at = this.#passed.get(path) ?? 0;
    this.#passed.set(path, at + 1);
    const known = this.#byPath.get(path)?.[at];
    if (!known || !isSameValue(known.value, value)) return undefined;
    this.#kept.add(known);
    return known.envelope;
  }

  /** Called once every value was compared in its place. */
  elsewhere({ field: { path }, value }: FieldSlot): object | undefined {
    const text = path.includes(ELEMENT_SUFFIX) ? textOf(value) : undefined;
    if (text === undefined) return undefined;
    this.#byText ??= this.#unkeptByText();
    const candidates = this.#byText.get(text) ?? [];
    const isIt = (each: KnownEnvelope) => each.path === path && isSameValue(each.value, value);
    const at = candidates.findIndex(isIt);
    return at < 0 ? undefined : candidates.splice(at, 1)[0]?.envelope;
  }

  #unkeptByText(): ReadonlyMap<string, KnownEnvelope[]> {
    const byText = new Map<string, KnownEnvelope[]>();
    for (const each of [...this.#byPath.values()].flat()) {
      const text = this.#kept.has(each) ? undefined : textOf(each.value);
      if (text !== undefined) addTo(byText, text, each);
    }
    return byText;
  }
}

function addTo<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name);
  if (list) list.push(item);
  else lists.set(name, [item]);
}

function isSameValue(one: unknown, other: unknown): boolean {
  // A Buffer and a Uint8Array are sealed alike.
  if (isUint8Array(one) && isUint8Array(other)) return Buffer.compare(one, other) === 0;
  return isDeepStrictEqual(one, other);
}

/** Narrows the search: equal values nearly always have one text, and others seldom have it. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (isUint8Array(value)) return Buffer.from(value).toString('base64');
  try {
    return JSON.stringify(value);
  } catch {
    // A cycle or a bigint: sealing it will fail, and say why.
    return undefined;
  }
}

function notPlain(path: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `The value at "${path}" looks like an envelope, and a decrypted document was expected: no value may have a property named "_enc"`,
    { path },
  );
}
