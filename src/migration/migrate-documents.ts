/** What all migrations of documents share: the lease, the parts, the first and the last event. @module */
import { randomBytes } from 'node:crypto';
import { DocumentReader } from '../cipher/document-reader.js';
import { DocumentWriter } from '../cipher/document-writer.js';
import { isSoundEnvelope } from '../cipher/own-envelopes.js';
import { systemClock, timestampOf } from '../clock.js';
import { readEncryption } from '../encryption-parts.js';
import { DekCache } from '../dek/dek-cache.js';
import { dekServices } from '../dek/dek-services.js';
import { readRecoveryKey } from '../dek/recovery-key.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { requireBoolean, requireIdentifier, requireIntegerBetween } from '../guards.js';
import { ConfiguredProviders } from '../provider/configured-providers.js';
import { epochsSeenBy } from '../rotation/epochs-seen.js';
import {
  DEFAULT_FENCE_TTL_MS,
  LEAST_FENCE_TTL_MS,
  MOST_FENCE_TTL_MS,
} from '../rotation/rotation-record.js';
import { RunCharge } from '../rotation/run-charge.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import { MeteredDekStore } from '../store/metered-dek-store.js';
import { refuseReservedFields } from '../store/reserved-properties.js';
import { originOf } from '../store/store-origin.js';
import { acquireLease } from './acquire-lease.js';
import type { AnyDocumentStore } from './document-pages.js';
import type { MigrationContext, MigrationEncryption } from './migration-context.js';
import { MigrationDocumentStore } from './migration-document-store.js';
import type { MigrationEvent, MigrationKind, MigrationSummary } from './migration-event.js';
import type { MigrationLease } from './migration-lease.js';
import type { MigrationRequest } from './migration-options.js';
import { MigrationTally } from './migration-tally.js';
import { requireDefinition, requireDekStore, requireDocumentStore } from './required-parts.js';
import { SelectingUpdater } from './selecting-updater.js';

export interface MigrationJob {
  readonly kind: MigrationKind;
  readonly encryption: MigrationEncryption;
  readonly definition: AnyDefinition;
  readonly documentStore: AnyDocumentStore;
  readonly request: MigrationRequest;
  /** The passes, each counted in the tally. */
  readonly work: (
    context: MigrationContext,
    tally: MigrationTally,
  ) => AsyncGenerator<MigrationEvent, void, void>;
}

type MigrationEvents = AsyncGenerator<MigrationEvent, MigrationSummary, void>;

/** Documents are met one after the other: no key is needed for long. */
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

export async function* migrateDocuments(job: MigrationJob): MigrationEvents {
  requireParts(job);
  const charge = new RunCharge();
  const lease = new LeaseSlot();
  const context = contextOf(job, charge, lease);
  context.signal?.throwIfAborted();
  const summary = charge.inSummary(yield* charge.inEvents(underLease(job, context, lease)));
  yield charge.inEvent<MigrationEvent>({ type: 'finished', summary });
  return summary;
}

function requireParts({ encryption, definition, documentStore }: MigrationJob): void {
  requireDekStore('dekStore', DEK_STORE_METHODS, readEncryption(encryption).dekStore);
  requireDefinition('definition', definition);
  requireDocumentStore('documentStore', ['list', 'get', 'replace', 'count'], documentStore);
  refuseReservedFields(documentStore, definition);
}

/** Filled once the lease is taken; a dry run writes nothing and needs none. */
class LeaseSlot {
  held: MigrationLease | undefined;
}

async function* underLease(
  job: MigrationJob,
  context: MigrationContext,
  slot: LeaseSlot,
): MigrationEvents {
  const { kind, definition, request } = job;
  const { collection } = definition;
  const { product, clock, dekStore } = context;
  const { leaseTtlMs, dryRun } = request;
  const owner = `${request.owner} since ${timestampOf(clock)} #${randomBytes(4).toString('hex')}`;
  if (!dryRun) {
    const terms = { product, collection, kind, owner, leaseTtlMs, dekStore, clock };
    slot.held = yield* acquireLease(terms, context.signal);
  }
  try {
    yield { type: 'begun', kind, collection, ...(!dryRun && { owner }) };
    const tally = new MigrationTally();
    yield* job.work(context, tally);
    return tally.summary({ kind, product, collection, dryRun });
  } finally {
    await slot.held?.giveBack();
  }
}

function contextOf(job: MigrationJob, charge: RunCharge, slot: LeaseSlot): MigrationContext {
  const { definition, request, documentStore } = job;
  const encryption = readEncryption(job.encryption);
  const { product, keyProviders, dekCache: sharedCache, enabled = true } = encryption;
  const { clock = systemClock, fenceTtlMs = DEFAULT_FENCE_TTL_MS } = encryption;
  requireIdentifier('product', product);
  requireBoolean('enabled', enabled);
  requireIntegerBetween('fenceTtlMs', fenceTtlMs, LEAST_FENCE_TTL_MS, MOST_FENCE_TTL_MS);
  const onRequestCharge = (units: number): void => {
    charge.add(units);
  };
  const requireLease = async (): Promise<void> => slot.held?.requireHeld();
  const recoveryKey = readRecoveryKey(encryption.recoveryKey);
  const providers = new ConfiguredProviders(keyProviders, { product, clock });
  const checked = new CheckedDekStore(encryption.dekStore, { product, clock });
  const dekStore = new MeteredDekStore(checked, onRequestCharge);
  sharedCache?.belongTo(originOf(encryption.dekStore), product);
  const dekCache = new DekCache({ maxEntries: MOST_DEKS, clock });
  const parts = { product, providers, dekStore, dekCache, clock, recoveryKey };
  const services = dekServices(parts, { fenceTtlMs, epochs: epochsSeenBy(job.encryption) });
  // What a client may have sent in the form of an envelope is stored already, and goes on as it is.
  const writer = new DocumentWriter(services, enabled, isSoundEnvelope);
  const store = new MigrationDocumentStore({
    store: documentStore,
    onRequestCharge,
    beforeWrite: requireLease,
  });
  return {
    product,
    definition,
    store,
    dekStore,
    services,
    reader: new DocumentReader(services, true, undefined),
    updater: new SelectingUpdater(services, writer, request.select),
    sharedCache,
    clock,
    request,
    signal: request.signal,
    requireLease,
  };
}
