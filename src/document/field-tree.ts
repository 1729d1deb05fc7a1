/** The declared paths of a definition as one tree, so that a document is walked once. @module */
import { lengthPrefixed } from '../crypto/key-schedule.js';

/** One step of a path: a property, and whether the path continues into each element of an array. */
interface PathSegment {
  readonly name: string;
  readonly each: boolean;
}

/** Ends a segment that continues into each element of an array. */
export const ELEMENT_SUFFIX = '[]';

const FORBIDDEN_CHARACTERS = /[.[\]{}*#]/;
const DANGEROUS_NAMES = new Set(['__proto__', 'prototype', 'constructor', '_enc']);

/** @throws TypeError or RangeError that states the problem with the path. */
function parseFieldPath(path: unknown): readonly PathSegment[] {
  if (typeof path !== 'string') throw new TypeError('"fields" expected paths as strings');
  return path.split('.').map((segment) => parseSegment(segment, path));
}

function parseSegment(segment: string, path: string): PathSegment {
  const each = segment.endsWith(ELEMENT_SUFFIX);
  const name = each ? segment.slice(0, -ELEMENT_SUFFIX.length) : segment;
  requirePropertyName(name, `The field path "${path}"`);
  return { name, each };
}

/** Refuses names that a path cannot contain, or that would reach an object's prototype. */
export function requirePropertyName(name: unknown, whose: string): asserts name is string {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`${whose} has an empty property name`);
  }
  if (FORBIDDEN_CHARACTERS.test(name)) {
    throw new RangeError(`${whose} has a property name with one of . [ ] { } * #`);
  }
  if (!name.isWellFormed()) throw new RangeError(`${whose} has a lone surrogate`);
  if (DANGEROUS_NAMES.has(name)) throw new RangeError(`${whose} uses the reserved name "${name}"`);
}

/** A declared path, and its form in the additional data. */
export interface DeclaredField {
  readonly path: string;
  readonly encodedPath: Buffer;
}

export function declaredField(path: string): DeclaredField {
  return { path, encodedPath: lengthPrefixed(path) };
}

/** A property on the way to declared fields, or a declared field itself (without children). */
export interface FieldNode {
  readonly name: string;
  /** The path up to here, as declared. */
  readonly path: string;
  /** True where the declaration continues into each element of an array. */
  readonly each: boolean;
  readonly field?: DeclaredField;
  readonly children: readonly FieldNode[];
}

interface Branch extends FieldNode {
  readonly children: Branch[];
  /** The first path that contains this node. */
  readonly declaredBy: string;
}

/** @throws RangeError where two paths overlap: one value would be sealed twice, or in part. */
export function fieldTree(paths: readonly string[]): readonly FieldNode[] {
  const roots: Branch[] = [];
  for (const path of paths) addPath(roots, path);
  return roots;
}

function addPath(roots: Branch[], path: string): void {
  const segments = parseFieldPath(path);
  let siblings = roots;
  for (const [depth, segment] of segments.entries()) {
    const isLast = depth === segments.length - 1;
    const existing = siblings.find(({ name }) => name === segment.name);
    if (existing && (isLast || existing.field || existing.each !== segment.each)) {
      throw new RangeError(`The field paths "${existing.declaredBy}" and "${path}" overlap`);
    }
    const node = existing ?? branch(segments, depth, path);
    if (!existing) siblings.push(node);
    siblings = node.children;
  }
}

function branch(segments: readonly PathSegment[], depth: number, declaredBy: string): Branch {
  const { name, each } = segments[depth] as PathSegment;
  const path = segments
    .slice(0, depth + 1)
    .map(segmentText)
    .join('.');
  const node = { name, each, path, declaredBy, children: [] };
  return path === declaredBy ? { ...node, field: declaredField(path) } : node;
}

function segmentText({ name, each }: PathSegment): string {
  return each ? name + ELEMENT_SUFFIX : name;
}
