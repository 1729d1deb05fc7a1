/** A container of the live tests: what lies in it, and how what they made there is deleted. @module */
import type { ConsistencyLevel, Container } from '@azure/cosmos';
import { mapConcurrently } from '../../src/async/concurrency.js';
import type { Ledger } from './ledger.js';

interface FoundItem {
  readonly id: string;
  readonly partition: string;
}

/** Items in a container. */
export interface Content {
  /** Of the tests, as the ledger says. */
  readonly made: number;
  readonly others: number;
}

/** Names its own partition, and has none of the properties that anything here is searched by. */
const CLAIM = 'live-tests';
const DELETES_AT_ONCE = 10;
const [NOT_FOUND, CONFLICT] = [404, 409];

export class TestContainer {
  readonly container: Container;
  /** The property by which it is partitioned. */
  readonly partitionKey: string;
  #consistency: Promise<ConsistencyLevel> | undefined;

  constructor(container: Container, partitionKey: string) {
    this.container = container;
    this.partitionKey = partitionKey;
  }

  get id(): string {
    return this.container.id;
  }

  /** For messages. */
  get name(): string {
    return `the container "${this.id}" in the database "${this.container.database.id}"`;
  }

  async count(): Promise<number> {
    const parts = await this.#query<number>('SELECT VALUE COUNT(1) FROM c');
    return parts.reduce((total, part) => total + part, 0);
  }

  /** Marks it as in use. @returns Whether no other process did. */
  async claim(): Promise<boolean> {
    const claim = { id: CLAIM, [this.partitionKey]: CLAIM, startedAt: new Date().toISOString() };
    try {
      await this.container.items.create(claim);
      return true;
    } catch (error) {
      if (isRefusedWith(CONFLICT, error)) return false;
      throw error;
    }
  }

  async endClaim(): Promise<void> {
    await this.#delete({ id: CLAIM, partition: CLAIM });
  }

  /** What there is besides a claim. */
  async look(ledger: Ledger): Promise<Content> {
    const found = await this.#list();
    const made = found.filter((item) => this.#isIn(ledger, item)).length;
    return { made, others: found.length - made };
  }

  /** Deletes what the ledger says was made here, and nothing else. @returns What it found. */
  async sweep(ledger: Ledger): Promise<Content> {
    const found = await this.#list();
    const made = found.filter((item) => this.#isIn(ledger, item));
    const concurrency = DELETES_AT_ONCE;
    await mapConcurrently(made, (item) => this.#delete(item), { concurrency });
    return { made: made.length, others: found.length - made.length };
  }

  #isIn(ledger: Ledger, item: FoundItem): boolean {
    return ledger.has({ container: this.id, ...item });
  }

  async #list(): Promise<readonly FoundItem[]> {
    const { partitionKey } = this;
    const items = await this.#query<Record<string, string>>(
      `SELECT c.id, c.${partitionKey} FROM c`,
    );
    const places = items.map(({ id = '', [partitionKey]: partition = '' }) => ({ id, partition }));
    return places.filter(({ id }) => id !== CLAIM);
  }

  async #query<T>(text: string): Promise<readonly T[]> {
    // Said outright, or the SDK sends no session token, and what was just written may be missing.
    const consistencyLevel = await (this.#consistency ??= this.#readConsistency());
    const { resources } = await this.container.items
      .query<T>(text, { consistencyLevel })
      .fetchAll();
    return resources;
  }

  async #readConsistency(): Promise<ConsistencyLevel> {
    const { resource } = await this.container.database.client.getDatabaseAccount();
    if (!resource) throw new Error('Cosmos DB returned no description of the account');
    return resource.consistencyPolicy;
  }

  async #delete({ id, partition }: FoundItem): Promise<void> {
    try {
      await this.container.item(id, partition).delete();
    } catch (error) {
      // A listing may be behind.
      if (!isRefusedWith(NOT_FOUND, error)) throw error;
    }
  }
}

function isRefusedWith(status: number, error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === status;
}
