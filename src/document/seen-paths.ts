/** Finds declared paths that no document has: most often they are misspelt. @module */
import { isPlainObject } from '../guards/guards.js';
import { parseFieldPath, type PathSegment } from './field-tree.js';
import type { AnyDefinition } from './typed-document.js';

/** Declared paths that none of at least 100 documents had. */
export interface NeverSeen {
  readonly collection: string;
  readonly paths: readonly string[];
}

/** With fewer documents an absent path means little: it may be an optional property. */
const LEAST_DOCUMENTS = 100;

interface UnseenPath {
  readonly path: string;
  readonly segments: readonly PathSegment[];
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
    if (unseen.some(({ segments }) => isIn(document, segments))) {
      sightings.unseen = unseen.filter(({ segments }) => !isIn(document, segments));
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
    const { collection, fields } = definition;
    const content = JSON.stringify([collection, fields]);
    const known = this.#byContent.get(content);
    const unseen = fields.map((path) => ({ path, segments: parseFieldPath('fields', path) }));
    const sightings = known ?? { collection, unseen, documents: 0, most: 0 };
    this.#byContent.set(content, sightings);
    this.#byDefinition.set(definition, sightings);
    return sightings;
  }
}

function isIn(holder: unknown, [segment, ...below]: readonly PathSegment[]): boolean {
  if (!isPlainObject(holder) || segment === undefined) return false;
  const value = Object.hasOwn(holder, segment.name) ? holder[segment.name] : undefined;
  if (value === undefined) return false;
  if (!segment.each) return below.length === 0 || isIn(value, below);
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
