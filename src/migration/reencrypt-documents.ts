/** Gives each document a fresh DEK, beside live traffic. @module */
import { systemClock } from '../async/clock.js';
import { DekCache } from '../dek/dek-cache.js';
import { DekLoader } from '../dek/dek-loader.js';
import { GenerationBound } from '../dek/generation-bound.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { contended } from '../errors/errors.js';
import { readEncryption } from '../guards/encryption-parts.js';
import { readOptions, requireBoolean, readPastMoment } from '../guards/guards.js';
import { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyProvider } from '../provider/key-provider.js';
import { requireDekStore, requireKeyProvider } from '../run/required-parts.js';
import type { EncryptionContext } from '../run/run-context.js';
import type { RunTally } from '../run/run-counter.js';
import type { FenceEvent } from '../run/run-event.js';
import type { AnyDocumentStore } from '../run/scanned-document.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';
import { documentPass, documentPasses, type SettleDocument } from './document-passes.js';
import { migrateDocuments, requireEnabled } from './migrate-documents.js';
import type { MigrationEvent, MigrationStepEvent, MigrationSummary } from './migration-event.js';
import {
  type MigrationContext,
  readMigrationOptions,
  type MigrationOptions,
  type MigrationRequest,
} from './migration-options.js';
import { Reencrypter } from './reencrypter.js';
import { previewFloor, settleFloor } from './reencryption-floor.js';

const MOST_ROUNDS = 8;
const MOST_SOURCE_DEKS = 1_000;

/**
 * Gives every document of a collection a fresh DEK and seals all its fields anew, beside live traffic: for
 * DEKs that may have leaked, or whose MEK is lost. A rewrap helps against neither.
 *
 * First it stores a generation above every DEK of the product, and has the rotation record say that new
 * DEKs are at least of that generation: whatever is below it is old, also a DEK whose row claims to be made
 * later. A run with the same `createdBefore` goes by what is stored, and makes no DEK anew.
 *
 * For each document with an old DEK: makes the next generation of its DEK, unless there is one; opens all
 * fields and seals them under it, in one write over the etag that was read; then retires the old generation,
 * which opens still and seals no more. Scans are repeated until one finds nothing to do. Then one whole
 * `fenceTtlMs` is waited out, and longer where reads of the store lag, for writers that go by what they
 * read before, and a last scan finds what they wrote.
 *
 * With `shred: true` that scan gives each document a new etag, so that no write from before can land any
 * more, reads it once more, and destroys its old DEKs. Copies of the documents in backups cannot be read
 * then. Without it old DEKs stay `retired`.
 *
 * It stops, is run again and shares its lease as {@link backfillDocuments} does. At any point every document
 * can be read: its new row is durable before it, and its old row outlives it.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns Events as they happen; `finished` is the last. A document that cannot be opened is a `failed`
 * event, left as it was with its DEKs, and the rest goes on; so is one with an envelope where the definition
 * declares no field. DEKs of documents that are not stored are not touched: `findOrphanDeks` finds them.
 * @throws TypeError or RangeError for options that make no sense, and with `enabled: false`.
 * @throws FieldEncryptionError What {@link backfillDocuments} throws.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, reencryptDocuments } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 *   fenceTtlMs: 1_000,
 * });
 * const notes = new MemoryDocumentStore({ key: note.key });
 * await notes.create(await encryptor.encryptDocument(note, { id: '1', body: 'Hi' }));
 * await new Promise((resolve) => setTimeout(resolve, 10));
 * const createdBefore = new Date();
 * for await (const event of reencryptDocuments(encryptor, note, notes, { createdBefore })) {
 *   if (event.type === 'finished') console.log(event.summary.retired, event.summary.complete); // 1 true
 * }
 * ```
 */
export async function* reencryptDocuments(
  encryption: EncryptionContext,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  options: ReencryptOptions,
): AsyncGenerator<MigrationEvent, MigrationSummary, void> {
  const { clock = systemClock } = readEncryption(encryption);
  const request = readReencryptOptions(options, clock.wallMs());
  requireEnabled('reencryptDocuments', encryption, true);
  return yield* migrateDocuments({
    run: 'reencryptDocuments',
    kind: 'reencrypt',
    encryption,
    definition,
    documentStore: documentStore as AnyDocumentStore,
    request,
    wrapsPerDocument: 1,
    work: (context, tally) => reencrypt(context, tally, request),
  });
}

async function* reencrypt(
  context: MigrationContext,
  tally: RunTally,
  request: ReencryptRequest,
): AsyncGenerator<MigrationStepEvent, void, void> {
  const source = request.source && sourceLoader(context, request.source);
  const oldDeks = request.dryRun
    ? await previewFloor(context, request.createdBefore)
    : yield* settleFloor(context, request.createdBefore);
  const reencrypter = new Reencrypter(context, oldDeks, source);
  const settle: SettleDocument = (item, key) => reencrypter.settle(item, key);
  const shred: SettleDocument = (item, key) => reencrypter.shred(item, key);
  const rehearse: SettleDocument = (item, key) => reencrypter.rehearse(item, key);
  if (request.dryRun) {
    yield* documentPass(context, tally, rehearse);
    return;
  }
  yield* documentPasses(context, tally, settle);
  // At least once, old DEKs or none: some process may have made one below the floor until then.
  for (let round = 0; ; round += 1) {
    if (round === MOST_ROUNDS)
      throw contended(`Re-encrypting "${context.definition.collection}"`, round);
    yield* waitUnderLease(context);
    reencrypter.beginRound();
    yield* documentPasses(context, tally, request.shred ? shred : settle, 'verify');
    if (!reencrypter.needsWait) return;
  }
}

/** Until no writer goes by what it read before. */
async function* waitUnderLease(context: MigrationContext): AsyncGenerator<FenceEvent, void, void> {
  const { record } = await context.services.records.readOrCreate();
  for await (const event of waitForWriters(context, record)) {
    yield event;
    await context.requireLease();
  }
}

function sourceLoader(
  { product, clock, dekStore, services, budget }: MigrationContext,
  source: ReencryptSource,
): DekLoader {
  const context = {
    product,
    clock,
    providers: budget.over(new ConfiguredProviders([source.keyProvider], { product, clock })),
    dekStore: source.dekStore ? new CheckedDekStore(source.dekStore, { product, clock }) : dekStore,
    dekCache: new DekCache({ maxEntries: MOST_SOURCE_DEKS, clock }),
  };
  return new DekLoader(context, { bound: new GenerationBound(services.records) });
}

/** Where DEKs come from that the encryption itself cannot open any more. */
export interface ReencryptSource {
  /** Has the id and MEK name that the old rows name: a restored vault, an old key. */
  readonly keyProvider: KeyProvider;
  /** A restored copy of the rows. @default the encryption's own store */
  readonly dekStore?: DekStore | undefined;
}

export interface ReencryptOptions extends MigrationOptions {
  /**
   * When the leak was closed, say. Every DEK made before this moment is replaced, and since a stored time
   * proves nothing, every other one too that exists when the first run with this moment begins. Give the
   * same moment again to go on with a run that stopped: what it made is new, and stays. ISO text has to be
   * as `toISOString()` writes it.
   */
  readonly createdBefore: Date | string;
  /** Destroys the old DEKs once no document can name them any more. @default false */
  readonly shred?: boolean;
  readonly source?: ReencryptSource;
}

interface ReencryptRequest extends MigrationRequest {
  readonly createdBefore: string;
  readonly shred: boolean;
  readonly source: ReencryptSource | undefined;
}

const SOURCE: readonly (keyof ReencryptSource)[] = ['keyProvider', 'dekStore'];

/**
 * @param nowMs - A moment to come would take the run's own DEKs for old ones.
 * @throws TypeError or RangeError for options that make no sense.
 */
function readReencryptOptions(options: ReencryptOptions, nowMs: number): ReencryptRequest {
  const { own, request } = readMigrationOptions(options, ['createdBefore', 'shred', 'source']);
  const { createdBefore, shred = false, source } = own;
  requireBoolean('shred', shred);
  return {
    ...request,
    createdBefore: readPastMoment(createdBefore, {
      name: 'createdBefore',
      meaning: 'DEKs made before it are replaced',
      nowMs,
    }),
    shred,
    source: source === undefined ? undefined : readSource(source),
  };
}

function readSource(source: unknown): ReencryptSource {
  const { keyProvider, dekStore } = readOptions(source as ReencryptSource, SOURCE, 'source');
  requireKeyProvider('source.keyProvider', keyProvider);
  // Own, if undefined: a polluted prototype must not give one.
  if (dekStore === undefined) return { keyProvider, dekStore };
  requireDekStore('source.dekStore', ['get', 'getMany'], dekStore);
  return { keyProvider, dekStore };
}
