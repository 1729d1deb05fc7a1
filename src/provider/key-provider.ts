/** The contract between the library and whatever holds the MEK. @module */
import type { KeyWrap, WrapAlgorithm } from '../format/key-wrap.js';

export interface KeyProviderOptions {
  /** Stops the call within one attempt; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Of a caller that paces its calls and tries throttled ones again itself: awaited before every
   * attempt of this call but the first. Rule K12 says what else it changes.
   */
  readonly beforeRetry?: (() => Promise<void>) | undefined;
}

export interface DocumentedOpsOptions extends KeyProviderOptions {
  /** The version that the operations are under: longer keys have lower quotas. */
  readonly mekVersion: string;
}

/** A MEK version whose bytes lie in this process. */
export interface LocalMek {
  readonly mekVersion: string;
  /**
   * Why it is no random key, in words that follow on its name and give nothing of it away: `is a pattern`.
   * Such a version is no target of a rotation and starts no product. Absent where nothing is wrong with it.
   */
  readonly weakness?: string;
}

/** What a key provider can be asked to do with a DEK. */
export type KeyOperation = 'unwrapKey' | 'wrapKey';

export interface WrapKeyOptions extends KeyProviderOptions {
  /** The exact version to wrap with. There is no "latest". */
  readonly mekVersion: string;
}

/**
 * Wraps and unwraps DEKs with one named MEK.
 *
 * Most users take `EnvKeyProvider` or an adapter; implement this for another key service, and run
 * `keyProviderContract` from `@bytelyst/field-encrypt/testing` against it. Implementations must:
 *
 * - **K1** give an `id` and a `mekName` that are non-empty and never change.
 * - **K2** resolve `currentVersion` to an exact version matching `^[A-Za-z0-9._-]{1,128}$`, the same
 *   one until the MEK is rotated.
 * - **K3** return from `wrapKey` a wrap that names this provider, its MEK, exactly the version asked
 *   for, and a `wrappedDek` in canonical base64url.
 * - **K4** return from `unwrapKey` exactly the bytes that were wrapped, for every version that is
 *   configured, current or not.
 * - **K5** reject a version that they do not have with `MEK_VERSION_UNKNOWN`, both ways.
 * - **K6** reject a `wrappedDek` that was changed, cut, emptied or made under another version with
 *   `WRAP_REJECTED`, and never resolve with other bytes.
 * - **K7** refuse a wrap of another provider, another MEK name or another algorithm with
 *   `WRAP_REJECTED`: neither host nor key name ever come from data.
 * - **K8** reject with `signal.reason` when the signal has aborted.
 * - **K9** leave the caller's bytes as they were, keep no reference to them, and return a buffer
 *   that the caller may wipe.
 * - **K10** give nothing of a key away when printed or serialised, in errors neither.
 * - **K11** where they have `localCalls`, always name the same; where they have
 *   `documentedOpsPerSecond`, resolve it to a finite number above 0, or to `undefined` for whatever is
 *   not documented or not known, and reject for the signal alone.
 * - **K12** where a call has `beforeRetry`, await it before each attempt but the first, let what it
 *   rejects with end the call, and never try a throttled call again: reject it at once, with
 *   `KEY_PROVIDER_THROTTLED` and the service's own `retryAfterMs`.
 * - **K13** where they have `localMeks`, always name the same, each a version that they have, and give nothing of
 *   a key away by `weakness`.
 */
export interface KeyProvider {
  /** Names this provider in DEK rows: `"env"`, `"akv"`, or an id of your own. */
  readonly id: string;
  /** Name of the MEK in the provider. */
  readonly mekName: string;
  readonly wrapAlgorithm: WrapAlgorithm;
  /** Calls that ask nothing of a key service, and so take nothing of its quota. @default none */
  readonly localCalls?: readonly KeyOperation[];
  /** The MEKs that lie in this process, earlier ones too. A key service has none. @default none */
  readonly localMeks?: readonly LocalMek[];
  /** The version that a new product, or a rotation, would wrap with. */
  currentVersion(options?: KeyProviderOptions): Promise<string>;
  wrapKey(dek: Uint8Array, options: WrapKeyOptions): Promise<KeyWrap>;
  unwrapKey(wrap: KeyWrap, options?: KeyProviderOptions): Promise<Uint8Array>;
  /** Operations a second that the key service documents for a version, whoever asks for them. */
  documentedOpsPerSecond?(options: DocumentedOpsOptions): Promise<number | undefined>;
}
