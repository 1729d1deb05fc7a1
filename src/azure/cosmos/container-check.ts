/** Checks a container before its first use, so that its answers can be relied on. @module */
import type { ConsistencyLevel, ContainerDefinition } from '@azure/cosmos';
import { elapsedMs, momentOf, type Moment } from '../../async/clock.js';
import { untilAborted } from '../../async/abort.js';
import type { CallOptions, CosmosConnection } from './cosmos-connection.js';
import { failed, nameOf, storeErrorOf, type ContainerRemedy } from './cosmos-errors.js';
import { CosmosFailure } from './cosmos-failure.js';
import type { CosmosAnswer } from './cosmos-request.js';

/** Throws where a container of this definition is unsuitable. */
export type ContainerRule = (definition: ContainerDefinition, where: string) => void;

export interface ContainerCheckOptions {
  readonly connection: CosmosConnection;
  readonly rule: ContainerRule;
  /** Ends the sentence "Cosmos DB has no container …: ". */
  readonly remedy: string;
}

/** After the container was found, a 404 means an absent item for this long. */
const BELIEVED_MS = 60_000;

export class ContainerCheck implements ContainerRemedy {
  readonly remedy: string;
  readonly container: CosmosConnection['container'];
  readonly #connection: CosmosConnection;
  readonly #rule: ContainerRule;
  #checked: Promise<ConsistencyLevel> | undefined;
  #foundAt: Moment | undefined;

  constructor({ connection, rule, remedy }: ContainerCheckOptions) {
    this.#connection = connection;
    this.#rule = rule;
    this.remedy = remedy;
    this.container = connection.container;
  }

  /** The first caller runs the check; a failed check is repeated for the next caller. */
  async passed(options: CallOptions = {}): Promise<ConsistencyLevel> {
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
    const { clock } = this.#connection;
    if (this.#foundAt && elapsedMs(clock, this.#foundAt) < BELIEVED_MS) return;
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
      `The account of ${this.#where}has multi-region writes, under which two replaces with one etag can both succeed: turn them off, or use an account without them`,
    );
  }

  async #readContainer(options: CallOptions): Promise<void> {
    const askedAt = momentOf(this.#connection.clock);
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
      return await this.#connection.persist(operation, send, options);
    } catch (error) {
      throw error instanceof CosmosFailure ? storeErrorOf(error, this) : error;
    }
  }

  get #where(): string {
    return nameOf(this.container);
  }
}
