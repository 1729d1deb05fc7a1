/** What a rotation works with. @module */
import type { Clock } from '../clock.js';
import type { DekCache } from '../dek/dek-cache.js';
import type { RecoveryKey } from '../dek/recovery-key.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { MekReference } from '../provider/key-wrap.js';
import type { DekStore } from '../store/dek-store.js';
import type { DekOpening } from './dek-opening.js';

export interface RotationContext {
  readonly product: string;
  readonly providers: ConfiguredProviders;
  readonly dekStore: Required<DekStore>;
  readonly dekCache: DekCache | undefined;
  readonly clock: Clock;
  readonly target: MekReference;
  readonly signal: AbortSignal | undefined;
  readonly recoveryKey?: RecoveryKey | undefined;
  /** @default each row's own wrap */
  readonly opening?: DekOpening;
}
