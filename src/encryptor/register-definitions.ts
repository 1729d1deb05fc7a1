/** Compares the definitions of a process with what may be stored, before it reads or writes documents. @module */
import { ownCallOptions, unlessAborted, type CallOptions } from '../async/abort.js';
import { DekCache } from '../dek/dek-cache.js';
import { dekServices } from '../dek/dek-services.js';
import type { RecordReader } from '../dek/record-reader.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { DefinitionRecord } from '../format/definition-record.js';
import { isUnreadable } from '../format/item-shape.js';
import { readEncryption, requireBoolean } from '../guards/guards.js';
import {
  changeDefinition,
  declaredCollection,
  definitionMismatch,
  isSameKey,
  mismatchOf,
  readDefinition,
  requireFits,
  unrecordedPaths,
  type DeclaredCollection,
  type DefinitionCopy,
  type DefinitionParts,
} from '../run/definition-record.js';
import { requireDefinitions, requireDekStore } from '../run/required-parts.js';
import { auditedCall } from '../run/audited-call.js';
import {
  readRunOptions,
  runContext,
  runParts,
  type EncryptionContext,
} from '../run/run-context.js';
import { registeredBy } from './registered-definitions.js';

export interface RegisterDefinitionsOptions extends CallOptions {
  /**
   * Starts a process that cannot open everything that may be stored, also where the record cannot be read or
   * is not authentic. The paths of the process are added to a record that can be read and has the same key;
   * any other is left as it is. @default false
   */
  readonly insecureIgnoreDefinitionRecord?: boolean;
}

/**
 * Refuses to start a process that cannot open what may be stored, and records what it will seal.
 *
 * Each collection has a definitions record in the DEK store: its key, and every path under which something
 * may be stored sealed. Call this once at the start, before the first document is read or written, with every
 * definition that the process uses; `initEncryption` does it for its `collections`. All records are read and
 * compared first. Then the paths that this process seals (stages `sealed` and `sealing`) are added, where
 * they are missing: stage `opening` and `former` add nothing, and neither does `enabled: false`. Where nothing
 * is missing, nothing is written. The first path of a product also creates its rotation record, as its first
 * DEK would.
 *
 * Several definitions of one collection count together, those of earlier calls with the same encryptor too.
 * `checkReadiness` of the encryptor compares them with the records each time.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @throws FieldEncryptionError `DEFINITION_MISMATCH`, with every problem: values may be stored sealed under
 *   paths that are neither in `fields` nor in `former`, or the collection has another key. Nothing was
 *   written, unless another process added a path at the same moment. `ROTATION_RECORD_MISSING`: restore it;
 *   `CONTENDED`: try again.
 * @throws TamperedError, `ROW_UNSUPPORTED` or `RECORD_KEY_UNKNOWN` for a record that cannot be read. Errors of
 *   the store and the provider are passed on: a failed read never counts as an absent record. TypeError or
 *   RangeError for invalid definitions and options.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, isFieldEncryptionError, registerDefinitions } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * interface Note { id: string; title: string; body: string }
 *
 * const parts = {
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 * };
 * const shape = { collection: 'notes', key: ['id'] } as const;
 * const note = defineDocument<Note>()({ ...shape, fields: ['title', 'body'] });
 * await registerDefinitions(createFieldEncryptor(parts), [note]);
 * const earlier = defineDocument<Note>()({ ...shape, fields: ['body'] });
 * try {
 *   await registerDefinitions(createFieldEncryptor(parts), [earlier]); // in another process
 * } catch (error) {
 *   if (isFieldEncryptionError(error)) console.log(error.code); // DEFINITION_MISMATCH
 * }
 * ```
 */
export async function registerDefinitions(
  encryption: EncryptionContext,
  definitions: readonly AnyDefinition[],
  options: RegisterDefinitionsOptions = {},
): Promise<void> {
  const own = ownCallOptions(options, ['insecureIgnoreDefinitionRecord']);
  const { signal, insecureIgnoreDefinitionRecord: ignores = false } = own;
  requireBoolean('insecureIgnoreDefinitionRecord', ignores);
  requireDefinitions(definitions);
  const { dekStore, enabled = true } = readEncryption(encryption);
  requireDekStore('dekStore', ['getItem', 'createItem', 'replaceItem'], dekStore);
  const context = registrationContext(encryption, { signal, ignores });
  const registry = registeredBy(encryption);
  const collections = registry.collectionsOf(definitions).map(declaredCollection);
  await unlessAborted(signal, async () => {
    const stored = await readAll(context, collections);
    if (enabled) await addAll(context, stored);
  });
  registry.add(definitions);
}

interface RegistrationContext extends DefinitionParts {
  readonly records: RecordReader;
  readonly ignores: boolean;
}

function registrationContext(
  encryption: EncryptionContext,
  { signal, ignores }: Pick<RegistrationContext, 'ignores' | 'signal'>,
): RegistrationContext {
  const { request } = readRunOptions({ signal, allowEmpty: true });
  const context = runContext(runParts(encryption), request);
  const { product, providers, dekStore, clock, recoveryKey, fenceTtlMs, epochs, audit } = context;
  // As for a first DEK: a weak MEK begins no product.
  const dekCache = new DekCache({ clock, maxEntries: 1 });
  const parts = { product, providers, dekStore, dekCache, clock, recoveryKey };
  const { records } = dekServices(parts, { fenceTtlMs, epochs });
  return { product, dekStore, clock, audit, signal, records, ignores };
}

interface Stored {
  readonly declared: DeclaredCollection;
  readonly copy: DefinitionCopy | undefined;
}

/** @returns Those whose record can be read. */
async function readAll(
  context: RegistrationContext,
  collections: readonly DeclaredCollection[],
): Promise<readonly Stored[]> {
  const { signal, ignores } = context;
  const stored: Stored[] = [];
  const problems: string[] = [];
  for (const declared of collections) {
    signal?.throwIfAborted();
    try {
      const copy = await readDefinition(context, declared.collection);
      const problem = mismatchOf(copy?.record, declared);
      if (problem !== undefined) problems.push(problem);
      stored.push({ declared, copy });
    } catch (error) {
      // An outage is not ignored: it is unknown then whether there is a record.
      if (!ignores || !isUnreadable(error)) throw error;
    }
  }
  const [first, ...others] = problems;
  if (first !== undefined && !ignores) throw definitionMismatch([first, ...others]);
  return stored;
}

/** Where nothing is to be written, nothing is recorded. */
async function addAll(context: RegistrationContext, stored: readonly Stored[]): Promise<void> {
  const add = async (): Promise<void> => {
    for (const each of stored) await addPaths(context, each);
  };
  const changed = stored.filter(({ declared, copy }) => pathsWith(copy?.record, declared));
  if (changed.length === 0) return add();
  const collections = changed.map(({ declared }) => declared.collection);
  await auditedCall({ ...context, name: 'registerDefinitions', facts: { collections } }, add);
}

function addPaths(context: RegistrationContext, { declared, copy }: Stored): Promise<void> {
  const { ignores, records } = context;
  return changeDefinition(context, copy, {
    declared,
    what: `Adding the paths of "${declared.collection}" to its definitions record`,
    check: (record) => {
      if (!ignores) requireFits(record, declared);
    },
    change: (record) => pathsWith(record, declared),
    // Items of this type are stored only after the product has a rotation record.
    beforeWrite: () => records.readOrCreate(),
  });
}

/** `undefined` where nothing is to be added. */
function pathsWith(
  record: DefinitionRecord | undefined,
  declared: DeclaredCollection,
): readonly string[] | undefined {
  // Its paths are of documents at other places.
  if (record && !isSameKey(record.key, declared.key)) return undefined;
  const missing = unrecordedPaths(record, declared);
  return missing.length > 0 ? [...(record?.paths ?? []), ...missing] : undefined;
}
