/** Creates the container for DEK rows. @module */
import type { Container, Database } from '@azure/cosmos';
import { readOptions } from '../../guards/guards.js';
import {
  CosmosConnection,
  COSMOS_STORE_OPTIONS,
  type CosmosStoreOptions,
} from './cosmos-connection.js';
import { failed, nameOf, storeErrorOf } from './cosmos-errors.js';
import { CosmosFailure } from './cosmos-failure.js';
import type { CosmosAnswer } from './cosmos-request.js';
import { dekContainerDefinition, requireDekContainer } from './dek-container.js';

export interface EnsureDekContainerOptions extends CosmosStoreOptions {
  /** Name of the container. @default 'dek_store' */
  readonly id?: string;
  /** Request units per second for a new container. @default the database's */
  readonly throughput?: number;
  /** Stops the call within one attempt; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS: readonly (keyof EnsureDekContainerOptions)[] = [
  'id',
  'throughput',
  'signal',
  ...COSMOS_STORE_OPTIONS,
];

/**
 * Returns the container for {@link CosmosDekStore}, and creates it if it does not exist: with the partition
 * key `/scopeId`, without a time to live, and with an index of searched properties alone, so that writes do
 * not pay for indexing wraps.
 *
 * An existing container is checked and never changed. Its partition key and time to live must be right; its
 * index may differ, which costs request units and nothing else.
 *
 * For set-up scripts: creating a container needs the account's key, or, through other tools, a token with a
 * role such as "DocumentDB Account Contributor". The application itself needs neither.
 *
 * @throws {@link StoreError} `STORE_FAILED` where the existing container is unsuitable, or none can be
 *   created; `STORE_UNAVAILABLE` while Cosmos DB cannot be reached - try again.
 *
 * @example
 * ```ts
 * import type { CosmosClient } from '@azure/cosmos';
 * import { CosmosDekStore, ensureDekContainer } from '@bytelyst/field-encrypt/azure/cosmos';
 *
 * export async function setUp(client: CosmosClient): Promise<CosmosDekStore> {
 *   return new CosmosDekStore(await ensureDekContainer(client.database('notelett')));
 * }
 * ```
 */
export async function ensureDekContainer(
  database: Database,
  options: EnsureDekContainerOptions = {},
): Promise<Container> {
  const own = readOptions(options, OPTIONS);
  const { id = 'dek_store', throughput, signal } = own;
  const container = database.container(id);
  const connection = new CosmosConnection(container, own);
  const send = (abortSignal: AbortSignal) => container.read({ abortSignal });
  const read = async () => (await ask(connection, 404, send, signal))?.resource;
  const known = await read();
  if (!known) {
    const definition = { ...dekContainerDefinition(id), ...(throughput && { throughput }) };
    const { containers } = database;
    const create = (abortSignal: AbortSignal) => containers.create(definition, { abortSignal });
    await ask(connection, 409, create, signal);
  }
  // Another process may have created it meanwhile, with another definition.
  const found = known ?? (await read());
  if (!found)
    throw failed(`Cosmos DB created ${nameOf(container)} but no longer has it: try again`);
  requireDekContainer(found, nameOf(container));
  return container;
}

/** @param usual - A status that is no failure; the answer is then `undefined`. */
async function ask<Answer extends CosmosAnswer>(
  connection: CosmosConnection,
  usual: 404 | 409,
  send: (abortSignal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal | undefined,
): Promise<Answer | undefined> {
  try {
    return await connection.persist('container', send, { signal });
  } catch (error) {
    if (error instanceof CosmosFailure && error.status === usual) return undefined;
    throw asStoreError(error, connection.container);
  }
}

function asStoreError(error: unknown, container: Container): unknown {
  if (error instanceof CosmosFailure && error.status === 403) {
    return failed(
      `This identity may not create ${nameOf(container)}: use the account's key, or create it with "az cosmosdb sql container create --partition-key-path /scopeId"`,
      error,
    );
  }
  const remedy = `create the database "${container.database.id}" first`;
  return storeErrorOf(error, { container, remedy });
}
