/** Takes two containers for the live tests: empty ones, which no other process uses. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CosmosDekStore,
  CosmosDocumentStore,
  ensureDekContainer,
} from '../../src/azure/cosmos/index.js';
import type { CosmosAccess } from './live-azure.js';
import { Ledger } from './ledger.js';
import { Refusal } from './refusal.js';
import type { Content, TestContainer } from './test-container.js';

/** What there is of what the tests need. */
interface Inventory {
  readonly database: boolean;
  readonly deks: boolean;
  readonly documents: boolean;
}

const NOTHING: Inventory = { database: false, deks: false, documents: false };
const NO_ITEMS: Content = { made: 0, others: 0 };
const [UNAUTHORIZED, FORBIDDEN, NOT_FOUND] = [401, 403, 404];
const MOST_SWEEPS = 5;
const PAUSE_MS = 1_000;

export class HeldContainers {
  readonly #access: CosmosAccess;
  readonly #ledgerFile: string;
  readonly #say: (line: string) => void;
  #made = NOTHING;
  #isClaimed = false;

  constructor(access: CosmosAccess, ledgerFile: string, say: (line: string) => void) {
    this.#access = access;
    this.#ledgerFile = ledgerFile;
    this.#say = say;
  }

  /**
   * Makes what is missing. Whether it succeeds or not, call {@link release} afterwards.
   *
   * @throws Refusal where a container is not empty, cannot be created, or belongs to another process.
   */
  async take(): Promise<void> {
    await this.#make(await this.#look());
    await this.#claim();
  }

  /** Leaves everything as it was found. @returns What is still there. */
  async release(): Promise<Content> {
    const { deks, documents } = this.#access;
    const ledger = new Ledger(this.#ledgerFile);
    const left = [
      await this.#free(documents, 'documents', ledger),
      await this.#free(deks, 'deks', ledger),
    ];
    if (this.#isClaimed && !this.#made.deks) await deks.endClaim();
    if (this.#made.database) await this.#freeDatabase();
    const sum = (count: (content: Content) => number): number =>
      left.reduce((total, content) => total + count(content), 0);
    return { made: sum(({ made }) => made), others: sum(({ others }) => others) };
  }

  async #look(): Promise<Inventory> {
    const { database, deks, documents } = this.#access;
    if (!(await exists(database))) return NOTHING;
    const inventory = {
      database: true,
      deks: await exists(deks.container),
      documents: await exists(documents.container),
    };
    // The stores have something to say as well: about the account, and how a container is made.
    if (inventory.deks) {
      await new CosmosDekStore(deks.container).count({ product: 'any' });
      await requireEmpty(deks);
    }
    if (inventory.documents) {
      const { container, partitionKey } = documents;
      await new CosmosDocumentStore(container, { partitionKey }).count();
      await requireEmpty(documents);
    }
    return inventory;
  }

  async #make(found: Inventory): Promise<void> {
    const { client, database, deks, documents } = this.#access;
    const partitionKey = { paths: [`/${documents.partitionKey}`] };
    const makers = {
      database: () => client.databases.create({ id: database.id }),
      deks: () => ensureDekContainer(database, { id: deks.id }),
      documents: () => database.containers.create({ id: documents.id, partitionKey }),
    };
    for (const what of ['database', 'deks', 'documents'] as const) {
      if (found[what]) continue;
      await makers[what]().catch((error: unknown) => {
        throw statusOf(error) === FORBIDDEN ? cannotMake(this.#access) : error;
      });
      this.#made = { ...this.#made, [what]: true };
    }
  }

  /** Of several runs one goes on. */
  async #claim(): Promise<void> {
    const { deks } = this.#access;
    this.#isClaimed = await deks.claim();
    if (this.#isClaimed) return;
    throw new Refusal(`Other live tests have just begun on ${deks.name}`);
  }

  async #free(target: TestContainer, what: 'deks' | 'documents', ledger: Ledger): Promise<Content> {
    if (this.#made[what] && (await this.#holdsNothingElse(target, ledger))) {
      await target.container.delete();
      return NO_ITEMS;
    }
    if (!this.#isClaimed) return NO_ITEMS;
    const { made, others } = await sweepUntilClean(target, ledger);
    if (made > 0) this.#say(`Delete what the tests left: ${items(made)} in ${target.name}`);
    if (others > 0) {
      this.#say(`Left alone, for the tests did not make them: ${items(others)} in ${target.name}`);
    }
    return { made, others };
  }

  /** Until it is claimed nothing in it is of these tests. */
  async #holdsNothingElse(target: TestContainer, ledger: Ledger): Promise<boolean> {
    if (!this.#isClaimed) return (await target.count()) === 0;
    return (await target.look(ledger)).others === 0;
  }

  async #freeDatabase(): Promise<void> {
    const { database } = this.#access;
    const { resources } = await database.containers.readAll().fetchAll();
    if (resources.length === 0) await database.delete();
    else this.#say(`Left alone, for there are containers in it: the database "${database.id}"`);
  }
}

/** @returns What is left. */
async function sweepUntilClean(target: TestContainer, ledger: Ledger): Promise<Content> {
  for (let sweeps = 1; sweeps <= MOST_SWEEPS; sweeps += 1) {
    const { made } = await target.sweep(ledger);
    if (made === 0) break;
    // What another process wrote may take a moment to be seen here.
    if (sweeps > 1) await sleep(PAUSE_MS);
  }
  return target.look(ledger);
}

async function exists(place: { readonly id: string; read(): Promise<unknown> }): Promise<boolean> {
  try {
    await place.read();
    return true;
  } catch (error) {
    const status = statusOf(error);
    if (status === NOT_FOUND) return false;
    if (status !== FORBIDDEN && status !== UNAUTHORIZED) throw error;
    throw new Refusal(
      `Cosmos DB denies access to "${place.id}" (${String(status)}): give this identity the role "Cosmos DB Built-in Data Contributor" on the database, and allow this address in the account's firewall`,
    );
  }
}

async function requireEmpty(target: TestContainer): Promise<void> {
  const count = await target.count();
  if (count === 0) return;
  throw new Refusal(
    `There ${count === 1 ? 'is' : 'are'} ${items(count)} in ${target.name}, and the tests take empty ones alone: nothing was changed`,
  );
}

function cannotMake({ database, deks, documents }: CosmosAccess): Refusal {
  return new Refusal(
    `This identity may not create what is missing of the database "${database.id}" and its containers "${deks.id}" and "${documents.id}": make them as docs/live-tests.md says, or set COSMOS_KEY`,
  );
}

function items(count: number): string {
  return count === 1 ? '1 item' : `${String(count)} items`;
}

function statusOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | null)?.code;
}
