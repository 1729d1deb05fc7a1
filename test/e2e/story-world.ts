/** Everything that a chapter works on: vault, database, backend under traffic, and an operator's shell. @module */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { CosmosClient, Database } from '@azure/cosmos';
import { AzureEmulators } from '../../examples/azure/emulators.js';
import { tokenFor, type Variables } from '../support/running-backend.js';
import { Collector } from '../support/otel/collector-server.js';
import { Random } from '../simulation/random.js';
import { Clients } from './clients.js';
import { Cluster } from './cluster.js';
import { Deployment } from './deployment.js';
import { OperatorShell, type Ran } from './operator-shell.js';
import { MountedSecrets } from './mounted-secrets.js';
import { newProjectFolder, removeFolder } from './project-folder.js';
import { SecretSearch } from './secret-search.js';
import { installStandIns } from './stand-ins.js';

export interface WorldOptions {
  readonly seed: number;
  /** On top of the variables of the backend; `undefined` removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default 2 */
  readonly replicas?: number;
}

const FENCE_TTL_MS = '1000';

export class StoryWorld {
  readonly random: Random;
  readonly folder: string;
  readonly azure: AzureEmulators;
  /** What the replicas export. */
  readonly collector: Collector;
  readonly deployment: Deployment;
  readonly clients: Clients;
  readonly shell: OperatorShell;
  /** In every text of every note, and nowhere else. */
  readonly marker: string;
  /** Of the operator: those of the backend, and some more. */
  readonly env: Variables;
  /** In the vault, and in the pods. */
  readonly mounted: MountedSecrets;
  readonly secrets = new SecretSearch();
  /** By the blocks so far. */
  readonly printed: string[] = [];
  /** How often a command was killed. */
  kills = 0;
  replicasKilled = 0;
  #shiftMs = 0;
  #client: CosmosClient | undefined;
  readonly #endings: (() => Promise<void>)[] = [];
  readonly cluster: Cluster;
  readonly #tools: string;

  private constructor(parts: {
    random: Random;
    folder: string;
    tools: string;
    azure: AzureEmulators;
    collector: Collector;
    deployment: Deployment;
    clients: Clients;
    cluster: Cluster;
    mounted: MountedSecrets;
    marker: string;
    env: Variables;
  }) {
    this.random = parts.random;
    this.folder = parts.folder;
    this.azure = parts.azure;
    this.collector = parts.collector;
    this.deployment = parts.deployment;
    this.clients = parts.clients;
    this.marker = parts.marker;
    this.env = parts.env;
    this.mounted = parts.mounted;
    this.cluster = parts.cluster;
    this.#tools = parts.tools;
    this.shell = new OperatorShell(parts.folder, parts.env);
    this.secrets.addText(parts.marker);
    this.secrets.addVariables(parts.env);
  }

  static async start({ seed, env = {}, replicas = 2 }: WorldOptions): Promise<StoryWorld> {
    const random = new Random(seed);
    const folder = newProjectFolder();
    const tools = mkdtempSync(join(tmpdir(), 'field-encrypt-tools-'));
    installStandIns(join(tools, 'bin'));
    const azure = await AzureEmulators.start();
    const collector = new Collector();
    await collector.listen();
    const variables = defined({
      ...backendVariables(azure, folder),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      ...env,
    });
    const deployment = new Deployment(folder, variables, replicas);
    await deployment.start();
    const mounted = new MountedSecrets(join(tools, 'secrets'));
    const cluster = new Cluster(deployment, mounted);
    const marker = `canary${randomBytes(12).toString('hex')}`;
    const clients = new Clients({
      ...{ marker, seed },
      address: deployment.address,
      token: () => tokenFor(['w1', 'w2'], deployment.env),
    });
    const noteId = await clients.createNote('w1');
    await clients.fill(12);
    const operator = {
      ...variables,
      FIELD_ENCRYPT_ENABLED: 'true',
      PATH: [join(tools, 'bin'), process.env['PATH']].join(delimiter),
      HOME: tools,
      E2E_CLUSTER: await cluster.start(),
      E2E_VAULT_FOLDER: mounted.vault,
      E2E_VAULTS: `kv1=${azure.vault.vaultHostUrl}`,
      ENCRYPT_MIGRATE_PRODUCT: 'notelett',
      VAULT: 'kv1',
      COSMOS_ACCOUNT: 'notelett',
      GROUP: 'notelett',
      NOTES_URL: deployment.address,
      TOKEN: await tokenFor(['w1'], variables),
      OPERATOR_TOKEN: await tokenFor([], variables, ['operator']),
      NOTE_ID: noteId,
      npm_config_update_notifier: 'false',
      NPM_CONFIG_OFFLINE: 'true',
    };
    clients.start();
    return new StoryWorld({
      ...{ random, folder, tools, azure, collector, deployment, clients, cluster, mounted, marker },
      env: operator,
    });
  }

  /** Of the commands that come; those of the backend stay as they are. */
  shiftOperatorClock(ms: number): void {
    this.#shiftMs += ms;
    const preload = `--import=${new URL('stand-ins/shifted-clock.mjs', import.meta.url).href}`;
    const options = [this.env['NODE_OPTIONS'], preload].filter(Boolean).join(' ');
    this.shell.export({ NODE_OPTIONS: options, E2E_CLOCK_SHIFT_MS: String(this.#shiftMs) });
  }

  /** It is that of the machine again. */
  resetOperatorClock(): void {
    this.#shiftMs = 0;
    this.shell.export({ E2E_CLOCK_SHIFT_MS: '0' });
  }

  /** In use by the backend. */
  get database(): Database {
    this.#client ??= this.azure.cosmos.client();
    return this.#client.database('notelett');
  }

  /** On a raw container. `<NAME>` stands for a variable of the shell. */
  async query(text: string, container: string): Promise<Ran> {
    let query = text;
    for (const [whole, name = ''] of text.matchAll(/<([A-Z_]+)>/g)) {
      query = query.replaceAll(whole, (await this.shell.valueOf(name)) ?? whole);
    }
    const { resources } = await this.database
      .container(container)
      .items.query<unknown>(query)
      .fetchAll();
    const printed = resources.map((each) => `${JSON.stringify(each)}\n`).join('');
    return { exitCode: 0, printed };
  }

  /** To the vault and the database, from now on. @returns Forgets it. */
  afterRequests(count: number, act: () => void): () => void {
    const total = (): number =>
      this.azure.vault.requests.length + this.azure.cosmos.requests.length;
    const begin = total();
    const timer = setInterval(() => {
      if (total() - begin < count) return;
      clearInterval(timer);
      act();
    }, 1);
    return () => {
      clearInterval(timer);
    };
  }

  /** What a situation has started. */
  atEnd(stop: () => Promise<void>): void {
    this.#endings.push(stop);
  }

  async stop({ keep = false }: { readonly keep?: boolean } = {}): Promise<void> {
    await this.clients.stop();
    await this.deployment.stop();
    this.cluster.stop();
    this.collector.stop();
    for (const end of this.#endings) await end();
    await this.azure.stop();
    this.shell.close();
    if (keep) return;
    removeFolder(this.folder);
    removeFolder(this.#tools);
  }
}

function backendVariables(azure: AzureEmulators, folder: string): Variables {
  const { publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 3072,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    ...azure.vault.environment(),
    ...azure.variables(),
    AZURE_KEYVAULT_URL: azure.vault.vaultHostUrl,
    READINESS_CACHE_MS: '0',
    AUDIT_FILE: join(folder, 'audit.jsonl'),
    FIELD_ENCRYPT_RECORD_KEY: randomBytes(32).toString('base64'),
    FIELD_ENCRYPT_RECOVERY_KEY: publicKey,
    FIELD_ENCRYPT_FENCE_TTL_MS: FENCE_TTL_MS,
    JWT_CURRENT_KID: 'jwt-1',
    JWT_CURRENT_SECRET: randomBytes(32).toString('base64url'),
    METRICS_TOKEN: randomBytes(32).toString('base64url'),
  };
}

function defined(variables: Readonly<Record<string, string | undefined>>): Variables {
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
