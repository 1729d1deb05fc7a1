/** The common frame of all migrations: the lease, the parts, the first and the last event. @module */
import { randomBytes } from 'node:crypto';
import { DocumentReader } from '../cipher/document-reader.js';
import { DocumentUpdater } from '../cipher/document-updater.js';
import { DocumentWriter } from '../cipher/document-writer.js';
import { isSoundEnvelope } from '../cipher/own-envelopes.js';
import { timestampOf } from '../async/clock.js';
import type { Lease } from '../format/lease.js';
import { DekCache } from '../dek/dek-cache.js';
import { dekServices } from '../dek/dek-services.js';
import { requireKnownProduct } from '../dek/known-product.js';
import { SeenPaths } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { readEncryption } from '../guards/guards.js';
import {
  type EncryptionContext,
  runContext,
  runParts,
  summaryHead,
  runEstimate,
} from '../run/run-context.js';
import { meteredDocumentStore, type AnyDocumentStore } from '../run/scanned-document.js';
import { finishRun } from '../run/run-publisher.js';
import { RunTally } from '../run/passes.js';
import type { RunName } from '../run/run-event.js';
import { type DocumentStore, refuseReservedFields } from '../store/document-store.js';
import type { DocumentPasses } from './document-passes.js';
import { acquireLease, type LeaseKind, type MigrationLease } from './migration-lease.js';
import type { MigrationContext, MigrationRequest } from './migration-options.js';
import type { MigrationEvent, MigrationStepEvent, MigrationSummary } from './migration-event.js';
import { requireDefinition, requireDekStore, requireDocumentStore } from '../run/required-parts.js';

export interface MigrationJob {
  readonly run: RunName;
  /** Stored in the lease. */
  readonly kind: LeaseKind;
  /** Whether the writers seal: with encryption off, nothing is sealed; with it on, all is sealed again. */
  readonly enabled: boolean;
  readonly encryption: EncryptionContext;
  readonly definition: AnyDefinition;
  readonly documentStore: DocumentStore<object>;
  readonly request: MigrationRequest;
  /** The scans; the tally counts each. */
  readonly work: (context: MigrationContext, tally: RunTally) => DocumentPasses;
  /**
   * What the migration itself knows in the end. `complete` of a dry run stays `false`.
   *
   * @default complete after a last scan that found nothing to do
   */
  readonly conclusion?: () => Pick<MigrationSummary, 'complete' | 'paths'>;
}

/** Documents are processed in order: no key is needed for long. */
const MOST_DEKS = 1_000;
const DEK_STORE_METHODS = [
  'create',
  'get',
  'getMany',
  'listScope',
  'replace',
  'list',
  'count',
  'createItem',
  'getItem',
  'replaceItem',
] as const;

export async function* migrateDocuments(
  job: MigrationJob,
): AsyncGenerator<MigrationEvent, MigrationSummary, void> {
  requireParts(job);
  const lease: LeaseSlot = { held: undefined };
  const context = contextOf(job, lease);
  const facts = { run: job.run, collection: job.definition.collection };
  return yield* finishRun<MigrationStepEvent, MigrationSummary>(context, facts, () =>
    underLease(job, context, lease),
  );
}

/** @throws RangeError where `enabled` is not the value that the migration needs. */
function requireParts({ run, enabled, encryption, definition, documentStore }: MigrationJob): void {
  const { enabled: given = true } = readEncryption(encryption);
  if (given !== enabled) {
    throw new RangeError(
      `${run} expected an encryption context with "enabled: ${String(enabled)}", like its writers, got "enabled: ${String(given)}"`,
    );
  }
  requireDekStore('dekStore', DEK_STORE_METHODS, readEncryption(encryption).dekStore);
  requireDefinition('definition', definition);
  requireDocumentStore('documentStore', ['list', 'get', 'replace', 'count'], documentStore);
  refuseReservedFields(documentStore, definition);
}

/** Filled once the lease is taken; a dry run writes nothing and needs none. */
interface LeaseSlot {
  held: MigrationLease | undefined;
}

async function* underLease(
  job: MigrationJob,
  context: MigrationContext,
  slot: LeaseSlot,
): AsyncGenerator<MigrationStepEvent, MigrationSummary, void> {
  const { run, kind, definition, request } = job;
  const { collection } = definition;
  const { product, clock, dekStore } = context;
  const { leaseTtlMs, dryRun } = request;
  if (!request.allowEmpty) {
    // The first backfill creates what a product has in the store.
    const canListProducts = readEncryption(job.encryption).dekStore.listProducts !== undefined;
    const mayBeFirst = kind === 'backfill' && canListProducts;
    await requireKnownProduct(dekStore, product, { signal: context.signal, mayBeFirst });
  }
  const owner = `${request.owner} since ${timestampOf(clock)} #${randomBytes(4).toString('hex')}`;
  let earlier: Lease | undefined;
  if (!dryRun) {
    const terms = { product, collection, kind, owner, leaseTtlMs, dekStore, clock };
    const { lease, takenFrom } = yield* acquireLease(terms, context.signal);
    slot.held = lease;
    earlier = takenFrom;
  }
  try {
    if (earlier) await context.audit?.leaseTakenOver(collection, earlier);
    yield { type: 'begun', run, product, collection, ...(!dryRun && { owner }) };
    const tally = new RunTally(request);
    yield* job.work(context, tally);
    return summaryOf(job, context, tally);
  } finally {
    await slot.held?.release();
  }
}

function summaryOf(
  { run, definition, enabled, conclusion }: MigrationJob,
  context: MigrationContext,
  tally: RunTally,
): MigrationSummary {
  const { dryRun } = context.request;
  const misdated = tally.lastSum('misdated');
  const [neverSeen] = context.seen.neverSeen;
  // A dry run wraps nothing; sealing needs one wrap for each document.
  const wraps = enabled ? tally.counts.wouldChange : 0;
  const { complete, paths } = conclusion?.() ?? { complete: tally.isClean };
  return {
    ...summaryHead(context, run),
    collection: definition.collection,
    complete: !dryRun && complete,
    ...tally.counts,
    fields: tally.sum('fields'),
    retired: tally.sum('retired'),
    shredded: tally.sum('shredded'),
    ...(misdated > 0 && { misdated }),
    ...(neverSeen && { neverSeen: neverSeen.paths }),
    ...(paths && { paths }),
    ...(dryRun && { estimate: runEstimate(context, tally, wraps) }),
  };
}

function contextOf(job: MigrationJob, slot: LeaseSlot): MigrationContext {
  const { definition, request, enabled } = job;
  const context = runContext(runParts(job.encryption), request);
  const { product, providers, dekStore, clock, recoveryKey, fenceTtlMs, epochs, charge } = context;
  const requireLease = async (): Promise<void> => slot.held?.requireHeld();
  const dekCache = new DekCache({ maxEntries: MOST_DEKS, clock });
  const parts = { product, providers, dekStore, dekCache, clock, recoveryKey };
  const services = dekServices(parts, { fenceTtlMs, epochs });
  // A client may have sent text in the form of an envelope: it is stored already, and stays unchanged.
  const writer = new DocumentWriter(services, enabled, isSoundEnvelope);
  const store = meteredDocumentStore({
    store: job.documentStore as AnyDocumentStore,
    onRequestCharge: charge.add,
    beforeWrite: requireLease,
  });
  const updater = new DocumentUpdater(services, writer);
  const reader = new DocumentReader(services, true);
  const seen = new SeenPaths();
  return { ...context, request, definition, store, services, reader, updater, requireLease, seen };
}
