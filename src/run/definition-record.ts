/** Reads, compares and changes the definitions record of a collection. @module */
import { backOff, MOST_ATTEMPTS, tryWrite } from '../store/compare-and-set.js';
import { type DekStore, readDefinitionItem } from '../store/dek-store.js';
import { timestampOf, type Clock } from '../async/clock.js';
import type { AuditLog } from '../audit/audit-log.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { contended, FieldEncryptionError } from '../errors/errors.js';
import {
  definitionRecord,
  definitionRecordOf,
  parseDefinitionRecord,
  type DefinitionRecord,
} from '../format/definition-record.js';
import type { ReadinessWarning } from '../provider/readiness-warning.js';
import { requireNoMac } from '../format/item-shape.js';
import { inWords } from '../guards/guards.js';

/** A collection as one process declares it, in one definition or several. */
export interface DeclaredCollection {
  readonly collection: string;
  readonly key: readonly string[];
  /** Paths whose envelopes the process opens, in any stage. */
  readonly covered: ReadonlySet<string>;
  /** Paths that it seals. */
  readonly sealed: readonly string[];
}

/** Definitions of one collection. */
export type CollectionDefinitions = readonly [AnyDefinition, ...AnyDefinition[]];

/** @param known - Definitions from before, which count too. */
export function byCollection(
  definitions: readonly AnyDefinition[],
  known: ReadonlyMap<string, CollectionDefinitions> = new Map(),
): ReadonlyMap<string, CollectionDefinitions> {
  const all = new Map(known);
  for (const definition of definitions) {
    const others = all.get(definition.collection);
    if (others?.includes(definition)) continue;
    all.set(definition.collection, others ? [...others, definition] : [definition]);
  }
  return all;
}

/** @throws RangeError where two definitions of the collection have different keys. */
export function declaredCollection(definitions: CollectionDefinitions): DeclaredCollection {
  const [{ collection, key }] = definitions;
  const other = definitions.find((each) => !isSameKey(each.key, key));
  if (other) {
    throw new RangeError(
      `Two definitions of "${collection}" have different keys, ${keyText(key)} and ${keyText(other.key)}: one collection has one key`,
    );
  }
  const covered = definitions.flatMap(({ fields, former }) => [...fields, ...former]);
  const sealed = definitions.flatMap(sealedPaths);
  return { collection, key, covered: new Set(covered), sealed: [...new Set(sealed)] };
}

/** Paths that are written sealed. */
export function sealedPaths({ fields, stages }: AnyDefinition): readonly string[] {
  return fields.filter((path) => stages[path] !== 'opening');
}

export function isSameKey(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

function keyText(key: readonly string[]): string {
  return `[${quoted(key).join(', ')}]`;
}

function quoted(names: readonly string[]): readonly string[] {
  return names.map((name) => JSON.stringify(name));
}

export interface DefinitionCopy {
  readonly record: DefinitionRecord;
  readonly etag: string;
}

export interface DefinitionParts {
  readonly product: string;
  readonly dekStore: Pick<DekStore, 'createItem' | 'getItem' | 'replaceItem'>;
  readonly clock: Clock;
  readonly audit: AuditLog | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * @returns `undefined` only where there is no record.
 * @throws TamperedError, `ROW_UNSUPPORTED` or `RECORD_KEY_UNKNOWN` for an unreadable record; errors of the
 *   store.
 */
export async function readDefinition(
  { product, dekStore, signal }: Omit<DefinitionParts, 'audit' | 'clock'>,
  collection: string,
): Promise<DefinitionCopy | undefined> {
  const item = await readDefinitionItem(dekStore, product, collection, { signal });
  if (!item) return undefined;
  const record = parseDefinitionRecord(item.value, product, collection);
  requireNoMac(record, definitionRecordOf(collection));
  return { record, etag: item.etag };
}

/** What keeps a process from opening everything that may be stored; `undefined` where nothing does. */
export function mismatchOf(
  record: DefinitionRecord | undefined,
  { collection, key, covered }: DeclaredCollection,
): string | undefined {
  if (!record) return undefined;
  if (!isSameKey(record.key, key)) {
    return `${definitionRecordOf(collection)} has the key ${keyText(record.key)}, and this process declares ${keyText(key)}: declare the key of the record; to change the key, move the documents to a collection of another name with moveDocuments`;
  }
  const unknown = uncoveredPaths(record, { covered });
  if (unknown.length === 0) return undefined;
  return `The definitions record says that values of "${collection}" may be stored sealed under ${inWords(quoted(unknown))}, which this process cannot open: declare each such path in "former" of the definition, or in "fields"`;
}

export function definitionMismatch(problems: readonly [string, ...string[]]): FieldEncryptionError {
  const message =
    problems.length === 1
      ? problems[0]
      : `Definitions of this process do not fit what may be stored:\n- ${problems.join('\n- ')}`;
  return new FieldEncryptionError('DEFINITION_MISMATCH', message);
}

/** @throws FieldEncryptionError `DEFINITION_MISMATCH`. */
export function requireFits(
  record: DefinitionRecord | undefined,
  declared: DeclaredCollection,
): void {
  const problem = mismatchOf(record, declared);
  if (problem !== undefined) throw definitionMismatch([problem]);
}

/** Paths that the process seals, and of which the record does not say so. */
export function unrecordedPaths(
  record: DefinitionRecord | undefined,
  { sealed }: Pick<DeclaredCollection, 'sealed'>,
): readonly string[] {
  const paths = new Set(record?.paths);
  return sealed.filter((path) => !paths.has(path));
}

/** Paths under which something may be stored that the process cannot open. */
export function uncoveredPaths(
  record: DefinitionRecord,
  { covered }: Pick<DeclaredCollection, 'covered'>,
): readonly string[] {
  return record.paths.filter((path) => !covered.has(path));
}

/** Paths that the process opens and does not seal: they may leave the record. */
export function forgettablePaths(
  record: DefinitionRecord,
  { covered, sealed }: Pick<DeclaredCollection, 'covered' | 'sealed'>,
): readonly string[] {
  return record.paths.filter((path) => covered.has(path) && !sealed.includes(path));
}

export function definitionUnrecorded(
  collection: string,
  paths: readonly string[],
): ReadinessWarning {
  return {
    code: 'DEFINITION_UNRECORDED',
    message: `${definitionRecordOf(collection)} lacks ${inWords(quoted(paths))}, which this process seals: the record was restored, removed or changed since; restart the process, or call registerDefinitions again`,
  };
}

interface DefinitionChange {
  readonly declared: DeclaredCollection;
  /** For the error where other writers are always faster: `Adding the paths of "notes"`. */
  readonly what: string;
  /** @throws Where the record that was read must not be changed. */
  readonly check: (record: DefinitionRecord | undefined) => void;
  /** The paths that the record should have, given what it has; `undefined` where nothing is to be done. */
  readonly change: (record: DefinitionRecord | undefined) => readonly string[] | undefined;
  /** Called before each write. */
  readonly beforeWrite: () => Promise<unknown>;
}

/**
 * Changes the paths of a record by compare-and-set, and reads it again after each race.
 *
 * @param first - The copy to begin with; `undefined` where there was no record.
 * @throws FieldEncryptionError `CONTENDED`.
 */
export async function changeDefinition(
  parts: DefinitionParts,
  first: DefinitionCopy | undefined,
  { declared: { collection, key }, what, check, change, beforeWrite }: DefinitionChange,
): Promise<void> {
  const { product, dekStore, clock, audit, signal } = parts;
  let copy = first;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    if (attempt > 0) {
      await backOff(clock, attempt, signal);
      copy = await readDefinition(parts, collection);
    }
    check(copy?.record);
    const paths = change(copy?.record);
    if (!paths) return;
    await beforeWrite();
    signal?.throwIfAborted();
    const next = definitionRecord({
      ...{ product, collection, key, paths },
      updatedAt: timestampOf(clock),
    });
    const over = copy?.etag;
    // Without the signal: a write that was sent is always awaited.
    const write = async (): Promise<{ readonly record: DefinitionRecord | undefined }> => {
      await (over === undefined ? dekStore.createItem(next) : dekStore.replaceItem(next, over));
      return { record: next };
    };
    const done = await tryWrite(write, async () => {
      // Another process may have written its own change on top: what is stored decides.
      const record = (await readDefinition(parts, collection))?.record;
      return change(record) ? undefined : { record };
    });
    if (!done) continue;
    if (done.record) await audit?.definitionsChanged(copy?.record, done.record);
    check(done.record);
    return;
  }
  throw contended(what, MOST_ATTEMPTS);
}
