/** What a rollback is asked to do, checked before anything happens. @module */
import { readOptions, requireBoolean } from '../guards.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import {
  readRewrapOptions,
  REWRAP_OPTIONS,
  type RewrapAllDeksOptions,
  type CheckedRewrapOptions,
} from './rewrap-options.js';

/** `target` is the version to go back to; `verify` is about rows that have to be rewrapped. */
export interface RollbackRotationOptions extends Omit<RewrapAllDeksOptions, 'sourceVersion'> {
  /**
   * Unwraps each kept wrap before it comes back, at the price of one provider call for each row; a row
   * whose kept wrap is broken is rewrapped instead. @default false
   */
  readonly verifyFlips?: boolean;
}

const OPTIONS: readonly string[] = [
  ...REWRAP_OPTIONS.filter((name) => name !== 'sourceVersion'),
  'verifyFlips',
];

/** @internal @throws TypeError or RangeError for options that make no sense. */
export function readRollbackOptions(
  options: RollbackRotationOptions,
  providers: ConfiguredProviders,
): CheckedRewrapOptions {
  const own = readOptions(options, OPTIONS);
  const { verifyFlips = false, ...shared } = own;
  requireBoolean('verifyFlips', verifyFlips);
  return { ...readRewrapOptions(shared, providers), rollback: { verifyFlips } };
}
