/** Puts the parts of an encryptor together, from checked options. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { AuditLog } from '../audit/audit-log.js';
import type { AuditOptions } from '../audit/audit-trail.js';
import { FailedOpens } from '../audit/failed-opens.js';
import { DocumentReader } from '../cipher/document-reader.js';
import { DocumentUpdater } from '../cipher/document-updater.js';
import { DocumentWriter } from '../cipher/document-writer.js';
import { epochsSeenBy } from '../dek/dek-bounds.js';
import { DekCache } from '../dek/dek-cache.js';
import { dekServices, type DekServices } from '../dek/dek-services.js';
import { readRecoveryKey } from '../dek/dek-wraps.js';
import {
  DEFAULT_FENCE_TTL_MS,
  LEAST_FENCE_TTL_MS,
  MOST_FENCE_TTL_MS,
} from '../format/rotation-record.js';
import { ownProperties, requireIdentifier, requireIntegerBetween } from '../guards/guards.js';
import { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyProvider } from '../provider/key-provider.js';
import { withRecordKey } from '../store/authenticate-records.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import type { DekStore } from '../store/dek-store.js';
import { requireRecordKeysApart } from '../store/weak-keys.js';
import {
  readEncryptorOptions,
  type EncryptionMode,
  type FieldEncryptorOptions,
} from './field-encryptor-options.js';

/** What an encryptor shows of itself; documented there. */
export interface EncryptorSettings {
  readonly product: string;
  readonly keyProviders: readonly KeyProvider[];
  readonly dekStore: DekStore;
  readonly dekCache: DekCache;
  readonly mode: EncryptionMode;
  readonly enabled: boolean;
  readonly fenceTtlMs: number;
  readonly clock: Clock;
  readonly recoveryKey?: string;
  readonly minimumEpoch?: number;
  readonly audit?: AuditOptions;
}

export interface EncryptorParts {
  readonly settings: EncryptorSettings;
  readonly deks: DekServices;
  readonly reader: DocumentReader;
  readonly writer: DocumentWriter;
  readonly updater: DocumentUpdater;
  /** Only where they are audited. */
  readonly failedOpens: FailedOpens | undefined;
}

/** @throws TypeError or RangeError for invalid options. */
export function encryptorParts(options: FieldEncryptorOptions): EncryptorParts {
  const own = readEncryptorOptions(options);
  const { product, keyProviders, fenceTtlMs = DEFAULT_FENCE_TTL_MS } = own;
  const { mode = 'strict', enabled = true, clock = systemClock } = own;
  requireIdentifier('product', product);
  requireIntegerBetween('fenceTtlMs', fenceTtlMs, LEAST_FENCE_TTL_MS, MOST_FENCE_TTL_MS);
  const recoveryKey = readRecoveryKey(own.recoveryKey);
  const providers = new ConfiguredProviders(keyProviders, { product, clock });
  const dekStore = recordStore(own);
  requireRecordKeysApart(providers, dekStore);
  const dekCache = own.dekCache ?? new DekCache({ clock });
  const audit = own.audit === undefined ? undefined : AuditLog.of(own.audit, { product, clock });
  const trail = audit?.trail;
  const settings = ownProperties<EncryptorSettings>({
    product,
    keyProviders: providers.all,
    dekStore,
    dekCache,
    mode,
    enabled,
    fenceTtlMs,
    clock,
    ...(own.recoveryKey !== undefined && { recoveryKey: own.recoveryKey }),
    ...(own.minimumEpoch !== undefined && { minimumEpoch: own.minimumEpoch }),
    ...(trail && { audit: trail.options }),
  });
  const checked = new CheckedDekStore(dekStore, { product, clock });
  const context = { product, providers, dekStore: checked, dekCache, clock, recoveryKey, audit };
  const deks = dekServices(context, { fenceTtlMs, epochs: epochsSeenBy(settings) });
  const failedOpens = trail?.options.failures ? new FailedOpens(trail, clock) : undefined;
  const passesPlaintext = mode === 'migrate' || !enabled;
  const { onPlaintextRead, onDefinitionMismatch } = own;
  const reader = new DocumentReader(deks, passesPlaintext, {
    ...{ onPlaintextRead, onDefinitionMismatch },
    onFailedOpen: failedOpens?.add.bind(failedOpens),
  });
  const writer = new DocumentWriter(deks, enabled);
  const updater = new DocumentUpdater(deks, writer);
  return { settings, deks, reader, writer, updater, failedOpens };
}

function recordStore(options: FieldEncryptorOptions): DekStore {
  const { dekStore, recordKey, previousRecordKeys } = options;
  const { insecureAcceptUnauthenticatedRecords } = options;
  return withRecordKey(dekStore, {
    recordKey,
    previousRecordKeys,
    insecureAcceptUnauthenticatedRecords,
  });
}
