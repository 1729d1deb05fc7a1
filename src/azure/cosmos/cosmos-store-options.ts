/** What both Cosmos stores can be told. @module */
import type { Clock } from '../../async/clock.js';
import type { CosmosRequest } from './cosmos-request.js';

/** @internal */
export const COSMOS_STORE_OPTIONS: readonly (keyof CosmosStoreOptions)[] = [
  'clock',
  'attemptTimeoutMs',
  'onRequest',
];

export interface CosmosStoreOptions {
  /** Times the waits between attempts. @default systemClock */
  readonly clock?: Clock | undefined;
  /**
   * For how many milliseconds one attempt may take, with whatever the SDK repeats and waits for by
   * itself: from 100 to 600 000. A call makes five attempts at most, and begins none after half a
   * minute. @default 60000
   */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * Told of every request once it was answered or given up, for logs and dashboards. What the SDK
   * repeats by itself counts as one. Whatever it throws is ignored.
   */
  readonly onRequest?: ((request: CosmosRequest) => void) | undefined;
}
