/** Brings single DEK rows back from a restored copy of the store. @module */
import { readEncryption } from '../guards/guards.js';
import { runPass, RunTally } from '../run/passes.js';
import { requireDekStore } from '../run/required-parts.js';
import { freshRecord } from '../run/rotation-record.js';
import {
  type EncryptionContext,
  readRunOptions,
  runContext,
  runEstimate,
  runParts,
  type RunContext,
  type RunOptions,
  summaryHead,
} from '../run/run-context.js';
import type {
  FinishedEvent,
  OutcomeOf,
  PassedEvent,
  PassEvent,
  RunBegunEvent,
  RunEstimate,
  RunSummary,
} from '../run/run-event.js';
import { finishRun } from '../run/run-publisher.js';
import { authenticatedAs } from '../store/authenticate-records.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import { type DekStore, originOf } from '../store/dek-store.js';
import { type CopiedRow, CopiedRows, readRowSelection } from './copied-rows.js';
import { type ImportRowEvent, RowImport } from './row-import.js';

export interface ImportDekRowsOptions extends RunOptions {
  /**
   * The copy to read, which is never written: for example a point-in-time restore into another account. Its
   * rows are authenticated as those of `dekStore` are, unless it is a store of `authenticateRecords` itself.
   */
  readonly from: DekStore;
  /** Imports these rows, and those of `scopes`. @default all rows of the product, without `scopes` */
  readonly dekIds?: readonly string[];
  /** Imports every generation of these scopes: the 32 hex digits of a dekId before its dot. */
  readonly scopes?: readonly string[];
}

export interface ImportDekRowsSummary extends RunSummary {
  /** Only in a dry run. */
  readonly estimate?: RunEstimate;
}

type ImportStepEvent = ImportRowEvent | PassedEvent | PassEvent | RunBegunEvent;

export type ImportDekRowsEvent = FinishedEvent<ImportDekRowsSummary> | ImportStepEvent;

/**
 * Brings single DEK rows back from a restored copy of the store: rows that were deleted, or that a restore of
 * the whole store would bring back at the price of newer ones.
 *
 * It only creates rows. A row that the store has, in any state, is `skipped`, and so is a row of a scope that
 * has a tombstone of a later generation: the document was shredded after the row was lost. Name that row in
 * `dekIds` to import it anyway. Before a row is created, its content, its generation and its mac are
 * checked, and its DEK is unwrapped with the row's own MEK version and compared with the commitment. A row
 * that does not open is `failed`, for example because its MEK version is disabled: enable the version, and
 * run it again. A tombstone of the copy is imported as a tombstone.
 *
 * The new row has the epoch of the rotation record, a wrap of its target, and a mac of this store where records
 * are authenticated: a rotation that was complete stays so. The wrap that the row had is its `previousWrap`. A
 * DEK that a later generation has replaced is `retired`: it opens, and does not seal.
 *
 * Do a dry run first. It may run during live traffic; writers use a row as soon as it is `changed`. Stop it at
 * any point, and run it again to continue; another run of a finished one writes nothing.
 *
 * @param encryption - A `FieldEncryptor`, or its parts: where the rows are created.
 * @returns Events as they happen. The last one is `finished` and carries the summary, which the generator
 *   also returns: check `complete`, and the `failed` events before it.
 * @throws TypeError or RangeError for invalid options, and where `from` is the store itself.
 *   FieldEncryptionError `DEK_NOT_FOUND`: the copy has no row of the product, or of a scope;
 *   `ROTATION_RECORD_MISSING`: restore the record first; `CONTENDED`: run it again. Errors of either store
 *   where it cannot list: run it again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, importDekRows } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const keyProviders = [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })];
 * const [dekStore, restored] = [new MemoryDekStore(), new MemoryDekStore()];
 * const shared = { product: 'notelett', keyProviders };
 * const before = createFieldEncryptor({ ...shared, dekStore: restored });
 * const stored = await before.encryptDocument(note, { id: '1', body: 'Hi' });
 *
 * const encryptor = createFieldEncryptor({ ...shared, dekStore });
 * await encryptor.encryptDocument(note, { id: '2', body: 'Ho' });
 * const dekIds = [stored.body.dekId]; // findMissingDeks names them
 * for await (const event of importDekRows(encryptor, { from: restored, dekIds })) {
 *   if (event.type === 'failed') console.error(event.dekId, event.error);
 *   if (event.type === 'finished') console.log(event.summary.changed); // 1
 * }
 * console.log((await encryptor.decryptDocument(note, stored)).body); // Hi
 * ```
 */
export async function* importDekRows(
  encryption: EncryptionContext,
  options: ImportDekRowsOptions,
): AsyncGenerator<ImportDekRowsEvent, ImportDekRowsSummary, void> {
  const { own, request } = readRunOptions(options, ['from', 'dekIds', 'scopes']);
  requireDekStore('from', ['getMany', 'list', 'count'], own.from);
  const selection = readRowSelection(own.dekIds, own.scopes);
  const context = runContext(runParts(encryption), request);
  const rows = new CopiedRows(context, copyOf(encryption, own.from, context), selection);
  return yield* finishRun<ImportStepEvent, ImportDekRowsSummary>(
    context,
    { run: 'importDekRows' },
    () => imported(context, rows),
  );
}

/** @throws RangeError where it is the store that the rows are imported into. */
function copyOf(
  encryption: EncryptionContext,
  from: DekStore,
  { product, clock, charge }: RunContext,
): DekStore {
  const { dekStore } = readEncryption(encryption);
  if (originOf(from) === originOf(dekStore)) {
    throw new RangeError('"from" is the "dekStore" that rows are imported into: pass the copy');
  }
  return new CheckedDekStore(authenticatedAs(dekStore, from), { product, clock }, charge);
}

async function* imported(
  context: RunContext,
  rows: CopiedRows,
): AsyncGenerator<ImportStepEvent, ImportDekRowsSummary, void> {
  const { product, request, budget, signal } = context;
  await freshRecord(context);
  await rows.requireRows();
  yield { type: 'begun', run: 'importDekRows', product };
  const tally = new RunTally(request);
  const rowImport = new RowImport(context, rows);
  yield* runPass<CopiedRow, OutcomeOf<ImportRowEvent>>(tally, {
    purpose: 'change',
    total: () => rows.count(),
    pages: () => rows.pages(),
    settle: (row) => rowImport.settle(row),
    concurrency: budget,
    signal,
  });
  const complete = !request.dryRun && tally.counts.failed === 0;
  const estimate = request.dryRun ? { estimate: runEstimate(context, tally) } : {};
  return { ...summaryHead(context, 'importDekRows'), complete, ...tally.counts, ...estimate };
}
