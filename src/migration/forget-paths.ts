/** Takes paths out of the definitions record of a collection, once nothing is sealed under them. @module */
import { placeOf } from '../document/document-draft.js';
import { isPlainObject, requirePlainObject } from '../guards/guards.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { FieldEncryptionError, hasCode } from '../errors/errors.js';
import type { DefinitionRecord } from '../format/definition-record.js';
import {
  changeDefinition,
  declaredCollection,
  forgettablePaths,
  isSameKey,
  readDefinition,
  requireFits,
  type DeclaredCollection,
  type DefinitionCopy,
} from '../run/definition-record.js';
import { type PassPlan, runPass, type RunTally, type Settled } from '../run/passes.js';
import type { PassEvent } from '../run/run-event.js';
import { requireRecord } from '../run/rotation-record.js';
import type { EncryptionContext } from '../run/run-context.js';
import {
  type AnyDocument,
  type AnyDocumentItem,
  documentPages,
  identityOf,
} from '../run/scanned-document.js';
import { ownEnvelopes } from '../cipher/own-envelopes.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import type { DocumentStore } from '../store/document-store.js';
import { type DocumentPasses, keepLease } from './document-passes.js';
import { migrateDocuments } from './migrate-documents.js';
import {
  type MigrationContext,
  readWholeMigrationOptions,
  type WholeMigrationOptions,
} from './migration-options.js';
import type {
  DocumentOutcome,
  MigrationEvent,
  MigrationStepEvent,
  MigrationSummary,
  RecordedPath,
} from './migration-event.js';

/**
 * Takes the paths out of the definitions record that the definition does not seal and under which no document
 * holds an envelope: its `former` paths, and those in stage `opening`. From then on processes start that do
 * not declare these paths at all.
 *
 * First make sure that every process of the product declares these paths neither `sealed` nor `sealing`, and
 * that none begins to during the run: the library cannot check that. Move what is left to the current
 * definition with `backfillDocuments`. Then run this, with the definition that the processes use.
 *
 * It waits until no writer can act on what it read before, scans the whole collection twice, and removes the
 * paths of which both scans found nothing. It writes only that record, and no document. It has the lease of
 * the collection, like {@link backfillDocuments}, and runs during live traffic. Stop it at any point, and run
 * it again: another run of a finished one scans nothing.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns Events as they happen, like those of {@link backfillDocuments}. A document that holds an envelope
 *   under such a path is a `failed` event with `DEFINITION_MISMATCH`. The summary has `paths`: each path that
 *   the definition does not seal, how many envelopes the last scan found under it, and whether it was
 *   forgotten. `complete` means that all were. A document that cannot be checked keeps every path.
 * @throws TypeError or RangeError for invalid options, and with `enabled: false`.
 * @throws FieldEncryptionError `DEFINITION_MISMATCH` where the record has a path that the definition does not
 *   declare, or another key: nothing was read or written. What {@link backfillDocuments} throws.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, forgetPaths, registerDefinitions } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * const parts = {
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 *   fenceTtlMs: 1_000,
 * };
 * interface Note { id: string; titel?: string; title: string }
 * const shape = { collection: 'notes', key: ['id'] } as const;
 * const before = defineDocument<Note>()({ ...shape, fields: ['titel'] });
 * await registerDefinitions(createFieldEncryptor(parts), [before]);
 * const note = defineDocument<Note>()({ ...shape, fields: ['title'], former: ['titel'] });
 * const encryptor = createFieldEncryptor(parts);
 * await registerDefinitions(encryptor, [note]);
 * const notes = new MemoryDocumentStore({ key: note.key });
 * await notes.create(await encryptor.encryptDocument(note, { id: '1', title: 'Hi' }));
 * for await (const event of forgetPaths(encryptor, note, notes)) {
 *   if (event.type === 'failed') console.error(event.key, event.error);
 *   if (event.type === 'finished') console.log(event.summary.paths); // [{ path: 'titel', envelopes: 0, forgotten: true }]
 * }
 * ```
 */
export async function* forgetPaths(
  encryption: EncryptionContext,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  options: WholeMigrationOptions = {},
): AsyncGenerator<MigrationEvent, MigrationSummary, void> {
  const request = readWholeMigrationOptions(options);
  const paths: RecordedPath[] = [];
  return yield* migrateDocuments({
    run: 'forgetPaths',
    kind: 'forget-paths',
    enabled: true,
    encryption,
    definition,
    documentStore,
    request,
    work: (context, tally) => forget(context, tally, paths),
    conclusion: () => ({ complete: paths.every(({ forgotten }) => forgotten), paths }),
  });
}

async function* forget(
  context: MigrationContext,
  tally: RunTally,
  paths: RecordedPath[],
): DocumentPasses {
  const { definition, request } = context;
  const declared = declaredCollection([definition]);
  const copy = await readDefinition(context, definition.collection);
  requireFits(copy?.record, declared);
  const candidates = copy ? forgettablePaths(copy.record, declared) : [];
  if (candidates.length === 0) return;
  if (!request.dryRun) {
    yield* keepLease(context, waitForWriters(context, (await requireRecord(context)).record));
  }
  const found = yield* scans(context, tally, candidates);
  const forgotten = request.dryRun ? [] : candidates.filter((path) => found.isFree(path));
  if (forgotten.length > 0) await removePaths(context, { declared, copy, forgotten });
  for (const path of candidates) {
    paths.push({ path, envelopes: found.countOf(path), forgotten: forgotten.includes(path) });
  }
}

/** What scans found under the candidates. */
class FoundPaths {
  readonly candidates: readonly string[];
  readonly #seen = new Set<string>();
  readonly #counts = new Map<string, number>();
  #isUnsure = false;

  constructor(candidates: readonly string[]) {
    this.candidates = candidates;
  }

  begin(): void {
    this.#counts.clear();
  }

  add(path: string): void {
    this.#seen.add(path);
    this.#counts.set(path, this.countOf(path) + 1);
  }

  /** A document could not be checked. */
  addUnknown(): void {
    this.#isUnsure = true;
  }

  /** Of the last scan. */
  countOf(path: string): number {
    return this.#counts.get(path) ?? 0;
  }

  /** No scan found anything under it. */
  isFree(path: string): boolean {
    return !this.#isUnsure && !this.#seen.has(path);
  }
}

/** A dry run scans once. */
async function* scans(
  context: MigrationContext,
  tally: RunTally,
  candidates: readonly string[],
): AsyncGenerator<MigrationStepEvent, FoundPaths, void> {
  const found = new FoundPaths(candidates);
  const purposes: readonly PassEvent['purpose'][] = ['change', 'verify'];
  for (const purpose of context.request.dryRun ? purposes.slice(0, 1) : purposes) {
    found.begin();
    yield* runPass(tally, scan(context, purpose, found));
    if (!candidates.some((path) => found.isFree(path))) break;
  }
  return found;
}

function scan(
  context: MigrationContext,
  purpose: PassEvent['purpose'],
  found: FoundPaths,
): PassPlan<AnyDocumentItem, DocumentOutcome> {
  const { store, signal, budget: concurrency } = context;
  return {
    purpose,
    total: () => store.count({ signal }),
    pages: () => documentPages(store, signal),
    settle: async ({ document }) => {
      await context.requireLease();
      return check(context, document, found);
    },
    isFinding: (outcome) =>
      outcome.type === 'failed' && hasCode(outcome.error, 'DEFINITION_MISMATCH'),
    concurrency,
    signal,
  };
}

function check(
  { definition, product }: MigrationContext,
  document: AnyDocument,
  found: FoundPaths,
): Settled<DocumentOutcome> {
  const key = isPlainObject(document) ? identityOf(definition, document) : {};
  const failed = (error: unknown): Settled<DocumentOutcome> => ({
    outcome: { type: 'failed', key, error },
    lostRace: false,
  });
  try {
    requirePlainObject('document', document);
    const { scope } = placeOf(definition, product, document);
    const paths = ownEnvelopes(document, scope)
      .map(({ path }) => path)
      .filter((path) => found.candidates.includes(path));
    for (const each of paths) found.add(each);
    const [path] = paths;
    if (path !== undefined) return failed(stillSealed(path));
  } catch (error) {
    found.addUnknown();
    return failed(error);
  }
  return { outcome: { type: 'unchanged', key }, lostRace: false };
}

function stillSealed(path: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEFINITION_MISMATCH',
    `The value at "${path}" is still sealed, and the definition does not seal it there: move the document to the current definition with backfillDocuments, and run forgetPaths again`,
    { path },
  );
}

interface Removal {
  readonly declared: DeclaredCollection;
  readonly copy: DefinitionCopy | undefined;
  readonly forgotten: readonly string[];
}

/** Paths that other processes add meanwhile stay. */
async function removePaths(
  context: MigrationContext,
  { declared, copy, forgotten }: Removal,
): Promise<void> {
  await changeDefinition(context, copy, {
    declared,
    what: `Removing paths of "${declared.collection}" from its definitions record`,
    check: () => undefined,
    change: (record) => pathsWithout(record, declared, forgotten),
    beforeWrite: context.requireLease,
  });
}

/** `undefined` where nothing is to be removed. */
function pathsWithout(
  record: DefinitionRecord | undefined,
  { key }: DeclaredCollection,
  forgotten: readonly string[],
): readonly string[] | undefined {
  if (!record || !isSameKey(record.key, key)) return undefined;
  const left = record.paths.filter((path) => !forgotten.includes(path));
  return left.length < record.paths.length ? left : undefined;
}
