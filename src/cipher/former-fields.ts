/** What may be stored, and what may be written, at former paths of a definition. @module */
import type { FieldNode, FormerNode } from '../document/field-tree.js';
import { FieldEncryptionError } from '../errors/errors.js';
import { looksLikeEnvelope } from '../format/key-scope.js';
import {
  type DocumentDraft,
  type DraftShape,
  type DocumentPlace,
} from '../document/document-draft.js';
import { isPlainObject } from '../guards/guards.js';

/**
 * Whether a declared value is stored as an earlier definition stored it: every part is an envelope at a former
 * path. An absent list or object is `null` or empty there.
 *
 * @param node - What former paths expect at this value.
 */
export function isOfFormerForm(value: unknown, node: FormerNode | undefined): boolean {
  if (!node) return false;
  if (looksLikeEnvelope(value)) return node.field !== undefined;
  const { elements, properties } = node;
  if (value === null) return elements !== undefined || properties.size > 0;
  if (Array.isArray(value)) {
    return elements !== undefined && value.every((element) => isOfFormerForm(element, elements));
  }
  if (!isPlainObject(value) || properties.size === 0) return false;
  return Object.entries(value).every(
    ([name, property]) => property === undefined || isOfFormerForm(property, properties.get(name)),
  );
}

/**
 * A value that was sealed may be written in clear only at a path in stage `opening`. Envelopes stay sealed.
 *
 * @throws FieldEncryptionError `DEFINITION_MISMATCH` for a value at a former path that no declared path covers.
 */
export function requireNothingFormer(draft: DocumentDraft): void {
  const path = clearFormerPath(draft);
  if (path !== undefined) throw leftInClear(path);
}

/** Returns the place of a value in clear at a former path that no declared path covers. */
export function clearFormerPath({ document, shape }: DocumentDraft): string | undefined {
  const { root } = shape.formerPaths;
  return root && uncoveredBelow({ value: document, path: '' }, root, { below: shape.tree });
}

/** A value, and its place in the form of a declared path. */
interface Placed {
  readonly value: unknown;
  readonly path: string;
}

/** What a definition declares at a value: the value as a whole, its properties, its elements, or nothing. */
interface Declared {
  readonly isField?: boolean;
  readonly below?: readonly FieldNode[];
  readonly each?: FieldNode;
}

const NOTHING: Declared = {};

function declaredBy(node: FieldNode): Declared {
  return node.field ? { isField: true } : { below: node.children };
}

function propertyOf({ below }: Declared, name: string): Declared {
  const node = below?.find((each) => each.name === name);
  if (!node) return NOTHING;
  return node.each ? { each: node } : declaredBy(node);
}

function elementOf({ each }: Declared): Declared {
  return each ? declaredBy(each) : NOTHING;
}

/** Returns the path of the first value at a former path that the definition does not declare. */
function uncoveredBelow(
  placed: Placed,
  former: FormerNode,
  declared: Declared,
): string | undefined {
  const { value } = placed;
  if (value === undefined || declared.isField || looksLikeEnvelope(value)) return undefined;
  if (former.field) return uncovered(placed, declared);
  const { elements, properties } = former;
  return firstOf(partsOf(placed, declared), ([part, partDeclared, step]) => {
    const node = typeof step === 'number' ? elements : properties.get(step);
    return node && uncoveredBelow(part, node, partDeclared);
  });
}

/** The same for a value that was sealed as a whole. */
function uncovered(placed: Placed, declared: Declared): string | undefined {
  const { value, path } = placed;
  if (value === undefined || declared.isField) return undefined;
  const hasParts = declared.below !== undefined || declared.each !== undefined;
  if (value === null) return hasParts ? undefined : path;
  const isContainer = Array.isArray(value) || isPlainObject(value);
  if (!hasParts || !isContainer || looksLikeEnvelope(value)) return path;
  return firstOf(partsOf(placed, declared), ([part, partDeclared]) =>
    uncovered(part, partDeclared),
  );
}

type Part = readonly [placed: Placed, declared: Declared, step: number | string];

function partsOf({ value, path }: Placed, declared: Declared): readonly Part[] {
  if (Array.isArray(value)) {
    const part = elementOf(declared);
    const elements: readonly unknown[] = value;
    return elements.map((element, index) => [{ value: element, path: `${path}[]` }, part, index]);
  }
  if (!isPlainObject(value)) return [];
  return Object.entries(value).map(([name, property]) => [
    { value: property, path: path === '' ? name : `${path}.${name}` },
    propertyOf(declared, name),
    name,
  ]);
}

function firstOf<T>(list: readonly T[], find: (each: T) => string | undefined): string | undefined {
  for (const each of list) {
    const found = find(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A text outside the declared fields, and its place in the form of a declared path. */
interface ClearText {
  readonly text: string;
  readonly path: string;
}

/** Returns every text of a document at a place that is not declared. */
export function clearTexts(document: object, { tree }: DraftShape): readonly ClearText[] {
  const found: ClearText[] = [];
  const left: [Placed, Declared][] = [[{ value: document, path: '' }, { below: tree }]];
  for (let next = left.pop(); next; next = left.pop()) {
    const [placed, declared] = next;
    const { value, path } = placed;
    if (declared.isField) continue;
    if (typeof value === 'string') found.push({ text: value, path });
    for (const [part, partDeclared] of partsOf(placed, declared)) left.push([part, partDeclared]);
  }
  return found;
}

export function leftInClear(path: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEFINITION_MISMATCH',
    `The value at "${path}" was sealed by an earlier definition, and would be stored in clear: move it to a declared path, or declare "${path}" in stage "opening"`,
    { path },
  );
}

/** For an envelope at a former path that nothing moves to a declared one. */
export function notMoved(path: string, dekId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEFINITION_MISMATCH',
    `The envelope at the former path "${path}" has no place in the definition: move its value to a declared path, in a migration with the option "upgrade"`,
    { path, dekId },
  );
}

/** For a stored envelope of the document where its definition declares no field. */
export function sealedByAnother(
  { path, dekId }: { readonly path: string; readonly dekId: string },
  { collection }: Pick<DocumentPlace, 'collection'>,
): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEFINITION_MISMATCH',
    `The value at "${path}" is an envelope that another definition of "${collection}" sealed: add "${path}" to "former", or to "fields" where it is still encrypted`,
    { path, dekId },
  );
}
