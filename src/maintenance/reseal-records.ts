/** Brings every record of a product under the current record key. @module */
import { MOST_ATTEMPTS, untilDone } from '../store/compare-and-set.js';
import { unwrapDekBytes } from '../dek/dek-unwrapper.js';
import type { RecordCopy } from '../dek/record-reader.js';
import { contended } from '../errors/errors.js';
import { isLive, type DekRow } from '../format/dek-row.js';
import { hasNoMac, nameOfItem, requireKnownType } from '../format/item-shape.js';
import { collectionOfReencryption, parseReencryption } from '../format/reencryption-record.js';
import { readEncryption } from '../guards/encryption-parts.js';
import type { EncryptionContext, RunContext } from '../run/run-context.js';
import { readRunOptions, type RunOptions } from '../run/run-options.js';
import { AuthenticatedDekStore } from '../store/authenticated-dek-store.js';
import type { DekStoreItem, StoredItem } from '../store/dek-store.js';
import {
  type MaintenanceEvent,
  type MaintenanceSummary,
  maintainRows,
  type NextRow,
} from './maintain-rows.js';

/**
 * Gives every DEK row of a product, tombstones included, its rotation record and the items of its
 * re-encryptions a mac under the current record key: after record authentication was turned on, and after the record key was changed.
 *
 * Nothing but the mac changes, and no document is touched. Run it beside traffic, stop it at any point, run
 * it again: what has the current mac is left alone, and a finished one that is run again writes nothing.
 * The rotation record comes first: processes without the key write no row any more once it has a mac.
 *
 * A row under an earlier record key is authentic already. One without a mac is accepted only as
 * `insecureAcceptUnauthenticatedRecords` says, and only if its DEK opens and is the one that the row
 * commits to. That shows that the row is whole; it does not show who wrote it, since a planted row is whole
 * too. Compare with a census or a backup from before, and turn record authentication on early.
 *
 * @param encryption - A `FieldEncryptor` with a `recordKey`, or its parts with a store from
 * `authenticateRecords`.
 * @returns Events as they happen; the last one is `finished` and carries the summary, which the generator
 * also returns. `complete` means that every record has the current mac.
 * @throws TypeError for an encryption without a record key; TypeError or RangeError for options that make
 * no sense.
 * @throws TamperedError, or FieldEncryptionError `RECORD_KEY_UNKNOWN`, for the rotation record or another
 * item; `ROW_UNSUPPORTED` for an item without a mac that a later version wrote: run it with that version.
 * What is wrong with a row is a `failed` event. `ROTATION_RECORD_MISSING`: restore it; `KEY_PROVIDER_NOT_CONFIGURED`;
 * `KEY_WEAK`: reseal under a random key.
 * Errors of the store where it cannot list: run it again. The signal's reason when it aborts.
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
 * for await (const event of resealRecords(encryptor)) {
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
    // A store of an older copy of this package does not say.
    (dekStore as Partial<AuthenticatedDekStore>).requireStrongKey?.('reseals nothing');
    return dekStore.recordKeyId;
  }
  throw new TypeError(
    'resealRecords needs a record key: pass an encryptor that has a "recordKey", or a "dekStore" from authenticateRecords',
  );
}

function nextRow(context: RunContext, recordKeyId: string): NextRow {
  return async (row, { authenticatedBy }) => {
    if (authenticatedBy === recordKeyId) return undefined;
    if (authenticatedBy === undefined) await requireWhole(context, row);
    return row;
  };
}

/** Before a mac vouches for a row that none vouched for: it holds the DEK that it commits to. */
async function requireWhole(context: RunContext, row: DekRow): Promise<void> {
  if (!isLive(row)) return;
  (await unwrapDekBytes(context, row, { signal: context.signal })).fill(0);
  context.dekCache?.requireSameKey(row);
}

/** Looked at with each page: a process that signs with another key may write it again meanwhile. */
async function resealRotation(context: RunContext, recordKeyId: string): Promise<void> {
  const { providers, records, request } = context;
  await untilDone('Resealing the rotation record', async () => {
    const copy = await records.readUnlessNew();
    if (!copy || copy.authenticatedBy === recordKeyId) return true;
    // It says which MEK wraps new DEKs: no mac is to vouch for one that is not even configured.
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
    // Without the signal: once sent, a write is let finish.
    await dekStore.replaceItem(record, etag);
    return true;
  } catch (error) {
    if ((await records.read())?.etag === etag) throw error;
    return undefined;
  }
}

/** Of every kind of item that may have a mac, later versions' included; the product comes after it. */
const SCOPES = ['lease:', 'definition:', 'member:'];

/** @throws What is wrong with an item: the macs of a product are not complete without it. */
async function resealItems(context: RunContext, recordKeyId: string): Promise<void> {
  for (const scope of SCOPES) {
    for await (const item of itemsOf(context, `${scope}${context.product}`)) {
      await resealItem(context, recordKeyId, item);
    }
  }
}

async function* itemsOf(
  { dekStore, signal }: RunContext,
  scopeId: string,
): AsyncGenerator<StoredItem, void, void> {
  let continuation: string | undefined;
  do {
    signal?.throwIfAborted();
    const page = await dekStore.listItems(scopeId, { continuation, signal });
    yield* page.items.filter(
      ({ value }) => value === undefined || !hasNoMac(keyOf(value, scopeId)),
    );
    continuation = page.continuation;
  } while (continuation !== undefined);
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
      // Without the signal: once sent, a write is let finish.
      await dekStore.replaceItem(value as DekStoreItem, etag);
      return;
    } catch (error) {
      item = await dekStore.getItem(scopeId, id, { signal });
      if (item?.etag === etag) throw error;
    }
  }
  throw contended(`Resealing ${nameOfItem({ scopeId, id })}`, MOST_ATTEMPTS);
}

/** Before a mac vouches for an item that none vouched for: it is one that this version can have written. */
function requireSound(
  value: unknown,
  product: string,
  { scopeId, id }: Pick<DekStoreItem, 'id' | 'scopeId'>,
): void {
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
