/** One request to Cosmos DB, for whoever watches costs and failures. @module */
import { CosmosFailure } from './cosmos-failure.js';

export type CosmosOperation =
  'account' | 'container' | 'create' | 'delete' | 'query' | 'read' | 'replace';

/** What a store asked of Cosmos DB and how it was answered; nothing of any item is in it. */
export interface CosmosRequest {
  readonly operation: CosmosOperation;
  /** Name of the container. */
  readonly container: string;
  /** HTTP status of the answer; absent where none came. */
  readonly status?: number;
  /** Absent where it is 0. */
  readonly substatus?: number;
  /** Where no answer came, why: `ECONNRESET`, `TimeoutError` … */
  readonly code?: string;
  /** Request units that the answer says it cost; absent where it says nothing. */
  readonly requestCharge?: number;
  /** What Azure's support asks for. */
  readonly activityId?: string;
}

/** What the SDK's answers have in common. */
export interface CosmosAnswer {
  readonly statusCode?: number;
  readonly substatus?: number;
  readonly requestCharge: number;
  readonly activityId?: string;
}

export function describeRequest(
  operation: CosmosOperation,
  container: string,
  outcome: CosmosAnswer | CosmosFailure,
): CosmosRequest {
  const { substatus = 0, requestCharge, activityId } = outcome;
  return {
    operation,
    container,
    ...statusOf(outcome),
    ...(substatus > 0 && { substatus }),
    ...(requestCharge > 0 && { requestCharge }),
    ...(activityId !== undefined && { activityId }),
  };
}

function statusOf(
  outcome: CosmosAnswer | CosmosFailure,
): Pick<CosmosRequest, 'code'> | Pick<CosmosRequest, 'status'> {
  // Pages are answers without a status: there is none if they failed.
  if (!(outcome instanceof CosmosFailure)) return { status: outcome.statusCode ?? 200 };
  return outcome.status > 0 ? { status: outcome.status } : { code: outcome.code };
}
