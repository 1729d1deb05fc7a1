/** Writes every record of a product with a mac under the current record key. @module */
import { MOST_ATTEMPTS, untilDone } from '../store/compare-and-set.js';
import type { RecordCopy } from '../dek/record-reader.js';
import { contended } from '../errors/errors.js';
import {
  collectionOfDefinition,
  definitionScopeId,
  parseDefinitionRecord,
} from '../format/definition-record.js';
import { isLive } from '../format/dek-row.js';
import { hasNoMac, nameOfItem, requireKnownType } from '../format/item-shape.js';
import { collectionOfReencryption, parseReencryption } from '../format/reencryption-record.js';
import { readEncryption } from '../guards/guards.js';
import {
  type EncryptionContext,
  type RunContext,
  readRunOptions,
  type RunOptions,
} from '../run/run-context.js';
import { requireOpens } from '../run/change-row.js';
import { pagesOf } from '../run/passes.js';
import { AuthenticatedDekStore } from '../store/authenticated-dek-store.js';
import type { DekStoreItem, StoredItem } from '../store/dek-store.js';
import {
  type MaintenanceEvent,
  type MaintenanceSummary,
  maintainRows,
  type NextRow,
} from './maintain-rows.js';

/**
 * Gives every DEK row of a product, tombstones included, its rotation record, its definitions records and the
 * items of its re-encryptions a mac under the current record key: after record authentication was turned on,
 * and after the record key was changed.
 *
 * Only the mac changes, and no document is read or written. Run it during live traffic, stop it at any point, run
 * it again: records with the current mac stay unchanged, and another run of a finished one writes nothing.
 * The rotation record comes first: once it has a mac, processes without the key write no more rows.
 *
 * A row under an earlier record key is already authentic. A row without a mac is accepted only with
 * `insecureAcceptUnauthenticatedRecords`, and only if its DEK opens and matches the row's commitment. That
 * shows that the row is intact; it does not show who wrote it, since a planted row is intact too. Compare
 * with an earlier census or backup, and turn record authentication on early.
 *
 * @param encryption - A `FieldEncryptor` with a `recordKey`, or its parts with a store from
 *   `authenticateRecords`.
 * @returns Events as they happen; the last one is `finished` and carries the summary, which the generator
 *   also returns. `complete` means that every record has the current mac.
 * @throws TypeError for an encryption context without a record key; TypeError or RangeError for invalid
 *   options.
 * @throws TamperedError, or FieldEncryptionError `RECORD_KEY_UNKNOWN`, for the rotation record or another
 *   item; `ROW_UNSUPPORTED` for an item without a mac that a later version wrote: run it with that version. A
 *   failure of a row is a `failed` event. `ROTATION_RECORD_MISSING`: restore it;
 *   `KEY_PROVIDER_NOT_CONFIGURED`; `KEY_WEAK`: reseal under a random key. Errors of the store where it cannot
 *   list: run it again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, EnvKeyProvider, resealRecords } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const [recordKey, previous] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 *   recordKey,
 *   previousRecordKeys: [previous],
 * });
 * const options = { allowEmpty: true }; // this example has stored nothing
 * for await (const event of resealRecords(encryptor, options)) {
 *   if (event.type === 'failed') console.error(event.dekId, event.error);
 *   if (event.type === 'finished') console.log(event.summary.complete); // true
 * }
 * ```
 */
export async function* resealRecords(
  encryption: EncryptionContext,
  options: RunOptions = {},
): AsyncGenerator<MaintenanceEvent, MaintenanceSummary, void> {
  const { request } = readRunOptions(options);
  const recordKeyId = recordKeyIdOf(readEncryption(encryption));
  return yield* maintainRows({
    run: 'resealRecords',
    encryption,
    request,
    nextRow: (context) => nextRow(context, recordKeyId),
    requireAllowed: async (context) => {
      await resealRotation(context, recordKeyId);
      await resealItems(context, recordKeyId);
    },
  });
}

function recordKeyIdOf({ dekStore }: EncryptionContext): string {
  if (dekStore instanceof AuthenticatedDekStore) {
    // A store of an older copy of this package does not have the method.
    (dekStore as Partial<AuthenticatedDekStore>).requireStrongKey?.('cannot reseal records');
    return dekStore.recordKeyId;
  }
  throw new TypeError(
    'resealRecords needs a record key: pass an encryptor that has a "recordKey", or a "dekStore" from authenticateRecords',
  );
}

function nextRow(context: RunContext, recordKeyId: string): NextRow {
  return async (row, { authenticatedBy }) => {
    if (authenticatedBy === recordKeyId) return undefined;
    // Before a row without a mac gets its first one: it must hold the DEK of its commitment.
    if (authenticatedBy === undefined && isLive(row)) await requireOpens(context, row);
    return row;
  };
}

/** Checked with each page: a process that signs with another key may write it again meanwhile. */
async function resealRotation(context: RunContext, recordKeyId: string): Promise<void> {
  const { providers, records, request } = context;
  await untilDone('Resealing the rotation record', async () => {
    const copy = await records.readUnlessNew();
    if (!copy || copy.authenticatedBy === recordKeyId) return true;
    // The record names the MEK for new DEKs: no mac must confirm one that is not even configured.
    if (copy.authenticatedBy === undefined) providers.find(copy.record);
    return request.dryRun || replaceRecord(context, copy);
  });
}

/** `undefined` where the record was written meanwhile, by this write or another: reading it tells which. */
async function replaceRecord(
  { dekStore, records, signal }: RunContext,
  { record, etag }: RecordCopy,
): Promise<true | undefined> {
  signal?.throwIfAborted();
  try {
    // Without the signal: a write that was sent is always awaited.
    await dekStore.replaceItem(record, etag);
    return true;
  } catch (error) {
    if ((await records.read())?.etag === etag) throw error;
    return undefined;
  }
}

/** The prefixes of every kind of item that may have a mac, later versions' included; the product follows. */
const SCOPES = ['lease:', 'definition:', 'member:'];
const LISTING = ['DEK store', 'S15'] as const;

/** @throws The failure of an item: without it, the macs of a product are not complete. */
async function resealItems(context: RunContext, recordKeyId: string): Promise<void> {
  const { product, dekStore, signal } = context;
  for (const scope of SCOPES) {
    const scopeId = `${scope}${product}`;
    const pages = pagesOf((options) => dekStore.listItems(scopeId, options), LISTING, signal);
    for await (const items of pages) {
      for (const item of items) {
        const { value } = item;
        const hasMac = value === undefined || !hasNoMac(keyOf(value, scopeId));
        if (hasMac) await resealItem(context, recordKeyId, item);
      }
    }
  }
}

async function resealItem(
  { product, dekStore, request, signal }: RunContext,
  recordKeyId: string,
  listed: StoredItem,
): Promise<void> {
  if (listed.error) throw listed.error;
  const { scopeId, id } = listed.value as DekStoreItem;
  let item: StoredItem | undefined = listed;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    if (!item || item.authenticatedBy === recordKeyId) return;
    if (item.authenticatedBy === undefined) requireSound(item.value, product, { scopeId, id });
    if (request.dryRun) return;
    signal?.throwIfAborted();
    const { etag, value }: StoredItem = item;
    try {
      // Without the signal: a write that was sent is always awaited.
      await dekStore.replaceItem(value as DekStoreItem, etag);
      return;
    } catch (error) {
      item = await dekStore.getItem(scopeId, id, { signal });
      if (item?.etag === etag) throw error;
    }
  }
  throw contended(`Resealing ${nameOfItem({ scopeId, id })}`, MOST_ATTEMPTS);
}

/** Before an item without a mac gets its first one: this version must be able to have written it. */
function requireSound(
  value: unknown,
  product: string,
  { scopeId, id }: Pick<DekStoreItem, 'id' | 'scopeId'>,
): void {
  const defined = collectionOfDefinition(id);
  if (defined !== undefined && scopeId === definitionScopeId(product)) {
    parseDefinitionRecord(value, product, defined);
    return;
  }
  const collection = collectionOfReencryption(id);
  if (collection === undefined) {
    requireKnownType(value, nameOfItem({ scopeId, id }), 'reencryption');
  }
  parseReencryption(value, product, collection ?? '');
}

function keyOf(value: unknown, scopeId: string): Pick<DekStoreItem, 'id' | 'scopeId'> {
  const id = (value as { readonly id?: unknown } | null)?.id;
  return { scopeId, id: typeof id === 'string' ? id : '' };
}
