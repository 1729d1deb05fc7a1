/** A scan that reports findings, counts everything, and writes nothing. @module */
import { systemClock, type Clock } from '../async/clock.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { requireKnownProduct, type ProductOptions } from '../dek/known-product.js';
import { readEncryption, requireBoolean, requireIdentifier } from '../guards/guards.js';
import { ownCallOptions, type CallOptions } from '../async/abort.js';
import { settleConcurrently } from '../async/concurrency.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import { RunCharge, type ChargedEvent } from '../store/run-charge.js';
import { endOnAbort } from './run-publisher.js';
import {
  type AnyDocumentStore,
  meteredDocumentStore,
  type MeteredDocumentStore,
} from './scanned-document.js';
import { requireDefinition, requireDekStore, requireDocumentStore } from './required-parts.js';
import { readConcurrency, type RunContext } from './run-context.js';

/** The context of a search; a `FieldEncryptor` is one. */
export interface SearchedEncryption {
  readonly product: string;
  readonly dekStore: DekStore;
  readonly clock?: Clock;
}

/** The options of every search. */
export interface SearchOptions extends CallOptions, ProductOptions {
  /** Most rows or documents in flight, 1 to 1 000. @default 8 */
  readonly concurrency?: number;
}

export interface SearchRequest {
  readonly concurrency: number;
  readonly allowEmpty: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface SearchContext
  extends SearchRequest, Pick<RunContext, 'charge' | 'clock' | 'dekStore' | 'product'> {}

export interface DocumentSearchContext extends SearchContext {
  readonly definition: AnyDefinition;
  readonly documentStore: MeteredDocumentStore;
}

interface DocumentSearchNeeds {
  /** The methods of the document store that the search needs. */
  readonly methods: readonly (keyof DocumentStore)[];
  readonly request: SearchRequest;
}

/** What the summaries of all searches have. */
export interface SearchSummary {
  readonly product: string;
  /** Request units of the whole search; absent where the stores reported none. */
  readonly requestCharge?: number;
}

/** Always the last event; the same summary is the generator's return value. */
export interface SearchFinishedEvent<Summary> extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: Summary;
}

/** The outcome of one item. */
export interface Finding<Counts, Found> {
  /** Added to the counts, and 1 to `scanned`. */
  readonly adds: Partial<Counts>;
  /** The events of the item, without counts; most items are only counted. */
  readonly events: readonly Found[];
}

/** What differs between searches. */
export interface Search<Item, Counts, Found, Head> {
  /** The part of the summary that is known from the start. */
  readonly head: Head;
  readonly nothing: Counts;
  readonly pages: AsyncIterable<readonly Item[]>;
  readonly check: (item: Item) => Promise<Finding<Counts, Found>>;
}

type SearchSteps<Found, Counts, Summary> = AsyncGenerator<
  (ChargedEvent & Found & { readonly counts: Counts }) | SearchFinishedEvent<Summary>,
  Summary,
  void
>;

/**
 * @param more - Names of options that only this search has, and validates itself.
 * @throws TypeError or RangeError for invalid options.
 */
export function readSearchOptions<Options extends SearchOptions>(
  options: Options,
  more: readonly (keyof Options & string)[] = [],
): { readonly own: Options; readonly request: SearchRequest } {
  const own = ownCallOptions(options, ['concurrency', 'allowEmpty', ...more]);
  const concurrency = readConcurrency(own.concurrency);
  const { allowEmpty = false, signal } = own;
  requireBoolean('allowEmpty', allowEmpty);
  return { own, request: { concurrency, allowEmpty, signal } };
}

/** @throws TypeError or RangeError for an invalid encryption context. */
export function searchContext(
  encryption: SearchedEncryption,
  request: SearchRequest,
): SearchContext {
  const { product, dekStore, clock = systemClock } = readEncryption(encryption);
  requireIdentifier('product', product);
  const charge = new RunCharge();
  return {
    ...request,
    product,
    clock,
    charge,
    dekStore: new CheckedDekStore(dekStore, { product, clock }, charge),
  };
}

/** @throws TypeError or RangeError for parts that cannot be searched. */
export function documentSearchContext(
  encryption: SearchedEncryption,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  { methods, request }: DocumentSearchNeeds,
): DocumentSearchContext {
  requireDekStore(
    'dekStore',
    ['get', 'getMany', 'list', 'count', 'getItem'],
    readEncryption(encryption).dekStore,
  );
  requireDefinition('definition', definition);
  requireDocumentStore('documentStore', methods, documentStore);
  const context = searchContext(encryption, request);
  const store = documentStore as AnyDocumentStore;
  const metered = meteredDocumentStore({ store, onRequestCharge: context.charge.add });
  return { ...context, definition, documentStore: metered };
}

/**
 * @throws FieldEncryptionError `PRODUCT_EMPTY`; the signal's reason when it aborts, also where a store does not
 *   answer.
 */
export async function* search<Item, Counts extends object, Found, Head extends object>(
  context: SearchContext,
  parts: Search<Item, Counts, Found, Head>,
): SearchSteps<Found, Counts, Counts & Head> {
  context.signal?.throwIfAborted();
  return yield* context.charge.inEvents(endOnAbort(scan(context, parts), context));
}

async function* scan<Item, Counts extends object, Found, Head extends object>(
  { product, dekStore, allowEmpty, charge, concurrency, signal }: SearchContext,
  { head, nothing, pages, check }: Search<Item, Counts, Found, Head>,
): SearchSteps<Found, Counts, Counts & Head> {
  if (!allowEmpty) await requireKnownProduct(dekStore, product, { signal });
  let counts = nothing;
  for await (const items of pages) {
    for await (const found of settleConcurrently(items, check, { concurrency, signal })) {
      counts = added(counts, found.adds);
      for (const event of found.events) yield { ...event, counts };
    }
  }
  const summary = charge.inSummary({ ...head, ...counts });
  yield { type: 'finished', summary };
  return summary;
}

function added<Counts extends object>(counts: Counts, adds: Partial<Counts>): Counts {
  const sums = { ...counts } as Record<string, number>;
  for (const [name, count] of Object.entries<number>({ scanned: 1, ...adds })) {
    sums[name] = (sums[name] ?? 0) + count;
  }
  return sums as Counts;
}
