/** Makes a DEK store that was restored from a backup safe to write to. @module */
import { timestampOf } from '../async/clock.js';
import { makeRoundTrip } from '../dek/dek-wraps.js';
import { requireKnownProduct } from '../dek/known-product.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { FieldEncryptionError } from '../errors/errors.js';
import { isSameMek, mekIn, type MekReference } from '../format/dek-row.js';
import { isDekId, isScopeId } from '../format/key-scope.js';
import { adoptedRecord, type RotationRecord } from '../format/rotation-record.js';
import { readEncryption, readOptions, requireIntegerBetween } from '../guards/guards.js';
import { type NamedMek, readConfiguredMek } from '../provider/named-mek.js';
import { requireDefinition, requireDocumentStore } from '../run/required-parts.js';
import { runPass, RunTally } from '../run/passes.js';
import {
  type EncryptionContext,
  type RunContext,
  readRunOptions,
  runContext,
  type RunOptions,
  runParts,
  type RunParts,
  type RunRequest,
  summaryHead,
} from '../run/run-context.js';
import type {
  FenceEvent,
  FinishedEvent,
  PassedEvent,
  PassEvent,
  RunBegunEvent,
  RunSummary,
} from '../run/run-event.js';
import type { AnyDocumentStore } from '../run/scanned-document.js';
import type { DocumentStore } from '../store/document-store.js';
import { finishRun } from '../run/run-publisher.js';
import { storeRecord } from '../run/rotation-record.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import { untilDone } from '../store/compare-and-set.js';
import {
  documentsPass,
  HIGHEST_EPOCH,
  type RestoredCollection,
  type RestoredDocumentEvent,
  type RestoredRowEvent,
  rowsPass,
  Sightings,
} from './restored-items.js';

export interface AdoptSummary extends RunSummary {
  /** Of the rotation record now; in a dry run: after the same call without `dryRun`. */
  readonly epoch: number;
  readonly generationFloor: number;
  readonly target: MekReference;
  /** Documents that were read. */
  readonly documents: number;
  /** Documents that could not be checked. */
  readonly failedDocuments: number;
  /** Documents with a DEK that has no live row. */
  readonly documentsWithoutDek: number;
  /** Documents that were sealed after the backup of the row of one of their DEKs. */
  readonly documentsNewerThanRow: number;
}

type AdoptStepEvent =
  FenceEvent | PassedEvent | PassEvent | RestoredDocumentEvent | RestoredRowEvent | RunBegunEvent;

export type AdoptEvent = AdoptStepEvent | FinishedEvent<AdoptSummary>;

/** A collection whose envelopes name DEKs of the store. */
export interface RestoredDocuments {
  readonly definition: AnyDefinition;
  readonly documentStore: DocumentStore<object>;
}

export interface AdoptRestoredStoreOptions extends RunOptions {
  /** The MEK version for new DEKs. @default that of the restored rotation record */
  readonly target?: NamedMek;
  /** The highest epoch that anything outside the store remembers: logs, events, the audit trail. @default 0 */
  readonly epochSeen?: number;
  /** All collections whose documents may name a DEK that was lost. @default none */
  readonly documents?: readonly RestoredDocuments[];
  /** DEKs that were shredded after the backup: dekIds, or a scopeId for all DEKs of a scope. @default none */
  readonly shredAgain?: readonly string[];
}

interface AdoptRequest extends RunRequest {
  readonly target: MekReference | undefined;
  readonly epochSeen: number;
  readonly documents: readonly RestoredCollection[];
  readonly shredAgain: ReadonlySet<string>;
}

const OPTIONS = ['target', 'epochSeen', 'documents', 'shredAgain'] as const;

/** @throws TypeError or RangeError for invalid options. */
function readAdoptOptions(
  options: AdoptRestoredStoreOptions,
  { configured }: RunParts,
): AdoptRequest {
  const { own, request } = readRunOptions(options, OPTIONS);
  const { epochSeen = 0, documents = [], shredAgain = [] } = own;
  requireIntegerBetween('epochSeen', epochSeen, 0, HIGHEST_EPOCH);
  const target =
    own.target === undefined ? undefined : readConfiguredMek('target', own.target, configured);
  return {
    ...request,
    target,
    epochSeen,
    documents: readDocuments(documents),
    shredAgain: readShredAgain(shredAgain),
  };
}

function readDocuments(documents: unknown): readonly RestoredCollection[] {
  if (!Array.isArray(documents)) throw new TypeError('"documents" expected a list');
  return documents.map((each) => {
    const own = readOptions(
      each as RestoredDocuments,
      ['definition', 'documentStore'],
      'documents[]',
    );
    requireDefinition('documents[].definition', own.definition);
    requireDocumentStore('documents[].documentStore', ['list', 'count'], own.documentStore);
    return { definition: own.definition, documentStore: own.documentStore as AnyDocumentStore };
  });
}

function readShredAgain(ids: unknown): ReadonlySet<string> {
  if (!Array.isArray(ids)) throw new TypeError('"shredAgain" expected a list of dekIds');
  for (const id of ids as unknown[]) {
    if (!isDekId(id) && !isScopeId(id)) {
      throw new RangeError('"shredAgain" expected dekIds and scopeIds, got another text');
    }
  }
  return new Set(ids as string[]);
}

interface Adopting extends RunContext {
  readonly request: AdoptRequest;
  readonly minimumEpoch: number;
}

/**
 * Makes a DEK store that was restored from a backup, or from a point in time, safe to write to.
 *
 * Stop every writer first, and start them only after this has finished. What was written after the backup is
 * gone: a rotation record, rows, tombstones. So this reads every row, and with `documents` every document, and
 * then
 *
 * - raises the epoch of the rotation record above that of every row, above `epochSeen` and above
 *   `minimumEpoch`: no process that remembers the lost record refuses the new one, or acts by the old one;
 * - raises `generationFloor` above every generation that a row, a tombstone or an envelope names, and far above
 *   what nothing shows any more: no new DEK gets the id of a lost one;
 * - shreds again what `shredAgain` names: the backup brought those DEKs back;
 * - reports documents whose DEK has no live row, and documents that were sealed after the backup of their row.
 *
 * It ends with a wait of a whole fence, and of twice the read lag of the store, as a rotation does. The record
 * then names an unfinished rotation: start the writers, and finish it with `rewrapAllDeks` and the same target.
 *
 * Nothing happens before the first `next()`. Stop it at any point and run it again: what is done is not done
 * again. Try it with `dryRun` first.
 *
 * @param encryption - A `FieldEncryptor`, or its parts. Its `minimumEpoch` may be above the restored record.
 * @returns Events as they happen. A row is `changed` where it was shredded again. A document is `skipped` with
 *   the `reason` `dek-missing` or `row-older` and the `dekIds`. The last event is `finished` and carries the
 *   summary, which the generator also returns.
 * @throws TypeError or RangeError for invalid options. FieldEncryptionError `ROTATION_RECORD_MISSING`: the
 *   backup has no record, so pass `target`; `PRODUCT_EMPTY`; `CONTENDED`: a writer is still running. Errors of
 *   the provider on the target, and of the stores; the signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import {
 *   adoptRestoredStore, createFieldEncryptor, defineDocument, EnvKeyProvider,
 * } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(), // in production: the restored store
 *   fenceTtlMs: 1_000,
 * });
 * const documentStore = new MemoryDocumentStore({ key: note.key });
 * await documentStore.create(await encryptor.encryptDocument(note, { id: '1', body: 'Hi' }));
 *
 * const documents = [{ definition: note, documentStore }];
 * for await (const event of adoptRestoredStore(encryptor, { epochSeen: 3, documents })) {
 *   if (event.type === 'skipped' && 'key' in event) console.log(event.key, event.reason, event.dekIds);
 *   if (event.type === 'finished') console.log(event.summary.epoch, event.summary.complete); // 4 true
 * }
 * ```
 */
export async function* adoptRestoredStore(
  encryption: EncryptionContext,
  options: AdoptRestoredStoreOptions = {},
): AsyncGenerator<AdoptEvent, AdoptSummary, void> {
  const parts = runParts(encryption);
  const request = readAdoptOptions(options, parts);
  const { minimumEpoch = 1 } = readEncryption(encryption);
  const context = { ...runContext(parts, request), request, minimumEpoch };
  return yield* finishRun<AdoptStepEvent, AdoptSummary>(context, { run: RUN }, () =>
    adopt(context),
  );
}

const RUN = 'adoptRestoredStore';

async function* adopt(context: Adopting): AsyncGenerator<AdoptStepEvent, AdoptSummary, void> {
  const { product, dekStore, records, request, signal, providers } = context;
  const { dryRun, allowEmpty, documents } = request;
  if (!allowEmpty) await requireKnownProduct(dekStore, product, { signal });
  // Not as writers read it: they refuse a record below `minimumEpoch`.
  const restored = await records.read();
  await makeRoundTrip(providers, targetFor(context, restored?.record), { signal });
  yield { type: 'begun', run: RUN, product };
  const seen = new Sightings(restored?.record);
  const tally = new RunTally(request);
  yield* runPass(tally, rowsPass(context, seen));
  const rows = tally.counts;
  for (const each of documents) yield* runPass(tally, documentsPass(context, each, seen));
  const record = dryRun
    ? nextRecord(context, restored?.record, seen)
    : await untilDone('Adopting the restored store', () => storeNext(context, seen));
  if (!dryRun) yield* waitForWriters(context, record);
  const failedDocuments = tally.sum('failedDocuments');
  return {
    ...summaryHead(context, RUN),
    complete: !dryRun && rows.failed + failedDocuments === 0,
    ...rows,
    passes: tally.passes,
    failures: tally.allFailures,
    epoch: record.epoch,
    generationFloor: record.generationFloor,
    target: mekIn(record),
    documents: tally.sum('documents'),
    failedDocuments,
    documentsWithoutDek: tally.sum('withoutDek'),
    documentsNewerThanRow: tally.sum('newerThanRow'),
  };
}

function targetFor(
  { product, request: { target } }: Adopting,
  record: RotationRecord | undefined,
): MekReference {
  if (target) return target;
  if (record) return mekIn(record);
  throw new FieldEncryptionError(
    'ROTATION_RECORD_MISSING',
    `The restored store has no rotation record of "${product}": pass "target", the MEK version for new DEKs`,
  );
}

/** The record as it was read, where it is already above everything. */
function nextRecord(
  context: Adopting,
  record: RotationRecord | undefined,
  seen: Sightings,
): RotationRecord {
  const { product, clock, fenceTtlMs, minimumEpoch, request } = context;
  const target = targetFor(context, record);
  const leastEpoch = Math.max(seen.epoch, request.epochSeen, minimumEpoch) + 1;
  const generationFloor = Math.max(record?.generationFloor ?? 1, seen.safeFloor);
  if (record && record.epoch >= leastEpoch && isSameMek(record, target)) {
    return generationFloor === record.generationFloor ? record : { ...record, generationFloor };
  }
  const epoch = Math.max(leastEpoch, (record?.epoch ?? 0) + 1);
  const now = timestampOf(clock);
  return adoptedRecord(record, { product, target, epoch, fenceTtlMs, generationFloor, now });
}

/** `undefined` where another process wrote the record first. */
async function storeNext(context: Adopting, seen: Sightings): Promise<RotationRecord | undefined> {
  const { records, signal, audit } = context;
  signal?.throwIfAborted();
  const copy = await records.read();
  const next = nextRecord(context, copy?.record, seen);
  if (next === copy?.record) return next;
  signal?.throwIfAborted();
  const stored = await storeRecord(context, copy, next);
  signal?.throwIfAborted();
  if (stored) {
    // This process has seen the new epoch from here on.
    await records.read();
    await audit?.rotationChanged(copy?.record, stored);
  }
  return stored;
}
