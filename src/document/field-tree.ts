/** The declared paths of a definition as one tree, so that a document is walked once. @module */
import { declaredField, type DeclaredField } from './declared-field.js';
import { ELEMENT_SUFFIX, parseFieldPath, type PathSegment } from './field-path.js';

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
