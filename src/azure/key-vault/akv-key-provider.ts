/** A MEK in Azure Key Vault or Managed HSM. @module */
import { timingSafeEqual } from 'node:crypto';
import { decodeBase64url, encodeBase64url } from '../../crypto/key-schedule.js';
import { rsaOaep256Wrap } from '../../crypto/rsa-oaep.js';
import { KeyProviderError } from '../../errors/errors.js';
import { ownProperties } from '../../guards/guards.js';
import type {
  DocumentedOpsOptions,
  KeyOperation,
  KeyProvider,
  KeyProviderOptions,
  WrapKeyOptions,
} from '../../provider/key-provider.js';
import {
  describeMek,
  isWrappedDek,
  type KeyWrap,
  type WrapAlgorithm,
} from '../../format/dek-row.js';
import { requireOwnWrap, wrapRejected } from '../../provider/configured-providers.js';
import { isVaultKeyVersion } from '../../provider/named-mek.js';
import { readAkvOptions, type AkvKeyProviderOptions, type AkvSettings } from './akv-options.js';
import { isManagedHsm } from './mek-state.js';
import { MekStateReader } from './mek-state-reader.js';
import { VaultCalls } from './vault-calls.js';

/**
 * Wraps DEKs with a key in Azure Key Vault (RSA-OAEP-256) or Managed HSM (also A256KW).
 *
 * The MEK never leaves the vault. Each call names an exact version; an expired or not yet valid version still
 * unwraps, a disabled one does not. The constructor sends no request.
 *
 * The identity needs `keys/unwrapKey` and, in a process that creates documents or rotates, `keys/wrapKey`:
 * the role *Key Vault Crypto Service Encryption User* has both, and `keys/get`. Without `keys/get` pin
 * `mekVersion`; a version that cannot be read is then proved by an unwrap before it is used to wrap.
 *
 * Requests: an unwrap is one; a wrap is one while the version was read less than `stateTtlMs` ago, else two.
 * The first call of a process has one more, in which the vault asks for a token.
 *
 * @throws TypeError or RangeError for invalid options. The methods throw {@link KeyProviderError}: where it
 *   is `retryable`, the call was already tried `maxAttempts` times, except throttled calls of a rewrap, which
 *   retries those itself.
 *
 * @example
 * ```ts
 * import { DefaultAzureCredential } from '@azure/identity';
 * import { AkvKeyProvider } from '@bytelyst/field-encrypt/azure/key-vault';
 *
 * const provider = new AkvKeyProvider({
 *   vaultUrl: 'https://notelett.vault.azure.net',
 *   mekName: 'notelett-mek',
 *   credential: new DefaultAzureCredential(),
 * });
 * console.log(provider.wrapAlgorithm); // "RSA-OAEP-256"
 * ```
 */
export class AkvKeyProvider implements KeyProvider {
  readonly id: string;
  readonly mekName: string;
  readonly wrapAlgorithm: WrapAlgorithm;
  readonly localCalls: readonly KeyOperation[];
  readonly #settings: AkvSettings;
  readonly #calls: VaultCalls;
  readonly #states: MekStateReader;

  constructor(options: AkvKeyProviderOptions) {
    const settings = readAkvOptions(options);
    this.id = settings.id;
    this.mekName = settings.mekName;
    this.wrapAlgorithm = settings.wrapAlgorithm;
    this.localCalls = settings.wrapMode === 'local' ? ['wrapKey'] : [];
    this.#settings = settings;
    this.#calls = new VaultCalls(settings);
    this.#states = new MekStateReader(this.#calls, settings);
  }

  /** The pinned version, or the newest one in the vault, read again every `stateTtlMs`. */
  async currentVersion(options: KeyProviderOptions = {}): Promise<string> {
    const { signal } = ownProperties(options);
    signal?.throwIfAborted();
    const { mekVersion } = this.#settings;
    return mekVersion ?? (await this.#states.readNewest(signal));
  }

  async wrapKey(dek: Uint8Array, given: WrapKeyOptions): Promise<KeyWrap> {
    const options = ownProperties(given);
    const { mekVersion, signal } = options;
    signal?.throwIfAborted();
    this.#requireVersion(mekVersion);
    const { state, wrapBytes } = await this.#states.read(mekVersion, signal);
    const isLocal = this.#settings.wrapMode === 'local';
    if (isLocal && !state) throw this.#unreadable(mekVersion);
    const wrapped =
      isLocal && state?.publicKey
        ? rsaOaep256Wrap(state.publicKey, dek)
        : await this.#calls.crypt('wrapKey', dek, mekVersion, options);
    const wrap = this.#wrapOf(wrapped, mekVersion, wrapBytes);
    if (!state && wrapBytes === undefined) {
      await this.#requireUnwrap(wrap, dek, options);
      this.#states.prove(mekVersion, wrapped.length);
    }
    return wrap;
  }

  async unwrapKey(wrap: KeyWrap, given: KeyProviderOptions = {}): Promise<Uint8Array> {
    const options = ownProperties(given);
    options.signal?.throwIfAborted();
    requireOwnWrap(this, wrap);
    this.#requireVersion(wrap.mekVersion);
    const wrapped = decodeBase64url(wrap.wrappedDek);
    if (!wrapped || !isWrappedDek(wrap.wrappedDek, this.wrapAlgorithm)) throw wrapRejected(wrap);
    return this.#calls.crypt('unwrapKey', wrapped, wrap.mekVersion, options);
  }

  /**
   * The quota that Azure documents for one vault in one region and this type and size of key, shared by all
   * users of the vault. `undefined` for a Managed HSM, which has capacity and no quota, and where the version
   * cannot be read.
   */
  async documentedOpsPerSecond(options: DocumentedOpsOptions): Promise<number | undefined> {
    const { mekVersion, signal } = ownProperties(options);
    signal?.throwIfAborted();
    if (!isVaultKeyVersion(mekVersion) || isManagedHsm(this.#settings.vaultUrl)) return undefined;
    return (await this.#states.readUnchecked(mekVersion, signal))?.opsPerSecond;
  }

  /** The vault may wrap with a disabled version, which then cannot unwrap. */
  async #requireUnwrap(wrap: KeyWrap, dek: Uint8Array, options: KeyProviderOptions): Promise<void> {
    const unwrapped = await this.unwrapKey(wrap, options);
    const isSame = unwrapped.length === dek.length && timingSafeEqual(unwrapped, dek);
    unwrapped.fill(0);
    if (!isSame) throw wrapRejected(wrap);
  }

  #unreadable(mekVersion: string): KeyProviderError {
    return new KeyProviderError(
      'KEY_PROVIDER_DENIED',
      `The MEK ${this.#name(mekVersion)} cannot be read: wrapMode "local" needs the permission keys/get`,
    );
  }

  /** @param wrapBytes - The length of the key's wraps, where it is known. */
  #wrapOf(bytes: Uint8Array, mekVersion: string, wrapBytes = bytes.length): KeyWrap {
    const { id: keyProvider, mekName, wrapAlgorithm } = this;
    const { length } = bytes;
    const wrappedDek = encodeBase64url(bytes);
    const isWrap = isWrappedDek(wrappedDek, wrapAlgorithm);
    if (isWrap && length === wrapBytes) {
      return { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion };
    }
    const what = isWrap ? `${String(length)} bytes instead of ${String(wrapBytes)}` : 'no wrap';
    throw new KeyProviderError(
      'KEY_PROVIDER_FAILED',
      `The vault wrapped with ${this.#name(mekVersion)} but returned ${what}: check any proxy in between`,
    );
  }

  /** Text that is not a version could form another path of the requested URL. */
  #requireVersion(mekVersion: string): void {
    if (typeof mekVersion === 'string' && isVaultKeyVersion(mekVersion)) return;
    throw new KeyProviderError(
      'MEK_VERSION_UNKNOWN',
      `The MEK "${this.mekName}" in a key vault has versions of 32 lowercase hex digits, and another form was requested: was the row written with another provider?`,
    );
  }

  #name(mekVersion: string): string {
    return describeMek({ keyProvider: this.id, mekName: this.mekName, mekVersion });
  }
}
