/** What the key provider kit needs from whoever runs it. @module */
import type { KeyProvider } from '../provider/key-provider.js';
import type { ContractSubject } from './contract-case.js';

/** For a subject that names no other. */
export const DEFAULT_UNKNOWN_VERSION: string = '0'.repeat(32);

/** A provider for one case. A remote one may be shared: the kit changes nothing in it. */
export interface KeyProviderSubject extends ContractSubject {
  readonly provider: KeyProvider;
  /** Every version that is configured, the current one and at least one more. */
  readonly mekVersions: readonly string[];
  /** A version that does not exist. @default 32 zeros */
  readonly unknownVersion?: string;
  /** MEK bytes that lie in the process: they must not be printed. A key service has none. */
  readonly secrets?: readonly Uint8Array[];
  /**
   * Makes the key service refuse the next unwrap: as one too many, by a 429 say, or as in an outage,
   * by a 503. Leave it out where no service is asked; the cases that need it then check nothing.
   */
  readonly disturb?: (trouble: 'outage' | 'throttling') => Promise<void> | void;
}
