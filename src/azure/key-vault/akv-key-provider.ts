/** A MEK in Azure Key Vault or Managed HSM. @module */
import { timingSafeEqual } from 'node:crypto';
import { systemClock } from '../../async/clock.js';
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
import { isVaultKeyVersion } from '../../provider/named-mek.js';
import { readAkvOptions, type AkvKeyProviderOptions, type AkvSettings } from './akv-options.js';
import { isManagedHsm, type MekState } from './mek-state.js';
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
    const { clock = systemClock } = ownProperties(options);
    this.id = settings.id;
    this.mekName = settings.mekName;
    this.wrapAlgorithm = settings.wrapAlgorithm;
    this.localCalls = settings.wrapMode === 'local' ? ['wrapKey'] : [];
    this.#settings = settings;
    this.#calls = new VaultCalls(settings, clock);
    this.#states = new MekStateReader(this.#calls, settings, clock);
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
    const reading = await this.#states.read(mekVersion, signal);
    if (typeof reading === 'object') return this.#wrapSeen(dek, reading, options);
    if (this.#settings.wrapMode === 'local') throw this.#cannotLook(mekVersion);
    const wrapped = await this.#calls.wrapKey(dek, mekVersion, options);
    if (reading === 'proved') {
      return this.#wrapOf(wrapped, mekVersion, this.#states.provedBytes(mekVersion));
    }
    const wrap = this.#wrapOf(wrapped, mekVersion);
    await this.#prove(wrap, wrapped.length, dek, options);
    return wrap;
  }

  async unwrapKey(wrap: KeyWrap, given: KeyProviderOptions = {}): Promise<Uint8Array> {
    const options = ownProperties(given);
    options.signal?.throwIfAborted();
    const isOurs =
      wrap.keyProvider === this.id &&
      wrap.mekName === this.mekName &&
      wrap.wrapAlgorithm === this.wrapAlgorithm;
    if (!isOurs) throw rejected(wrap);
    this.#requireVersion(wrap.mekVersion);
    const wrapped = decodeBase64url(wrap.wrappedDek);
    if (!wrapped || !isWrappedDek(wrap.wrappedDek, this.wrapAlgorithm)) throw rejected(wrap);
    return this.#calls.unwrapKey(wrapped, wrap.mekVersion, options);
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

  async #wrapSeen(dek: Uint8Array, state: MekState, options: KeyProviderOptions): Promise<KeyWrap> {
    const { mekVersion, publicKey } = state;
    const isLocal = this.#settings.wrapMode === 'local' && publicKey;
    const wrapped = isLocal
      ? rsaOaep256Wrap(publicKey, dek)
      : await this.#calls.wrapKey(dek, mekVersion, options);
    return this.#wrapOf(wrapped, mekVersion, state.wrapBytes);
  }

  /** The vault may wrap with a disabled version, which then cannot unwrap. */
  async #prove(
    wrap: KeyWrap,
    wrapBytes: number,
    dek: Uint8Array,
    options: KeyProviderOptions,
  ): Promise<void> {
    const unwrapped = await this.unwrapKey(wrap, options);
    const isSame = unwrapped.length === dek.length && timingSafeEqual(unwrapped, dek);
    unwrapped.fill(0);
    if (!isSame) throw rejected(wrap);
    this.#states.prove(wrap.mekVersion, wrapBytes);
  }

  #cannotLook(mekVersion: string): KeyProviderError {
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
    if (!isWrappedDek(wrappedDek, wrapAlgorithm)) {
      throw new KeyProviderError(
        'KEY_PROVIDER_FAILED',
        `The vault wrapped with ${this.#name(mekVersion)} but returned no wrap: check any proxy in between`,
      );
    }
    if (length !== wrapBytes) {
      throw new KeyProviderError(
        'KEY_PROVIDER_FAILED',
        `The vault wrapped with ${this.#name(mekVersion)} but returned ${String(length)} bytes instead of ${String(wrapBytes)}: check any proxy in between`,
      );
    }
    return { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion };
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

function rejected(wrap: KeyWrap): KeyProviderError {
  return new KeyProviderError(
    'WRAP_REJECTED',
    `The MEK ${describeMek(wrap)} did not make this wrap, or the wrap was changed`,
  );
}
