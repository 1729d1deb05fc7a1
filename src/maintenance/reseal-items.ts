/** Brings items that are neither rows nor the rotation record under the current record key. @module */
import { contended } from '../errors/errors.js';
import { collectionOfReencryption, parseReencryption } from '../format/reencryption-record.js';
import type { DekStoreItem, StoredItem } from '../store/dek-store.js';
import { hasNoMac, nameOfItem } from '../format/item-name.js';
import { requireKnownType } from '../format/item-shape.js';
import type { RunContext } from '../run/run-context.js';

/** Of every kind of item that may have a mac, later versions' included; the product comes after it. */
const SCOPES = ['lease:', 'definition:', 'member:'];
const MOST_ATTEMPTS = 8;

/** @throws What is wrong with an item: the macs of a product are not complete without it. */
export async function resealItems(context: RunContext, recordKeyId: string): Promise<void> {
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
