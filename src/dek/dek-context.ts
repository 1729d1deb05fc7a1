/** The context of everything that handles DEKs. @module */
import type { Clock } from '../async/clock.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { DekStore } from '../store/dek-store.js';
import type { DekCache } from './dek-cache.js';
import type { RecoveryKey } from './dek-wraps.js';

export interface DekContext {
  readonly product: string;
  readonly providers: ConfiguredProviders;
  readonly dekStore: Required<DekStore>;
  readonly dekCache: DekCache;
  readonly clock: Clock;
  readonly recoveryKey?: RecoveryKey | undefined;
}
