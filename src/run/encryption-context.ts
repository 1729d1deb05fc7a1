/** What every run works on. @module */
import type { Clock } from '../async/clock.js';
import type { DekCache } from '../dek/dek-cache.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';

/** What every run works on; a `FieldEncryptor` is one. */
export interface EncryptionContext {
  readonly product: string;
  /** Of every MEK version that rows still name, and of the target of a rotation. */
  readonly keyProviders: readonly KeyProvider[];
  readonly dekStore: DekStore;
  /**
   * Updated with each new wrap, so that its keys stay usable, and with each DEK that is shredded; used
   * over this `dekStore` object alone. Other processes need no signal.
   */
  readonly dekCache?: DekCache;
  /** An RSA public key, PEM: each DEK is wrapped for it too, and can be recovered without the MEK. */
  readonly recoveryKey?: string;
  /** Whether writers encrypt: migrations refuse to run against it. @default true */
  readonly enabled?: boolean;
  /** Only for a product that has no rotation record yet. @default 30 000 */
  readonly fenceTtlMs?: number;
  /** Refuses a rotation record below this epoch: it was put back to an older one. @default 1 */
  readonly minimumEpoch?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}
