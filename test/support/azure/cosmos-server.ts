/** Cosmos DB over HTTPS on loopback: an emulator that others wrote, with faults to order. @module */
import { Agent } from 'node:https';
import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CosmosClient, type Container, type CosmosClientOptions } from '@azure/cosmos';
import { startEmulator, type CosmosEmulator } from './cosmos/cosmos-emulator.js';
import {
  recordRequest,
  type CosmosKind,
  type RawAnswer,
  type RawRequest,
  type RecordedRequest,
} from './cosmos/cosmos-exchange.js';
import { CosmosAnswers, type AccountSettings } from './cosmos/cosmos-answers.js';
import { FaultScript, type CosmosFault } from './cosmos/fault-script.js';

export type { CosmosFault, CosmosKind, RecordedRequest };

export interface CosmosServerOptions {
  /** @default any that is free */
  readonly port?: number;
}

export interface ContainerRequest {
  /** @default a name of its own */
  readonly name?: string;
  /** @default '/scopeId' */
  readonly partitionKeyPath?: string;
  /** Another process has a client of its own. @default one that all such containers share */
  readonly client?: CosmosClient;
}

const DATABASE = 'tests';
/** Any key is let in; this one says so in base64. */
const KEY = Buffer.from('any key will do').toString('base64');

/**
 * The server, its record of requests and its script of faults.
 *
 * What it answers without a fault is the emulator's doing; `cosmos/deviations.ts` lists how that
 * differs from the service.
 */
export class CosmosServer implements AsyncDisposable {
  readonly #script = new FaultScript();
  readonly #clients: CosmosClient[] = [];
  #requests: RecordedRequest[] = [];
  #containers = 0;
  #agent: Agent | undefined;
  #shared: CosmosClient | undefined;
  #database: Promise<unknown> | undefined;
  #emulator: CosmosEmulator | undefined;
  #answers: CosmosAnswers | undefined;

  static async start({ port }: CosmosServerOptions = {}): Promise<CosmosServer> {
    const server = new CosmosServer();
    const gate = (request: RawRequest, response: ServerResponse) =>
      server.#serve(request, response);
    const emulator = await startEmulator(gate, port);
    server.#emulator = emulator;
    server.#answers = new CosmosAnswers(emulator);
    return server;
  }

  get endpoint(): string {
    return `https://localhost:${String(this.#running.port)}/`;
  }

  /** PEM for `NODE_EXTRA_CA_CERTS` or an agent. */
  get ca(): string {
    return this.#running.ca;
  }

  get key(): string {
    return KEY;
  }

  /** What the account says about itself, and how answers are billed; to be changed at any time. */
  get account(): AccountSettings {
    return this.#answering.account;
  }

  /** Every request since the last {@link clearRequests}, in order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  clearRequests(): void {
    this.#requests = [];
  }

  /** How many requests of these kinds came; of any kind, if none is named. */
  count(...kinds: readonly CosmosKind[]): number {
    return this.#requests.filter(({ kind }) => kinds.length === 0 || kinds.includes(kind)).length;
  }

  /** Adds to the script of faults. */
  script(...faults: readonly CosmosFault[]): void {
    this.#script.add(...faults);
  }

  /** Forgets what is left of the script. */
  clearScript(): void {
    this.#script.clear();
  }

  /** A client of its own, as another process would have one. */
  client(options: Partial<CosmosClientOptions> = {}): CosmosClient {
    // All use the same connections: a handshake takes longer than most requests.
    const agent = (this.#agent ??= new Agent({ ca: this.ca, keepAlive: true }));
    const client = new CosmosClient({ endpoint: this.endpoint, key: KEY, agent, ...options });
    this.#clients.push(client);
    return client;
  }

  /** A container that is empty unless it has been asked for by name before. */
  async container(request: ContainerRequest = {}): Promise<Container> {
    const { name = `container-${String((this.#containers += 1))}` } = request;
    const { partitionKeyPath = '/scopeId', client = (this.#shared ??= this.client()) } = request;
    const database = client.database(DATABASE);
    await (this.#database ??= client.databases.createIfNotExists({ id: DATABASE }));
    const partitionKey = { paths: [partitionKeyPath] };
    await database.containers.createIfNotExists({ id: name, partitionKey });
    return database.container(name);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.dispose();
    this.#agent?.destroy();
    const { server } = this.#running;
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #running(): CosmosEmulator {
    if (!this.#emulator) throw new Error('The server has not started');
    return this.#emulator;
  }

  get #answering(): CosmosAnswers {
    if (!this.#answers) throw new Error('The server has not started');
    return this.#answers;
  }

  async #serve(request: RawRequest, response: ServerResponse): Promise<void> {
    const record = recordRequest(request);
    this.#requests.push(record);
    const fault = this.#script.take(record);
    record.faulted = fault !== undefined;
    await fault?.meanwhile?.();
    if (fault?.delayMs !== undefined) await sleep(fault.delayMs);
    if (fault?.hang && !fault.applied) return;
    if (fault?.resetBefore) {
      response.destroy();
      return;
    }
    if (fault?.repeated) await this.#answering.answer(request, record);
    const answer = await this.#answering.answer(request, record, fault);
    if (fault?.hang) return;
    if (fault?.resetAfter) {
      response.destroy();
      return;
    }
    record.status = answer.status;
    send(response, answer, fault);
  }
}

function send(response: ServerResponse, answer: RawAnswer, fault: CosmosFault | undefined): void {
  const text = fault?.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body));
  const bytes = Buffer.from(text);
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(answer.status !== 204 && { 'content-length': String(bytes.length) }),
    'content-type': 'application/json',
  });
  if (!fault?.cutAnswer) {
    response.end(bytes);
    return;
  }
  response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
}
