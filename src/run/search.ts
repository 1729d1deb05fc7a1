/** A scan that reports findings, counts everything, and writes nothing. @module */
import { systemClock, type Clock } from '../async/clock.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { readEncryption, requireIdentifier } from '../guards/guards.js';
import { ownCallOptions, type CallOptions } from '../async/abort.js';
import { settleConcurrently } from '../async/concurrency.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';
import { meteredDekStore, RunCharge, type ChargedEvent } from '../store/metered-dek-store.js';
import { endOnAbort } from './run-publisher.js';
import { MeteredDocumentStore, type AnyDocumentStore } from './scanned-document.js';
import { requireDefinition, requireDekStore, requireDocumentStore } from './required-parts.js';
import { readConcurrency } from './run-context.js';

/** The context of a search; a `FieldEncryptor` is one. */
export interface SearchedEncryption {
  readonly product: string;
  readonly dekStore: DekStore;
  readonly clock?: Clock;
}

/** The options of every search. */
export interface SearchOptions extends CallOptions {
  /** Most rows or documents in flight, 1 to 1 000. @default 8 */
  readonly concurrency?: number;
}

export interface SearchRequest {
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
}

export interface SearchContext extends SearchRequest {
  readonly product: string;
  readonly clock: Clock;
  readonly dekStore: Required<DekStore>;
  readonly charge: RunCharge;
}

export interface DocumentSearchContext extends SearchContext {
  readonly definition: AnyDefinition;
  readonly documentStore: AnyDocumentStore;
}

interface DocumentSearchNeeds {
  /** The methods of the document store that the search needs. */
  readonly methods: readonly (keyof DocumentStore)[];
  readonly request: SearchRequest;
}

/** Always the last event; the same summary is the generator's return value. */
export interface SearchFinishedEvent<Summary> extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: Summary;
}

/** What differs between searches. */
export interface Search<Item, Outcome, Counts, Event, Summary> {
  readonly pages: AsyncIterable<readonly Item[]>;
  /** Called for each page: returns how to check each of its items. */
  readonly checks: (items: readonly Item[]) => Promise<readonly (() => Promise<Outcome>)[]>;
  readonly nothing: Counts;
  readonly counted: (counts: Counts, outcome: Outcome) => Counts;
  /** The events of an outcome; most outcomes are only counted. */
  readonly eventsOf: (outcome: Outcome, counts: Counts) => Iterable<Event>;
  readonly summaryOf: (counts: Counts) => Summary;
}

/**
 * @param more - Names of options that only this search has, and validates itself.
 * @throws TypeError or RangeError for invalid options.
 */
export function readSearchOptions<Options extends SearchOptions>(
  options: Options,
  more: readonly (keyof Options & string)[] = [],
): { readonly own: Options; readonly request: SearchRequest } {
  const own = ownCallOptions(options, ['concurrency', ...more]);
  const concurrency = readConcurrency(own.concurrency);
  return { own, request: { concurrency, signal: own.signal } };
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
    dekStore: meteredDekStore(dekStore, { product, clock }, charge),
  };
}

/** @throws TypeError or RangeError for parts that cannot be searched. */
export function documentSearchContext(
  encryption: SearchedEncryption,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  { methods, request }: DocumentSearchNeeds,
): DocumentSearchContext {
  requireDekStore('dekStore', ['get', 'getMany', 'list'], readEncryption(encryption).dekStore);
  requireDefinition('definition', definition);
  requireDocumentStore('documentStore', methods, documentStore);
  const context = searchContext(encryption, request);
  const store = documentStore as AnyDocumentStore;
  const metered = new MeteredDocumentStore({ store, onRequestCharge: context.charge.add });
  return { ...context, definition, documentStore: metered };
}

/** @throws The signal's reason when it aborts, also where a store does not answer. */
export async function* search<
  Item,
  Outcome,
  Counts,
  Event extends ChargedEvent,
  Summary extends ChargedEvent,
>(
  context: SearchContext,
  parts: Search<Item, Outcome, Counts, Event, Summary>,
): AsyncGenerator<Event | SearchFinishedEvent<Summary>, Summary, void> {
  context.signal?.throwIfAborted();
  return yield* context.charge.inEvents(endOnAbort(scan(context, parts), context));
}

async function* scan<
  Item,
  Outcome,
  Counts,
  Event extends ChargedEvent,
  Summary extends ChargedEvent,
>(
  { charge, concurrency, signal }: SearchContext,
  {
    pages,
    checks,
    nothing,
    counted,
    eventsOf,
    summaryOf,
  }: Search<Item, Outcome, Counts, Event, Summary>,
): AsyncGenerator<Event | SearchFinishedEvent<Summary>, Summary, void> {
  let counts = nothing;
  for await (const items of pages) {
    const settling = settleConcurrently(await checks(items), (check) => check(), {
      concurrency,
      signal,
    });
    for await (const outcome of settling) {
      counts = counted(counts, outcome);
      yield* eventsOf(outcome, counts);
    }
  }
  const summary = charge.inSummary(summaryOf(counts));
  yield { type: 'finished', summary };
  return summary;
}
