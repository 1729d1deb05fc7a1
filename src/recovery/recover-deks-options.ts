/** What a recovery is asked to do, checked before anything happens. @module */
import { readOptions } from '../guards/guards.js';
import type { RewrapAllDeksOptions } from '../rotation/rewrap-options.js';
import { readPrivateRecoveryKey, type PrivateRecoveryKey } from './private-recovery-key.js';

const OF_A_ROTATION = [
  'target',
  'concurrency',
  'dryRun',
  'takeOver',
  'signal',
  'maxVaultOpsPerSecond',
  'reserveForTraffic',
] as const;
const OWN = ['privateKey', 'passphrase'] as const;

/** Each new wrap is unwrapped again before it replaces the old one, as `verify: 'all'` does. */
export interface RecoverDeksOptions extends Pick<
  RewrapAllDeksOptions,
  (typeof OF_A_ROTATION)[number]
> {
  /** The private recovery key, PEM: PKCS#8 or PKCS#1, encrypted or not. It is in memory for the run alone. */
  readonly privateKey: string;
  /** What the private key is encrypted with. */
  readonly passphrase?: string;
}

/** @internal */
export interface RecoveryRequest {
  readonly recoveryKey: PrivateRecoveryKey;
  /** The rest, for whoever reads the options of a rotation. */
  readonly rotation: RewrapAllDeksOptions;
}

/** @throws TypeError or RangeError for options that make no sense. */
export function readRecoverDeksOptions(options: RecoverDeksOptions): RecoveryRequest {
  const own = readOptions(options, [...OWN, ...OF_A_ROTATION]);
  const { privateKey, passphrase, ...rotation } = own;
  const recoveryKey = readPrivateRecoveryKey(privateKey, passphrase);
  return { recoveryKey, rotation };
}
