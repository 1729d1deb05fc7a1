/** The contract between the library and the service that holds the MEK. @module */
import type { KeyWrap, WrapAlgorithm } from '../format/dek-row.js';

export interface KeyProviderOptions {
  /** Stops the call within one attempt; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Set by a caller that paces its calls and retries throttled ones itself: awaited before every attempt of
   * this call except the first. Rule K12 says what else it changes.
   */
  readonly beforeRetry?: (() => Promise<void>) | undefined;
}

export interface DocumentedOpsOptions extends KeyProviderOptions {
  /** The version that the operations use: longer keys have lower quotas. */
  readonly mekVersion: string;
}

/** A MEK version whose bytes are in this process. */
export interface LocalMek {
  readonly mekVersion: string;
  /**
   * Why it is not a random key, in words that follow its name and reveal nothing of it: `is a pattern`. Such
   * a version cannot be the target of a rotation or start a new product. Absent for a key that seems random.
   */
  readonly weakness?: string;
}

/** The operations of a key provider on a DEK. */
export type KeyOperation = 'unwrapKey' | 'wrapKey';

export interface WrapKeyOptions extends KeyProviderOptions {
  /** The exact version to wrap with. There is no "latest". */
  readonly mekVersion: string;
}

/**
 * Wraps and unwraps DEKs with one named MEK.
 *
 * Most users use `EnvKeyProvider` or an adapter. Implement this for another key service, and run
 * `keyProviderContract` from `@bytelyst/field-encrypt/testing` against it. Implementations must:
 *
 * - **K1** have an `id` and a `mekName` that are non-empty and never change.
 * - **K2** resolve `currentVersion` to an exact version matching `^[A-Za-z0-9._-]{1,128}$`, the same one
 *   until the MEK is rotated.
 * - **K3** return from `wrapKey` a wrap that names this provider, its MEK, exactly the requested version, and
 *   a `wrappedDek` in canonical base64url.
 * - **K4** return from `unwrapKey` exactly the bytes that were wrapped, for every configured version, current
 *   or not.
 * - **K5** reject an unknown version with `MEK_VERSION_UNKNOWN`, in `wrapKey` and `unwrapKey`.
 * - **K6** reject a `wrappedDek` that was changed, truncated, emptied or made under another version with
 *   `WRAP_REJECTED`, and never resolve with other bytes.
 * - **K7** refuse a wrap of another provider, another MEK name or another algorithm with `WRAP_REJECTED`:
 *   neither host nor key name ever comes from stored data.
 * - **K8** reject with `signal.reason` when the signal has aborted.
 * - **K9** leave the caller's bytes unchanged, keep no reference to them, and return a buffer that the caller
 *   may zero.
 * - **K10** reveal nothing of a key when printed or serialised, nor in errors.
 * - **K11** where they have `localCalls`, always return the same list; where they have
 *   `documentedOpsPerSecond`, resolve it to a finite number above 0, or to `undefined` for what is not
 *   documented or not known, and reject only for the signal.
 * - **K12** where a call has `beforeRetry`, await it before each attempt except the first, let its rejection
 *   end the call, and never retry a throttled call: reject it at once, with `KEY_PROVIDER_THROTTLED` and the
 *   service's own `retryAfterMs`.
 * - **K13** where they have `localMeks`, always return the same list, with versions that they have, and
 *   reveal nothing of a key in `weakness`.
 */
export interface KeyProvider {
  /** Names this provider in DEK rows: `"env"`, `"akv"`, or an id of your own. */
  readonly id: string;
  /** Name of the MEK in the provider. */
  readonly mekName: string;
  readonly wrapAlgorithm: WrapAlgorithm;
  /** Calls that use no key service, and so none of its quota. @default none */
  readonly localCalls?: readonly KeyOperation[];
  /**
   * The MEKs whose bytes are in this process, earlier ones included. A key service has none. @default none
   */
  readonly localMeks?: readonly LocalMek[];
  /** The version that a new product, or a rotation, would wrap with. */
  currentVersion(options?: KeyProviderOptions): Promise<string>;
  wrapKey(dek: Uint8Array, options: WrapKeyOptions): Promise<KeyWrap>;
  unwrapKey(wrap: KeyWrap, options?: KeyProviderOptions): Promise<Uint8Array>;
  /** Operations per second that the key service documents for a version, shared by all callers. */
  documentedOpsPerSecond?(options: DocumentedOpsOptions): Promise<number | undefined>;
}
