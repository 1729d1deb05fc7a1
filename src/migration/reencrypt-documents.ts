/** Gives each document a fresh DEK, beside live traffic. @module */
import { systemClock } from '../async/clock.js';
import { DekCache } from '../dek/dek-cache.js';
import { DekLoader } from '../dek/dek-loader.js';
import { GenerationBound } from '../dek/dek-bounds.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { contended } from '../errors/errors.js';
import {
  readEncryption,
  readOptions,
  requireBoolean,
  requireFunction,
  readPastMoment,
} from '../guards/guards.js';
import { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyProvider } from '../provider/key-provider.js';
import { requireDekStore, requireKeyProvider } from '../run/required-parts.js';
import type { EncryptionContext } from '../run/run-context.js';
import type { RunTally } from '../run/passes.js';
import type { FenceEvent } from '../run/run-event.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';
import { type DocumentPasses, documentPasses, keepLease } from './document-passes.js';
import { migrateDocuments } from './migrate-documents.js';
import type { MigrationEvent, MigrationSummary } from './migration-event.js';
import {
  type MigrationContext,
  readMigrationOptions,
  type MigrationOptions,
  type MigrationRequest,
} from './migration-options.js';
import { Reencrypter } from './reencrypter.js';
import { previewFloor, settleFloor } from './reencryption-floor.js';
import type { UpgradeDocument } from './upgrade-document.js';

const MOST_ROUNDS = 8;
const MOST_SOURCE_DEKS = 1_000;

/**
 * Gives every document of a collection a fresh DEK and seals all its fields again, beside live traffic: for
 * DEKs that may have leaked, or whose MEK is lost. A rewrap helps against neither.
 *
 * First it stores a generation above every DEK of the product, and makes the rotation record require at least
 * that generation for new DEKs. Every generation below it is old, even if its row claims to be created later.
 * A run with the same `createdBefore` uses the stored value, and creates no second DEK.
 *
 * For each document with an old DEK it creates the next generation of its DEK, unless there is one; opens all
 * fields and seals them under it, in one write under the etag that was read; then retires the old generation,
 * which still opens and seals no more. Scans are repeated until one finds nothing to do. Then it waits one
 * whole `fenceTtlMs`, and longer where reads of the store lag, for writers that act on what they read before,
 * and a last scan finds what they wrote.
 *
 * With `shred: true` that scan gives each document a new etag, so that no earlier write can succeed any more,
 * reads it once more, and shreds its old DEKs. Copies of the documents in backups then cannot be read.
 * Without it old DEKs stay `retired`.
 *
 * Documents that do not fit the definition are brought to it on the way, as by {@link backfillDocuments}.
 *
 * It stops, resumes and shares its lease like {@link backfillDocuments}. Every document is readable at any
 * time: its new row is durable before it, and its old row outlives it.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns Events as they happen; `finished` is the last. A document that cannot be opened is a `failed`
 *   event and stays unchanged with its DEKs, and the run continues; so does one with an envelope where the
 *   definition declares no field (`DEFINITION_MISMATCH`). DEKs without a stored document are not changed: `findOrphanDeks` finds
 *   them.
 * @throws TypeError or RangeError for invalid options, and with `enabled: false`.
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
  return yield* migrateDocuments({
    run: 'reencryptDocuments',
    kind: 'reencrypt',
    enabled: true,
    encryption,
    definition,
    documentStore,
    request,
    work: (context, tally) => reencrypt(context, tally, request),
  });
}

async function* reencrypt(
  context: MigrationContext,
  tally: RunTally,
  request: ReencryptRequest,
): DocumentPasses {
  const source = request.source && sourceLoader(context, request.source);
  const oldDeks = request.dryRun
    ? await previewFloor(context, request.createdBefore)
    : yield* settleFloor(context, request.createdBefore);
  const { upgrade } = request;
  const reencrypter = new Reencrypter(context, oldDeks, { source, upgrade });
  const { settle, shred, dryRun } = reencrypter;
  yield* documentPasses(context, tally, request.dryRun ? dryRun : settle);
  if (request.dryRun) return;
  // At least once, even without old DEKs: until then some process may have created one below the floor.
  for (let round = 0; ; round += 1) {
    const { collection } = context.definition;
    if (round === MOST_ROUNDS) throw contended(`Re-encrypting "${collection}"`, round);
    yield* waitUnderLease(context);
    reencrypter.beginRound();
    yield* documentPasses(context, tally, request.shred ? shred : settle, 'verify');
    if (!reencrypter.needsWait) return;
  }
}

/** Waits until no writer acts on what it read before. */
async function* waitUnderLease(context: MigrationContext): AsyncGenerator<FenceEvent, void, void> {
  const { record } = await context.services.records.readOrCreate();
  yield* keepLease(context, waitForWriters(context, record));
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

/** The source of DEKs that the encryption itself can no longer open. */
export interface ReencryptSource {
  /** Has the id and MEK name of the old rows: a restored vault, an old key. */
  readonly keyProvider: KeyProvider;
  /** A restored copy of the rows. @default the encryption's own store */
  readonly dekStore?: DekStore | undefined;
}

export interface ReencryptOptions extends MigrationOptions {
  /**
   * For example the time when a leak was closed. Every DEK that was created before this time is replaced.
   * Since a stored time proves nothing, so is every other DEK that exists when the first run with this time
   * begins. Pass the same time again to continue a stopped run: DEKs that it created are new, and stay. Text
   * must have the format of `toISOString()`.
   */
  readonly createdBefore: Date | string;
  /** Shreds the old DEKs once no document can name them any more. @default false */
  readonly shred?: boolean;
  readonly source?: ReencryptSource;
  /** Renames and reshapes each document on the way. @default none */
  readonly upgrade?: UpgradeDocument;
}

interface ReencryptRequest extends MigrationRequest {
  readonly createdBefore: string;
  readonly shred: boolean;
  readonly source: ReencryptSource | undefined;
  readonly upgrade: UpgradeDocument | undefined;
}

const SOURCE: readonly (keyof ReencryptSource)[] = ['keyProvider', 'dekStore'];

/**
 * @param nowMs - With a time in the future, the run's own DEKs would count as old.
 * @throws TypeError or RangeError for invalid options.
 */
function readReencryptOptions(options: ReencryptOptions, nowMs: number): ReencryptRequest {
  const { own, request } = readMigrationOptions(options, [
    'createdBefore',
    'shred',
    'source',
    'upgrade',
  ]);
  const { createdBefore, shred = false, source, upgrade } = own;
  requireBoolean('shred', shred);
  if (upgrade !== undefined) requireFunction('upgrade', upgrade);
  return {
    ...request,
    createdBefore: readPastMoment(createdBefore, {
      name: 'createdBefore',
      meaning: 'DEKs made before it are replaced',
      nowMs,
    }),
    shred,
    source: source === undefined ? undefined : readSource(source),
    upgrade,
  };
}

function readSource(source: unknown): ReencryptSource {
  const { keyProvider, dekStore } = readOptions(source as ReencryptSource, SOURCE, 'source');
  requireKeyProvider('source.keyProvider', keyProvider);
  // An own property, even if undefined: a polluted prototype must not supply one.
  if (dekStore !== undefined) requireDekStore('source.dekStore', ['get', 'getMany'], dekStore);
  return { keyProvider, dekStore };
}
