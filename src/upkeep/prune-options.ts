/** What a pruning of previous wraps is asked to do, checked before anything happens. @module */
import { ownProperties } from '../guards.js';
import { readPastMoment } from '../past-moment.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { MekReference } from '../provider/key-wrap.js';
import { readAnyMek, type NamedMek } from '../provider/named-mek.js';
import { readUpkeepOptions, type UpkeepOptions, type UpkeepRequest } from './upkeep-options.js';

export interface PrunePreviousWrapsOptions extends UpkeepOptions {
  /**
   * Only wraps that were displaced before this moment, by the row's `rewrappedAt`: the end of the soak.
   * Give the same moment again to go on with a run that stopped. ISO text has to be as `toISOString()`
   * writes it.
   */
  readonly rewrappedBefore: Date | string;
  /**
   * Only wraps under this MEK version. Where provider and MEK name are both given, it may be of a
   * provider that is configured no more. @default all
   */
  readonly mek?: NamedMek;
}

/** @internal */
export interface PruneRequest extends UpkeepRequest {
  readonly rewrappedBefore: string;
  readonly mek: MekReference | undefined;
}

const OWN: readonly (keyof PrunePreviousWrapsOptions)[] = ['rewrappedBefore', 'mek'];

/**
 * @param nowMs - What is displaced from here on has had no soak.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function readPruneOptions(
  options: PrunePreviousWrapsOptions,
  providers: ConfiguredProviders,
  nowMs: number,
): PruneRequest {
  const request = readUpkeepOptions(options, OWN);
  const own = ownProperties(options);
  const rewrappedBefore = readPastMoment(own.rewrappedBefore, {
    name: 'rewrappedBefore',
    meaning: 'wraps displaced before it are removed',
    nowMs,
  });
  const mek = own.mek === undefined ? undefined : readAnyMek('mek', own.mek, providers);
  return { ...request, rewrappedBefore, mek };
}
