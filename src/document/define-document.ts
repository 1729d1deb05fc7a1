/** Defines which fields of a kind of document are encrypted. @module */
import {
  readOptions,
  requireIdentifier,
  requireKnownOptions,
  requireOneOf,
  requirePlainObject,
} from '../guards/guards.js';
import {
  type DeclaredField,
  FIELD_STAGES,
  type FieldStage,
  fieldTree,
  type FieldNode,
  FormerPaths,
  parseFieldPath,
  requirePropertyName,
  type StagesByPath,
} from './field-tree.js';
import type { GivenPath, KeyProperty, WithReasons } from './field-path.js';

/** The argument of the function that {@link defineDocument} returns. */
export interface DocumentShape<K extends string, P extends string, S = StagesOf<P>> {
  /** Name of the collection: part of every ciphertext's context. Renaming it is a move of its documents. */
  readonly collection: string;
  /** The properties that together identify a document, the tenant first: `['workspaceId', 'id']`. */
  readonly key: readonly [K, ...K[]];
  /** Paths of the fields to encrypt: `body`, `meta.location`, `tags[]`. */
  readonly fields: readonly [P, ...P[]];
  /**
   * The stages of paths on their way in or out of encryption. Any two neighbours of `opening`, `sealing` and
   * `sealed` may be deployed at the same time. @default `sealed` for every path
   */
  readonly stages?: S;
  /**
   * Paths of earlier definitions of this collection with this key, under which envelopes may still be stored:
   * renamed, removed, widened (`tags[]` to `tags`) or narrowed ones. They are opened on read, and never
   * sealed. They may overlap declared paths. @default none
   */
  readonly former?: readonly string[];
}

/** The stage of each path that is not `sealed`. */
export type StagesOf<P extends string> = { readonly [Path in P]?: FieldStage };

/** The declared paths that are written in clear. */
export type OpeningPath<P extends string, S> = {
  [Path in keyof S & P]: S[Path] extends 'opening' ? Path : never;
}[keyof S & P];

const SHAPE: readonly (keyof DocumentShape<string, string>)[] = [
  'collection',
  'key',
  'fields',
  'stages',
  'former',
];

/** A kind of document, created by {@link defineDocument}. Immutable; create one and share it. */
export class DocumentDefinition<
  T extends object,
  K extends string = string,
  P extends string = string,
  O extends string = string extends P ? string : never,
> {
  readonly collection: string;
  readonly key: readonly K[];
  readonly fields: readonly P[];
  /** The stage of each declared path; every one is present. */
  readonly stages: StagesOf<P>;
  readonly former: readonly string[];
  /** @internal */
  readonly tree: readonly FieldNode[];
  /** @internal */
  readonly formerPaths: FormerPaths;
  readonly #declared: ReadonlyMap<string, DeclaredField>;
  /** A type only: the document that this defines. */
  declare readonly document?: T;
  /** A type only: the declared paths in stage `opening`. */
  declare readonly opening?: O;

  constructor(shape: DocumentShape<K, P, object>) {
    const { collection, key, fields, stages, former = [] } = readOptions(shape, SHAPE, 'shape');
    requireIdentifier('collection', collection);
    this.collection = collection;
    this.key = requireKey(key);
    this.fields = Object.freeze([...requireList('fields', fields)]);
    const stageOf = readStages(stages, this.fields);
    this.tree = fieldTree(this.fields, stageOf);
    refuseKeyParts(this.tree, this.key);
    this.stages = stagesByPath(this.fields, stageOf);
    this.former = readFormer(former, { declared: this.fields, key: this.key });
    this.formerPaths = new FormerPaths(this.former, this.fields);
    this.#declared = new Map(declaredFields(this.tree).map((field) => [field.path, field]));
    Object.freeze(this);
  }

  /** @internal */
  storedField(path: string): DeclaredField {
    const former = this.formerPaths.fields.find((field) => field.path === path);
    return former ?? this.declaredField(path);
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
 * properties that the type itself names, up to seven. An index signature names none, and every type that
 * extends `ItemDefinition` of `@azure/cosmos` has one; neither does `any`. For documents without a type use
 * `defineUntypedDocument`. A path whose value may be a `Date`, a bigint, a `Map`, a function or a class
 * instance does not compile either, as JSON cannot hold these.
 *
 * Every ciphertext is bound to product, collection, key parts and path: renaming any of them, or moving a
 * document to another key, needs a re-encryption.
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
): <
  const K extends KeyProperty<T>,
  const P extends GivenPath<T>,
  const S extends StagesOf<P> = StagesOf<P>,
>(
  shape: DocumentShape<K, P, S> & WithReasons<T, P>,
) => DocumentDefinition<T, K, P, OpeningPath<P, S>> {
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

/** @returns The stages by path; absent paths are `sealed`. */
function readStages(stages: unknown, fields: readonly string[]): StagesByPath {
  if (stages === undefined) return new Map();
  requirePlainObject('stages', stages);
  requireKnownOptions(stages, fields, 'stages');
  const given = Object.entries(stages).filter(([, stage]) => stage !== undefined);
  for (const [path, stage] of given) requireOneOf(`stages["${path}"]`, stage, FIELD_STAGES);
  return new Map(given as [string, FieldStage][]);
}

function stagesByPath<P extends string>(
  fields: readonly P[],
  stageOf: StagesByPath,
): Readonly<Record<P, FieldStage>> {
  const stages = Object.create(null) as Record<P, FieldStage>;
  for (const path of fields) stages[path] = stageOf.get(path) ?? 'sealed';
  return Object.freeze(stages);
}

function readFormer(
  former: readonly string[],
  { declared, key }: { readonly declared: readonly string[]; readonly key: readonly string[] },
): readonly string[] {
  const isList: boolean = Array.isArray(former);
  if (!isList) throw new TypeError('"former" expected a list of paths');
  for (const path of former) {
    const [first] = parseFieldPath('former', path);
    if (key.includes(first.name)) {
      throw new RangeError(`The former path "${path}" is part of the document's key`);
    }
    if (declared.includes(path)) {
      throw new RangeError(
        `The former path "${path}" is also one of "fields": remove it from "former"`,
      );
    }
  }
  if (new Set(former).size !== former.length) throw new RangeError('"former" names a path twice');
  return Object.freeze([...former]);
}

function declaredFields(nodes: readonly FieldNode[]): DeclaredField[] {
  return nodes.flatMap(({ field, children }) => (field ? [field] : declaredFields(children)));
}
