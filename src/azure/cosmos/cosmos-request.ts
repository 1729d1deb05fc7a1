/** One request to Cosmos DB, for monitoring of costs and failures. @module */
import { CosmosFailure } from './cosmos-failure.js';

export type CosmosOperation =
  'account' | 'container' | 'create' | 'delete' | 'query' | 'read' | 'replace';

/** A request of a store to Cosmos DB and its answer, without any data of an item. */
export interface CosmosRequest {
  readonly operation: CosmosOperation;
  /** Name of the container. */
  readonly container: string;
  /** HTTP status of the answer; absent where none arrived. */
  readonly status?: number;
  /** Absent where it is 0. */
  readonly substatus?: number;
  /** Why no answer arrived: for example `ECONNRESET` or `TimeoutError`. */
  readonly code?: string;
  /** Request units that the answer reports; absent where it reports none. */
  readonly requestCharge?: number;
  /** The id that Azure's support asks for. */
  readonly activityId?: string;
}

/** The common properties of the SDK's answers. */
export interface CosmosAnswer {
  readonly statusCode?: number;
  readonly substatus?: number;
  readonly requestCharge: number;
  readonly activityId?: string;
  /** Only after a read or a write of an item. */
  readonly etag?: string;
}

export function describeRequest(
  operation: CosmosOperation,
  container: string,
  outcome: CosmosAnswer | CosmosFailure,
): CosmosRequest {
  const { substatus = 0, requestCharge, activityId } = outcome;
  // Pages are answers without a status: a failed page has no answer.
  const { status, code } =
    outcome instanceof CosmosFailure ? outcome : { status: outcome.statusCode ?? 200, code: '' };
  return {
    operation,
    container,
    ...(status > 0 ? { status } : { code }),
    ...(substatus > 0 && { substatus }),
    ...(requestCharge > 0 && { requestCharge }),
    ...(activityId !== undefined && { activityId }),
  };
}
