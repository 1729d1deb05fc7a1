/** The container for DEK rows: how to create it, and what it must not be. @module */
import { isDeepStrictEqual } from 'node:util';
import type { ContainerDefinition, ContainerRequest } from '@azure/cosmos';
import { failed } from './cosmos-errors.js';

const DEK_PARTITION_KEY = '/scopeId';
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
export function requireDekContainer(definition: ContainerDefinition, where: string): void {
  requirePartitionKey(definition, [DEK_PARTITION_KEY], where);
  if (definition.defaultTtl === undefined) return;
  throw failed(
    `A time to live is set for ${where}, which can delete keys: turn it off in the container's settings`,
  );
}

export function requirePartitionKey(
  { partitionKey }: ContainerDefinition,
  expected: readonly string[],
  where: string,
): void {
  const paths = partitionKey?.paths ?? [];
  if (isDeepStrictEqual(paths, expected)) return;
  throw failed(
    `The partition key of ${where} is ${paths.join(', ') || 'none'}, not ${expected.join(', ')}: it cannot be changed, so create another container`,
  );
}
