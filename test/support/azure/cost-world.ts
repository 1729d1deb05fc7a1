/** What the notes backend asks of a vault and of Cosmos DB, counted by test servers. Needs `dist`. */
import { generateKeyPairSync } from 'node:crypto';
import type { Container } from '@azure/cosmos';
import {
  createFieldEncryptor,
  DekCache,
  type FieldEncryptor,
  type FieldEncryptorOptions,
} from '@bytelyst/field-encrypt';
import { CosmosDekStore, CosmosDocumentStore } from '@bytelyst/field-encrypt/azure/cosmos';
import { AkvKeyProvider } from '@bytelyst/field-encrypt/azure/key-vault';
import {
  type NoteContent,
  type StoredNote,
} from '../../../examples/notes-backend/src/notes/note.js';
import { Notes } from '../../../examples/notes-backend/src/notes/notes.js';
import { runningClock } from '../rotation/auto-clock.js';
import { MEK_NAME } from './akv-provider.js';
import { CosmosServer, type CosmosKind } from './cosmos-server.js';
import { KeyVaultServer } from './key-vault-server.js';

const PRODUCT = 'notelett';
export const WORKSPACE = 'w1';
export const NOTE: NoteContent = {
  title: 'x'.repeat(20),
  body: 'x'.repeat(1_000),
  tags: ['plans', 'money'],
  pinned: false,
};
const ITEM_KINDS: readonly CosmosKind[] = ['read', 'query', 'create', 'replace', 'delete'];

/** Requests by kind, and what they were charged. */
export interface Requests {
  readonly kinds: Readonly<Partial<Record<CosmosKind, number>>>;
  readonly units: number;
}

export interface Cost {
  /** Wraps, unwraps, and reads of the key. */
  readonly vault: number;
  readonly deks: Requests;
  readonly documents: Requests;
}

export const RECOVERY_KEY: string = generateKeyPairSync('rsa', { modulusLength: 3_072 })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString();

export class CostWorld {
  readonly deks: Container;
  readonly documents: Container;
  readonly store: CosmosDocumentStore<StoredNote>;
  readonly encryptor: FieldEncryptor;
  readonly notes: Notes;
  readonly #servers: CostServers;

  private constructor(
    servers: CostServers,
    containers: readonly [Container, Container],
    options: Partial<FieldEncryptorOptions>,
  ) {
    [this.deks, this.documents] = containers;
    this.#servers = servers;
    // Time stands still, unless a run waits: nothing is read again because a machine is slow.
    const { clock = runningClock() } = options;
    this.store = new CosmosDocumentStore<StoredNote>(this.documents, {
      partitionKey: 'workspaceId',
    });
    this.encryptor = createFieldEncryptor({
      product: PRODUCT,
      keyProviders: [servers.provider()],
      dekStore: new CosmosDekStore(this.deks, { readLagMs: 0 }),
      clock,
      dekCache: new DekCache({ clock }),
      ...options,
    });
    this.notes = new Notes({ encryptor: this.encryptor, store: this.store, timeoutMs: 600_000 });
  }

  /** Once it has made what a process asks only once. */
  static async start(
    servers: CostServers,
    options: Partial<FieldEncryptorOptions> = {},
  ): Promise<CostWorld> {
    const containers = [
      await servers.cosmos.container({ partitionKeyPath: '/scopeId' }),
      await servers.cosmos.container({ partitionKeyPath: '/workspaceId' }),
    ] as const;
    const world = new CostWorld(servers, containers, options);
    await world.create();
    return world;
  }

  async create(): Promise<string> {
    const { document } = await this.notes.create(WORKSPACE, NOTE, 'ada');
    return document.id;
  }

  async createMany(count: number): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let at = 0; at < count; at += 1) ids.push(await this.create());
    return ids;
  }

  /** As after a restart. */
  forgetKeys(): void {
    this.encryptor.dekCache.clear();
  }

  async costOf(work: () => Promise<unknown>): Promise<Cost> {
    const { vault, cosmos } = this.#servers;
    vault.clearRequests();
    cosmos.clearRequests();
    await work();
    return {
      vault: vault.requests.filter(({ authorized }) => authorized).length,
      deks: this.#requestsTo(this.deks),
      documents: this.#requestsTo(this.documents),
    };
  }

  #requestsTo({ id }: Container): Requests {
    const { requests, account } = this.#servers.cosmos;
    const own = requests.filter((each) => each.container === id);
    const kinds = Object.fromEntries(
      ITEM_KINDS.map((kind) => [kind, own.filter((each) => each.kind === kind).length]),
    );
    const units = own.reduce((all, { kind }) => all + (account.charges[kind] ?? 0), 0);
    return { kinds, units };
  }
}

export class CostServers {
  readonly vault: KeyVaultServer;
  readonly cosmos: CosmosServer;

  private constructor(vault: KeyVaultServer, cosmos: CosmosServer) {
    this.vault = vault;
    this.cosmos = cosmos;
  }

  static async start(): Promise<CostServers> {
    const [vault, cosmos] = await Promise.all([KeyVaultServer.start(), CosmosServer.start()]);
    await vault.createKey(MEK_NAME, { size: 2048 });
    return new CostServers(vault, cosmos);
  }

  provider(): AkvKeyProvider {
    const { vault } = this;
    return new AkvKeyProvider({
      vaultUrl: vault.url,
      mekName: MEK_NAME,
      credential: vault.credential(),
      clientOptions: vault.clientOptions(),
      insecureAllowLoopback: true,
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.vault.stop(), this.cosmos.stop()]);
  }
}
