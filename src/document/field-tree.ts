/** The declared and former paths of a definition as trees, so that a document is walked once. @module */
import { lengthPrefixed } from '../crypto/key-schedule.js';

/** One step of a path: a property, and whether the path continues into each element of an array. */
export interface PathSegment {
  readonly name: string;
  readonly each: boolean;
}

/** Ends a segment that continues into each element of an array. */
export const ELEMENT_SUFFIX = '[]';

const FORBIDDEN_CHARACTERS = /[.[\]{}*#]/;
const DANGEROUS_NAMES = new Set(['__proto__', 'prototype', 'constructor', '_enc']);

/** @throws TypeError or RangeError that states the problem with the path. */
export function parseFieldPath(
  list: 'fields' | 'former',
  path: unknown,
): readonly [PathSegment, ...PathSegment[]] {
  if (typeof path !== 'string') throw new TypeError(`"${list}" expected paths as strings`);
  const whose = `The ${list === 'fields' ? 'field' : 'former'} path "${path}"`;
  const segments = path.split('.').map((segment) => parseSegment(segment, whose));
  return segments as [PathSegment, ...PathSegment[]];
}

function parseSegment(segment: string, whose: string): PathSegment {
  const each = segment.endsWith(ELEMENT_SUFFIX);
  const name = each ? segment.slice(0, -ELEMENT_SUFFIX.length) : segment;
  requirePropertyName(name, whose);
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

/**
 * What processes do with a declared path.
 *
 * - `sealed`: written sealed; plaintext is refused on read in mode `'strict'`.
 * - `sealing`: written sealed; plaintext passes on read, until a backfill has sealed it.
 * - `opening`: written in clear; envelopes open on read. The first step in, and the way out.
 */
export type FieldStage = 'opening' | 'sealed' | 'sealing';

export const FIELD_STAGES: readonly FieldStage[] = ['sealed', 'sealing', 'opening'];

/** A declared or former path, and its form in the additional data. */
export interface DeclaredField {
  readonly path: string;
  readonly encodedPath: Buffer;
  readonly stage: FieldStage;
}

/** The stages that differ from `sealed`, by path. */
export type StagesByPath = ReadonlyMap<string, FieldStage>;

export function declaredField(path: string, stage: FieldStage = 'sealed'): DeclaredField {
  return { path, encodedPath: lengthPrefixed(path), stage };
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
export function fieldTree(paths: readonly string[], stages: StagesByPath): readonly FieldNode[] {
  const roots: Branch[] = [];
  for (const path of paths) addPath(roots, path, stages);
  return roots;
}

function addPath(roots: Branch[], path: string, stages: StagesByPath): void {
  const segments = parseFieldPath('fields', path);
  const field = declaredField(path, stages.get(path));
  let siblings = roots;
  for (const [depth, segment] of segments.entries()) {
    const isLast = depth === segments.length - 1;
    const existing = siblings.find(({ name }) => name === segment.name);
    if (existing && (isLast || existing.field || existing.each !== segment.each)) {
      throw new RangeError(`The field paths "${existing.declaredBy}" and "${path}" overlap`);
    }
    const node = existing ?? branch(segments, depth, field);
    if (!existing) siblings.push(node);
    siblings = node.children;
  }
}

function branch(segments: readonly PathSegment[], depth: number, field: DeclaredField): Branch {
  const { name, each } = segments[depth] as PathSegment;
  const path = segments
    .slice(0, depth + 1)
    .map(segmentText)
    .join('.');
  const node = { name, each, path, declaredBy: field.path, children: [] };
  return path === field.path ? { ...node, field } : node;
}

function segmentText({ name, each }: PathSegment): string {
  return each ? name + ELEMENT_SUFFIX : name;
}

/** The strictest stage of the fields at or below a node. */
export function strictestStage({ field, children }: FieldNode): FieldStage {
  const stages = field ? [field.stage] : children.map(strictestStage);
  return FIELD_STAGES.find((stage) => stages.includes(stage)) ?? 'sealed';
}

/** A step on the way to former paths, which may overlap. */
export interface FormerNode {
  /** The former path that ends here. */
  readonly field: DeclaredField | undefined;
  readonly properties: ReadonlyMap<string, FormerNode>;
  readonly elements: FormerNode | undefined;
}

interface FormerBranch extends FormerNode {
  field: DeclaredField | undefined;
  readonly properties: Map<string, FormerBranch>;
  elements: FormerBranch | undefined;
}

/** A place in a document: names of properties, and indexes of elements. */
export type PlaceSteps = readonly (number | string)[];

/** Paths at which envelopes of earlier definitions may still be found. */
export class FormerPaths {
  readonly fields: readonly DeclaredField[];
  /** `undefined` where there is no former path. */
  readonly root: FormerNode | undefined;
  readonly #replaced: ReadonlySet<string>;
  /** By declared path; most have none. */
  readonly #below = new Map<string, FormerNode | undefined>();

  constructor(paths: readonly string[], declared: readonly string[]) {
    this.fields = paths.map((path) => declaredField(path));
    const root = formerBranch();
    for (const field of this.fields) addFormer(root, field);
    this.root = paths.length > 0 ? root : undefined;
    const steps = declared.map((path) => stepsOf('fields', path));
    this.#replaced = new Set(
      paths.filter((path) => steps.some((each) => overlap(each, stepsOf('former', path)))),
    );
  }

  /** Whether a declared path takes the place of a former one: it contains it, or is inside it. */
  isReplaced({ path }: DeclaredField): boolean {
    return this.#replaced.has(path);
  }

  /** The former path that covers exactly this place. */
  at(steps: PlaceSteps): DeclaredField | undefined {
    return nodeAt(this.root, steps)?.field;
  }

  /** What former paths expect at a declared path. */
  below(path: string): FormerNode | undefined {
    if (!this.root) return undefined;
    if (!this.#below.has(path)) this.#below.set(path, nodeAt(this.root, stepsOf('fields', path)));
    return this.#below.get(path);
  }
}

/** For any element of a list. */
const ELEMENT = 0;

function stepsOf(list: 'fields' | 'former', path: string): PlaceSteps {
  return parseFieldPath(list, path).flatMap(({ name, each }) => (each ? [name, ELEMENT] : [name]));
}

function overlap(one: PlaceSteps, other: PlaceSteps): boolean {
  const length = Math.min(one.length, other.length);
  return one.slice(0, length).every((step, index) => step === other[index]);
}

function nodeAt(root: FormerNode | undefined, steps: PlaceSteps): FormerNode | undefined {
  let node = root;
  for (const step of steps) {
    node = typeof step === 'number' ? node?.elements : node?.properties.get(step);
  }
  return node;
}

function formerBranch(): FormerBranch {
  return { field: undefined, properties: new Map(), elements: undefined };
}

function addFormer(root: FormerBranch, field: DeclaredField): void {
  let node = root;
  for (const { name, each } of parseFieldPath('former', field.path)) {
    const property = node.properties.get(name) ?? formerBranch();
    node.properties.set(name, property);
    node = property;
    if (each) node = node.elements ??= formerBranch();
  }
  node.field = field;
}
