/** The container for DEK rows: how to create it, and what it must not be. @module */
import type { ContainerDefinition, ContainerRequest } from '@azure/cosmos';
import { failed } from './cosmos-errors.js';

export const DEK_PARTITION_KEY = '/scopeId';
export const DEK_CONTAINER_REMEDY = 'create it with ensureDekContainer()';

/** Properties that queries and operators filter by. Indexing others, above all wraps, would only cost. */
const INDEXED = ['scopeId', 'type', 'product', 'mekVersion', 'state', 'epoch', 'generation'];

export function dekContainerDefinition(id: string): ContainerRequest {
  return {
    id,
    partitionKey: { paths: [DEK_PARTITION_KEY] },
    indexingPolicy: {
      automatic: true,
      indexingMode: 'consistent',
      includedPaths: INDEXED.map((name) => ({ path: `/${name}/?` })),
      excludedPaths: [{ path: '/*' }],
    },
  };
}

/** @throws StoreError `STORE_FAILED` where DEK rows could not be found again, or could expire. */
export function requireDekContainer(
  { partitionKey, defaultTtl }: ContainerDefinition,
  where: string,
): void {
  requirePartitionKey(partitionKey?.paths ?? [], [DEK_PARTITION_KEY], where);
  if (defaultTtl === undefined) return;
  throw failed(
    `A time to live is set for ${where}, which can delete keys: turn it off in the container's settings`,
  );
}

export function requirePartitionKey(
  paths: readonly string[],
  expected: readonly string[],
  where: string,
): void {
  const isExpected =
    paths.length === expected.length && expected.every((path, at) => path === paths[at]);
  if (isExpected) return;
  throw failed(
    `The partition key of ${where} is ${paths.join(', ') || 'none'}, not ${expected.join(', ')}: it cannot be changed, so create another container`,
  );
}
