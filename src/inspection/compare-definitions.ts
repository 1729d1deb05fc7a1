/** Compares definitions with what may be stored, without a write. @module */
import { ownCallOptions, type CallOptions, unlessAborted } from '../async/abort.js';
import { requireKnownProduct, type ProductOptions } from '../dek/known-product.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { DefinitionRecord } from '../format/definition-record.js';
import { readEncryption, requireBoolean } from '../guards/guards.js';
import {
  byCollection,
  declaredCollection,
  forgettablePaths,
  isSameKey,
  mismatchOf,
  readDefinition,
  uncoveredPaths,
  unrecordedPaths,
  type DeclaredCollection,
} from '../run/definition-record.js';
import { requireDefinitions, requireDekStore } from '../run/required-parts.js';
import { searchContext, type SearchContext, type SearchedEncryption } from '../run/search.js';

/** One collection, as it is declared and as its definitions record has it. */
export interface DefinitionComparison {
  readonly collection: string;
  /** Absent where the collection has no definitions record. */
  readonly recorded?: Pick<DefinitionRecord, 'key' | 'paths' | 'updatedAt'>;
  readonly declared: {
    readonly key: readonly string[];
    /** Paths in stage `sealed` or `sealing`. */
    readonly sealed: readonly string[];
    /** Paths that can be opened: those of any stage, and `former`. */
    readonly covered: readonly string[];
  };
  /** The record has another key: its documents are at other places, and the next three lists are empty. */
  readonly keyDiffers: boolean;
  /** Values may be stored sealed under these paths, and no definition declares them. */
  readonly uncovered: readonly string[];
  /** Declared as sealed, and not in the record: `registerDefinitions` adds them. */
  readonly unrecorded: readonly string[];
  /** In the record, declared, and no longer sealed: `forgetPaths` can remove them. */
  readonly forgettable: readonly string[];
  /** Why `registerDefinitions` refuses these definitions, with what to do; absent where it accepts them. */
  readonly problem?: string;
}

/**
 * Compares the definitions of a process with the definitions records of its product: what
 * `registerDefinitions` would refuse or add, and what `forgetPaths` could remove.
 *
 * Reads only, and needs no key provider. Several definitions of one collection count together.
 *
 * @param encryption - A `FieldEncryptor`, or its product and store.
 * @returns One comparison for each collection, in the order of the definitions.
 * @throws TamperedError, `ROW_UNSUPPORTED` or `RECORD_KEY_UNKNOWN` for a record that cannot be read:
 *   `readRecords` lists them all. FieldEncryptionError `PRODUCT_EMPTY` for a product with neither a rotation
 *   record nor rows. Errors of the store: a failed read never counts as an absent record. TypeError or
 *   RangeError for invalid definitions and options.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { compareDefinitions, createFieldEncryptor, defineDocument, EnvKeyProvider, registerDefinitions } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * interface Note { id: string; titel?: string; title: string }
 *
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 * });
 * const shape = { collection: 'notes', key: ['id'] } as const;
 * await registerDefinitions(encryptor, [defineDocument<Note>()({ ...shape, fields: ['titel'] })]);
 * const note = defineDocument<Note>()({ ...shape, fields: ['title'] });
 * for (const { uncovered, unrecorded } of await compareDefinitions(encryptor, [note])) {
 *   console.log(uncovered, unrecorded); // [ 'titel' ] [ 'title' ]
 * }
 * ```
 */
export async function compareDefinitions(
  encryption: SearchedEncryption,
  definitions: readonly AnyDefinition[],
  options: CallOptions & ProductOptions = {},
): Promise<readonly DefinitionComparison[]> {
  const { allowEmpty = false, signal } = ownCallOptions(options, ['allowEmpty']);
  requireBoolean('allowEmpty', allowEmpty);
  requireDefinitions(definitions);
  requireDekStore('dekStore', ['getItem', 'count'], readEncryption(encryption).dekStore);
  const context = searchContext(encryption, { concurrency: 1, allowEmpty, signal });
  const collections = [...byCollection(definitions).values()].map(declaredCollection);
  return unlessAborted(signal, () => compareAll(context, collections));
}

async function compareAll(
  context: SearchContext,
  collections: readonly DeclaredCollection[],
): Promise<readonly DefinitionComparison[]> {
  const { product, dekStore, allowEmpty, signal } = context;
  const compared: DefinitionComparison[] = [];
  for (const declared of collections) {
    const copy = await readDefinition(context, declared.collection);
    compared.push(comparisonOf(declared, copy?.record));
  }
  const isUnknown = compared.every(({ recorded }) => recorded === undefined);
  if (isUnknown && !allowEmpty) await requireKnownProduct(dekStore, product, { signal });
  return compared;
}

function comparisonOf(
  declared: DeclaredCollection,
  record: DefinitionRecord | undefined,
): DefinitionComparison {
  const { collection, key, covered, sealed } = declared;
  const keyDiffers = record !== undefined && !isSameKey(record.key, key);
  const problem = mismatchOf(record, declared);
  return {
    collection,
    ...(record && { recorded: recordedIn(record) }),
    declared: { key: [...key], sealed: [...sealed], covered: [...covered] },
    keyDiffers,
    uncovered: record && !keyDiffers ? uncoveredPaths(record, declared) : [],
    unrecorded: keyDiffers ? [] : unrecordedPaths(record, declared),
    forgettable: record && !keyDiffers ? forgettablePaths(record, declared) : [],
    ...(problem !== undefined && { problem }),
  };
}

function recordedIn({
  key,
  paths,
  updatedAt,
}: DefinitionRecord): NonNullable<DefinitionComparison['recorded']> {
  return { key: [...key], paths: [...paths], updatedAt };
}
