/** Single items; each write takes effect once or not at all, even when its answer is lost. @module */
import { isDeepStrictEqual } from 'node:util';
import type { ConsistencyLevel, Item, PartitionKey } from '@azure/cosmos';
import { StoreError } from '../../errors/errors.js';
import type { CheckedContainer } from './checked-container.js';
import { MOST_ATTEMPTS, type CallOptions } from './cosmos-connection.js';
import { storeErrorOf, unconfirmed } from './cosmos-errors.js';
import { CosmosFailure } from './cosmos-failure.js';
import type { CosmosAnswer } from './cosmos-request.js';
import { withoutSystemProperties, type CosmosItem, type ItemContent } from './item-content.js';

/** The place of an item, and its name in messages. */
export interface ItemPlace {
  readonly id: string;
  readonly partitionKey: PartitionKey;
  readonly name: string;
}

/** A write, as it is sent and as it is checked afterwards. */
interface Write {
  readonly operation: 'create' | 'delete' | 'replace';
  readonly place: ItemPlace;
  /** Absent for a delete. */
  readonly content?: ItemContent;
  /** Absent for a create. */
  readonly etag?: string;
}

/** The result of a read after a write: written, overtaken by another write, or not written so far. */
type Finding = 'lost' | 'open' | { readonly etag: string };

/** Sent as it is, `*` would match any item. The library never uses lists of etags either. */
const ETAG = /^[!-)+\--~]+$/;

export class CosmosItems {
  readonly #container: CheckedContainer;

  constructor(container: CheckedContainer) {
    this.#container = container;
  }

  async read(place: ItemPlace, options: CallOptions): Promise<CosmosItem | undefined> {
    const consistencyLevel = await this.#container.passed(options);
    try {
      const item = await this.#read(place, consistencyLevel, options);
      if (!item) await this.#container.confirmExists(options);
      return item;
    } catch (error) {
      throw storeErrorOf(error, this.#container);
    }
  }

  /** @throws StoreError `ALREADY_EXISTS`. */
  async create(place: ItemPlace, content: ItemContent, options: CallOptions): Promise<CosmosItem> {
    const etag = await this.#write({ operation: 'create', place, content }, options);
    return { content, etag };
  }

  /** @throws StoreError `ETAG_MISMATCH`, also where the item does not exist. */
  async replace(
    place: ItemPlace,
    content: ItemContent,
    oldEtag: string,
    options: CallOptions,
  ): Promise<CosmosItem> {
    const write = { operation: 'replace', place, content, etag: oldEtag } as const;
    return { content, etag: await this.#write(write, options) };
  }

  /** @throws StoreError `ETAG_MISMATCH`, also where the item does not exist. */
  async delete(place: ItemPlace, etag: string, options: CallOptions): Promise<void> {
    await this.#write({ operation: 'delete', place, etag }, options);
  }

  async #write(write: Write, options: CallOptions): Promise<string> {
    options.signal?.throwIfAborted();
    if (write.etag !== undefined && !ETAG.test(write.etag)) throw lostRace(write);
    const consistency = await this.#container.passed(options);
    const isLate = this.#container.patience();
    let failure: CosmosFailure | undefined;
    for (let attempt = 1; attempt <= MOST_ATTEMPTS && !isLate(); attempt += 1) {
      if (failure) await this.#container.backOff(attempt - 1, options.signal);
      const mayHaveSucceeded = failure !== undefined;
      const outcome = await this.#send(write, options);
      if (typeof outcome === 'string') return outcome;
      failure = outcome;
      if (!mayHaveSucceeded && !failure.isUnclear && !failure.wasRepeated) {
        throw await this.#refusal(write, failure, options);
      }
      const finding = await this.#find(write, consistency, options);
      if (finding === 'lost') throw lostRace(write);
      if (finding !== 'open') return finding.etag;
      if (!failure.isUnclear && !isLostRace(write, failure)) {
        throw storeErrorOf(failure, this.#container);
      }
    }
    throw unconfirmed(write.place.name, this.#container.container, failure);
  }

  /** @returns The new etag, or why there is none. */
  async #send(write: Write, options: CallOptions): Promise<CosmosFailure | string> {
    const send = (abortSignal: AbortSignal) => this.#request(write, abortSignal);
    try {
      const { etag } = await this.#container.attempt(write.operation, send, options);
      return etag ?? '';
    } catch (error) {
      if (error instanceof CosmosFailure) return error;
      throw error;
    }
  }

  #request({ place, content, etag }: Write, abortSignal: AbortSignal): Promise<CosmosAnswer> {
    const onlyIf = etag !== undefined && { type: 'IfMatch', condition: etag };
    const request = { abortSignal, ...(onlyIf && { accessCondition: onlyIf }) };
    if (content === undefined) return this.#itemAt(place).delete(request);
    const { items } = this.#container.container;
    return onlyIf ? this.#itemAt(place).replace(content, request) : items.create(content, request);
  }

  /** Reads the present item. Equal content counts as written, also when another writer wrote it. */
  async #find(write: Write, consistency: ConsistencyLevel, options: CallOptions): Promise<Finding> {
    const { place, content, etag } = write;
    let stored: CosmosItem | undefined;
    try {
      stored = await this.#read(place, consistency, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw unconfirmed(place.name, this.#container.container, error);
    }
    if (!stored && content === undefined) return { etag: '' };
    if (!stored) return etag === undefined ? 'open' : 'lost';
    if (stored.etag === etag) return 'open';
    const isOurs = isDeepStrictEqual(withoutSystemProperties(stored.content), content);
    return isOurs ? { etag: stored.etag } : 'lost';
  }

  async #read(
    place: ItemPlace,
    consistencyLevel: ConsistencyLevel,
    options: CallOptions,
  ): Promise<CosmosItem | undefined> {
    // Set explicitly: otherwise the SDK sends no session token, and its own last write may be missing.
    const send = (abortSignal: AbortSignal) =>
      this.#itemAt(place).read<ItemContent>({ abortSignal, consistencyLevel });
    try {
      const { resource, etag } = await this.#container.persist('read', send, options);
      return resource && { content: resource, etag };
    } catch (error) {
      if (error instanceof CosmosFailure && isAbsent(error)) return undefined;
      throw error;
    }
  }

  async #refusal(write: Write, failure: CosmosFailure, options: CallOptions): Promise<unknown> {
    if (!isLostRace(write, failure)) return storeErrorOf(failure, this.#container);
    if (isAbsent(failure)) await this.#container.confirmExists(options);
    return lostRace(write);
  }

  #itemAt({ id, partitionKey }: ItemPlace): Item {
    return this.#container.container.item(id, partitionKey);
  }
}

function isAbsent({ status, substatus }: CosmosFailure): boolean {
  return status === 404 && substatus === 0;
}

function isLostRace({ operation }: Write, failure: CosmosFailure): boolean {
  if (operation === 'create') return failure.status === 409;
  return failure.status === 412 || isAbsent(failure);
}

function lostRace({ operation, place: { name } }: Write): StoreError {
  if (operation === 'create') return new StoreError('ALREADY_EXISTS', `${name} already exists`);
  return new StoreError('ETAG_MISMATCH', `${name} was changed or removed by another writer`);
}
