/** Checks a container before its first use, so that its answers can be relied on. @module */
import type { ConsistencyLevel, Container, ContainerDefinition } from '@azure/cosmos';
import { elapsedMs, momentOf, type Moment } from '../../async/clock.js';
import { untilAborted } from '../../async/abort.js';
import {
  CosmosConnection,
  type CallOptions,
  type CosmosStoreOptions,
} from './cosmos-connection.js';
import { failed, nameOf, storeErrorOf, type ContainerRemedy } from './cosmos-errors.js';
import type { CosmosAnswer } from './cosmos-request.js';

/** Throws where a container of this definition is unsuitable. */
type ContainerRule = (definition: ContainerDefinition, where: string) => void;

/** After the container was found, a 404 means an absent item for this long. */
const BELIEVED_MS = 60_000;

export class CheckedContainer extends CosmosConnection implements ContainerRemedy {
  readonly remedy: string;
  readonly #rule: ContainerRule;
  #checked: Promise<ConsistencyLevel> | undefined;
  #foundAt: Moment | undefined;

  /** @param remedy - Ends the sentence "Cosmos DB has no container …: ". */
  constructor(
    container: Container,
    options: CosmosStoreOptions,
    rule: ContainerRule,
    remedy: string,
  ) {
    super(container, options);
    this.#rule = rule;
    this.remedy = remedy;
  }

  /** The first caller runs the check; a failed check is repeated for the next caller. */
  async passed(options: CallOptions): Promise<ConsistencyLevel> {
    options.signal?.throwIfAborted();
    if (!this.#checked) {
      const checking = this.#check({ onRequestCharge: options.onRequestCharge });
      this.#checked = checking;
      checking.catch(() => {
        this.#checked = undefined;
      });
    }
    return untilAborted(this.#checked, options.signal);
  }

  /** A 404 without a substatus may mean the item or, from some gateways, the whole container. */
  async confirmExists(options: CallOptions): Promise<void> {
    if (this.#foundAt && elapsedMs(this.clock, this.#foundAt) < BELIEVED_MS) return;
    await this.#readContainer(options);
  }

  async #check(options: CallOptions): Promise<ConsistencyLevel> {
    const consistency = await this.#readAccount(options);
    await this.#readContainer(options);
    return consistency;
  }

  async #readAccount(options: CallOptions): Promise<ConsistencyLevel> {
    const { client } = this.container.database;
    const { resource } = await this.#ask('account', options, (abortSignal) =>
      client.getDatabaseAccount({ abortSignal }),
    );
    if (!resource)
      throw failed(`Cosmos DB returned no description of the account of ${this.#where}: try again`);
    if (!resource.enableMultipleWritableLocations) return resource.consistencyPolicy;
    throw failed(
      `The account of ${this.#where} has multi-region writes, under which two replaces with one etag can both succeed: turn them off, or use an account without them`,
    );
  }

  async #readContainer(options: CallOptions): Promise<void> {
    const askedAt = momentOf(this.clock);
    const { resource } = await this.#ask('container', options, (abortSignal) =>
      this.container.read({ abortSignal }),
    );
    if (!resource) throw failed(`Cosmos DB returned no description of ${this.#where}: try again`);
    this.#rule(resource, this.#where);
    this.#foundAt = askedAt;
  }

  async #ask<Answer extends CosmosAnswer>(
    operation: 'account' | 'container',
    options: CallOptions,
    send: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await this.persist(operation, send, options);
    } catch (error) {
      throw storeErrorOf(error, this);
    }
  }

  get #where(): string {
    return nameOf(this.container);
  }
}
