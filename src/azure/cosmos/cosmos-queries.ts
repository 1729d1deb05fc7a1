/** Queries page by page, with the service's own continuations. @module */
import type { FeedOptions, PartitionKey, QueryIterator, SqlQuerySpec } from '@azure/cosmos';
import { ownProperties, requireIntegerBetween } from '../../guards/guards.js';
import type { ListDekRowsOptions } from '../../store/dek-store.js';
import type { CheckedContainer } from './checked-container.js';
import type { CallOptions } from './cosmos-connection.js';
import { failed, nameOf, storeErrorOf } from './cosmos-errors.js';
import { CosmosFailure } from './cosmos-failure.js';
import type { CosmosItem, ItemContent } from './item-content.js';

export interface CosmosPage {
  readonly items: readonly CosmosItem[];
  readonly continuation?: string;
}

const MOST_PAGE_SIZE = 10_000;
const OWN_MARK = 'cosmos:';
/** Characters that an HTTP header can hold. */
const TOKEN = /^[ -~]+$/;
const UNUSABLE_TOKEN: readonly number[] = [400, 410];

export class CosmosQueries {
  readonly #container: CheckedContainer;

  constructor(container: CheckedContainer) {
    this.#container = container;
  }

  /**
   * @throws RangeError for a page size outside 1 to 10 000 and for a continuation that is not of a listing.
   */
  async page(
    query: SqlQuerySpec,
    options: ListDekRowsOptions,
    partitionKey?: PartitionKey,
  ): Promise<CosmosPage> {
    const { pageSize = 100, continuation } = options;
    requireIntegerBetween('pageSize', pageSize, 1, MOST_PAGE_SIZE);
    const continuationToken = continuation === undefined ? undefined : tokenIn(continuation);
    const consistencyLevel = await this.#container.passed(options);
    const feed = {
      consistencyLevel,
      maxItemCount: pageSize,
      ...(partitionKey !== undefined && { partitionKey }),
      ...(continuationToken !== undefined && { continuationToken }),
    };
    const send = (abortSignal: AbortSignal) =>
      this.#query<ItemContent>(query, { ...feed, abortSignal }).fetchNext();
    try {
      return this.#pageIn(await this.#container.persist('query', send, options));
    } catch (error) {
      throw this.#storeError(error, continuation !== undefined);
    }
  }

  /** Reads every page. */
  async all(
    query: SqlQuerySpec,
    options: CallOptions,
    partitionKey?: PartitionKey,
  ): Promise<readonly CosmosItem[]> {
    const items: CosmosItem[] = [];
    let continuation: string | undefined;
    do {
      const own = ownProperties({ ...options, continuation });
      const page: CosmosPage = await this.page(query, own, partitionKey);
      items.push(...page.items);
      continuation = page.continuation;
    } while (continuation !== undefined);
    return items;
  }

  /** @param query - A `SELECT VALUE COUNT(1)`. */
  async count(query: SqlQuerySpec, options: CallOptions): Promise<number> {
    const consistencyLevel = await this.#container.passed(options);
    const send = (abortSignal: AbortSignal) =>
      this.#query<number>(query, { consistencyLevel, abortSignal }).fetchAll();
    try {
      const { resources } = await this.#container.persist('query', send, options);
      // A count that took the service several pages arrives in as many parts.
      return resources.reduce((total, part) => total + part, 0);
    } catch (error) {
      throw storeErrorOf(error, this.#container);
    }
  }

  #pageIn(answer: Resources<ItemContent>): CosmosPage {
    const { resources = [], continuationToken: next, hasMoreResults } = answer;
    const items = resources.map((content) => ({ content, etag: String(content['_etag']) }));
    if (next) return { items, continuation: `${OWN_MARK}${next}` };
    if (!hasMoreResults) return { items };
    // If this counted as the last page, all later rows would be hidden.
    const where = nameOf(this.#container.container);
    throw failed(
      `Cosmos DB has more results for a listing of ${where}, but returned no continuation: ask its support why the gateway leaves a plain query to the client`,
    );
  }

  #query<T>(query: SqlQuerySpec, options: FeedOptions): QueryIterator<T> {
    return this.#container.container.items.query<T>(query, options);
  }

  #storeError(error: unknown, isResumed: boolean): unknown {
    const isUnusable = error instanceof CosmosFailure && UNUSABLE_TOKEN.includes(error.status);
    if (!isResumed || !isUnusable) return storeErrorOf(error, this.#container);
    const where = nameOf(this.#container.container);
    return failed(
      `Cosmos DB no longer accepts a continuation of a listing of ${where}: start the listing again`,
      error,
    );
  }
}

/** The SDK's `FeedResponse`, whose declaration says that every property is always present. */
interface Resources<T> {
  readonly resources?: readonly T[];
  readonly continuationToken?: string;
  readonly hasMoreResults: boolean;
}

function tokenIn(continuation: string): string {
  const token = continuation.slice(OWN_MARK.length);
  if (continuation.startsWith(OWN_MARK) && TOKEN.test(token)) return token;
  throw new RangeError('"continuation" expected one that list returned, got another text');
}
