/** Makes the container that keys are kept in. @module */
import type { Container, ContainerDefinition, Database } from '@azure/cosmos';
import { readOptions } from '../../guards/guards.js';
import {
  CosmosConnection,
  COSMOS_STORE_OPTIONS,
  type CosmosStoreOptions,
} from './cosmos-connection.js';
import { failed, nameOf, storeErrorOf } from './cosmos-errors.js';
import { CosmosFailure } from './cosmos-failure.js';
import { dekContainerDefinition, requireDekContainer } from './dek-container.js';

export interface EnsureDekContainerOptions extends CosmosStoreOptions {
  /** Name of the container. @default 'dek_store' */
  readonly id?: string;
  /** Request units per second for a container that has to be made. @default the database's */
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
 * Gives the container for {@link CosmosDekStore}, made if it does not exist: with the partition key
 * `/scopeId`, no time to live, and an index of what is searched for alone, so that no write pays for
 * indexing wraps.
 *
 * A container that exists is looked at and never changed. Its partition key and time to live must be
 * right; its index may be another, which costs request units and nothing else.
 *
 * For set-up scripts: making a container takes the account's key, or a token with a role such as
 * "DocumentDB Account Contributor" through other tools. The application itself needs neither.
 *
 * @throws {@link StoreError} `STORE_FAILED` where the container that exists will not do, or none can be
 * made; `STORE_UNAVAILABLE` while Cosmos DB cannot be reached - try again.
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
  const { id = 'dek_store', throughput, signal, ...others } = own;
  const container = database.container(id);
  const connection = new CosmosConnection({ ...others, container });
  const read = () => readDefinition(connection, signal);
  const known = await read();
  if (!known) {
    const definition = { ...dekContainerDefinition(id), ...(throughput && { throughput }) };
    await makeContainer(connection, database, definition, signal);
  }
  // Somebody else may have made it meanwhile, in another way.
  const found = known ?? (await read());
  if (!found) throw failed(`Cosmos DB made ${nameOf(container)} and has it no longer: try again`);
  requireDekContainer(found, nameOf(container));
  return container;
}

async function readDefinition(
  connection: CosmosConnection,
  signal: AbortSignal | undefined,
): Promise<ContainerDefinition | undefined> {
  const { container } = connection;
  const send = (abortSignal: AbortSignal) => container.read({ abortSignal });
  try {
    const { resource } = await connection.persist('container', send, { signal });
    return resource;
  } catch (error) {
    if (error instanceof CosmosFailure && error.status === 404) return undefined;
    throw asStoreError(error, container);
  }
}

async function makeContainer(
  connection: CosmosConnection,
  { containers }: Database,
  definition: ReturnType<typeof dekContainerDefinition>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { container } = connection;
  const send = (abortSignal: AbortSignal) => containers.create(definition, { abortSignal });
  try {
    await connection.persist('container', send, { signal });
  } catch (error) {
    if (error instanceof CosmosFailure && error.status === 409) return;
    throw asStoreError(error, container);
  }
}

function asStoreError(error: unknown, container: Container): unknown {
  if (!(error instanceof CosmosFailure)) return error;
  if (error.status === 403) {
    return failed(
      `This identity may not make ${nameOf(container)}: use the account's key, or make it with "az cosmosdb sql container create --partition-key-path /scopeId"`,
      error,
    );
  }
  const remedy = `create the database "${container.database.id}" first`;
  return storeErrorOf(error, { container, remedy });
}
