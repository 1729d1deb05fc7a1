/** A store over a container of its own, with everything a test wants to look at. @module */
import { inspect } from 'node:util';
import type { Container, CosmosClientOptions } from '@azure/cosmos';
import {
  CosmosDekStore,
  CosmosDocumentStore,
  type CosmosDekStoreOptions,
  type CosmosDocumentStoreOptions,
} from '../../../../src/azure/cosmos/index.js';
import type { CosmosServer } from '../cosmos-server.js';
import { BackOffClock } from './back-off-clock.js';

export interface Bench<Store> {
  readonly store: Store;
  readonly clock: BackOffClock;
  readonly container: Container;
  /** Another client of the same container, as an operator or another process has one. */
  readonly other: Container;
}

/** Once it has made its checks, so that what a test counts is its own. */
export async function dekBench(
  server: CosmosServer,
  options: CosmosDekStoreOptions = {},
  clientOptions: Partial<CosmosClientOptions> = {},
): Promise<Bench<CosmosDekStore>> {
  const { container, other } = await containers(server, '/scopeId', clientOptions);
  const clock = new BackOffClock();
  const store = new CosmosDekStore(container, { clock, ...options });
  await store.readLagMs();
  server.clearRequests();
  return { store, clock, container, other };
}

export async function documentBench<Document extends object = Record<string, unknown>>(
  server: CosmosServer,
  options: Partial<CosmosDocumentStoreOptions> = {},
): Promise<Bench<CosmosDocumentStore<Document>>> {
  const { container, other } = await containers(server, '/workspaceId');
  const clock = new BackOffClock();
  const store = new CosmosDocumentStore<Document>(container, {
    partitionKey: 'workspaceId',
    clock,
    ...options,
  });
  await store.count();
  server.clearRequests();
  return { store, clock, container, other };
}

async function containers(
  server: CosmosServer,
  partitionKeyPath: string,
  clientOptions?: Partial<CosmosClientOptions>,
): Promise<Pick<Bench<never>, 'container' | 'other'>> {
  const other = await server.container({ partitionKeyPath });
  const { id, database } = other;
  const client = server.client(clientOptions);
  return { container: client.database(database.id).container(id), other };
}

/** The item as it lies in the container, without what Cosmos DB adds. */
export async function storedItem(
  { other }: Bench<unknown>,
  { id, scopeId }: { readonly id: string; readonly scopeId: string },
): Promise<unknown> {
  const { resource } = await other.item(id, scopeId).read<Record<string, unknown>>();
  if (!resource) return undefined;
  const entries = Object.entries(resource).filter(([name]) => !name.startsWith('_'));
  return Object.fromEntries(entries);
}

/** Everything that an error says or hides, however deep. */
export function everythingIn(error: unknown): string {
  return inspect(error, { depth: Infinity, showHidden: true, getters: true });
}
