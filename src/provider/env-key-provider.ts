/** A MEK held by the process itself, for development, tests and small installations. @module */
import type { KeyObject } from 'node:crypto';
import { aesUnwrapKey, aesWrapKey } from '../crypto/aes.js';
import { decodeBase64url, encodeBase64url } from '../crypto/key-schedule.js';
import { KeyProviderError } from '../errors/errors.js';
import { ownProperties, readOptions, requireIdentifier, requireList } from '../guards/guards.js';
import { requireOwnWrap, wrapRejected } from './configured-providers.js';
import type {
  KeyOperation,
  KeyProvider,
  KeyProviderOptions,
  LocalMek,
  WrapKeyOptions,
} from './key-provider.js';
import type { KeyWrap } from '../format/dek-row.js';
import { envMekVersionOf, importMek } from './mek-bytes.js';

export interface EnvKeyProviderOptions {
  /** The MEK: 32 bytes as base64, base64url or hex. */
  readonly key: string;
  /** Earlier MEKs: they unwrap, and also wrap while the rotation record names them. */
  readonly previousKeys?: readonly string[];
  /** @default 'env' */
  readonly id?: string;
}

const OPTIONS: readonly (keyof EnvKeyProviderOptions)[] = ['key', 'previousKeys', 'id'];

/**
 * Wraps DEKs with AES-256-KW (RFC 3394) under keys from the environment.
 *
 * The MEK is in the memory of every process and in its environment: use a key service in production.
 * `mekVersion` is derived from the key, so the same key has the same version everywhere, and a new version
 * means a new key.
 *
 * A key that is text or a pattern unwraps and wraps for a product that already uses it, but cannot be the
 * target of a rotation or start a new product: `checkReadiness` warns of it.
 *
 * @throws TypeError or RangeError where a key is not 32 bytes, or is given twice.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { EnvKeyProvider } from '@bytelyst/field-encrypt';
 *
 * const provider = new EnvKeyProvider({ key: randomBytes(32).toString('base64') });
 * console.log(await provider.currentVersion()); // "env-" and 16 hex digits
 * ```
 */
export class EnvKeyProvider implements KeyProvider {
  readonly id: string;
  readonly mekName: 'env' = 'env' as const;
  readonly wrapAlgorithm: 'A256KW' = 'A256KW' as const;
  readonly localCalls: readonly KeyOperation[] = ['wrapKey', 'unwrapKey'];
  readonly localMeks: readonly LocalMek[];
  readonly #current: string;
  readonly #meks: ReadonlyMap<string, KeyObject>;

  constructor(options: EnvKeyProviderOptions) {
    const { key, previousKeys = [], id = 'env' } = readOptions(options, OPTIONS);
    requireIdentifier('id', id);
    requireList('previousKeys', previousKeys);
    this.id = id;
    const current = importMek('key', key);
    const previous = previousKeys.map((text, index) =>
      importMek(`previousKeys[${String(index)}]`, text),
    );
    const meks = [current, ...previous].map(({ key: mek, weakness }) => ({
      mek,
      mekVersion: envMekVersionOf(mek),
      weakness,
    }));
    this.#meks = new Map(meks.map(({ mek, mekVersion }) => [mekVersion, mek]));
    if (this.#meks.size !== meks.length) throw new RangeError('A key is given twice');
    this.#current = envMekVersionOf(current.key);
    this.localMeks = meks.map(({ mekVersion, weakness }) =>
      Object.freeze({ mekVersion, ...(weakness !== undefined && { weakness }) }),
    );
  }

  currentVersion(options: KeyProviderOptions = {}): Promise<string> {
    return promised(options, () => this.#current);
  }

  wrapKey(dek: Uint8Array, options: WrapKeyOptions): Promise<KeyWrap> {
    const { mekVersion } = options;
    return promised(options, () => ({
      wrappedDek: encodeBase64url(aesWrapKey(this.#mek(mekVersion), dek)),
      wrapAlgorithm: this.wrapAlgorithm,
      keyProvider: this.id,
      mekName: this.mekName,
      mekVersion,
    }));
  }

  unwrapKey(wrap: KeyWrap, options: KeyProviderOptions = {}): Promise<Uint8Array> {
    return promised(options, () => {
      requireOwnWrap(this, wrap);
      const mek = this.#mek(wrap.mekVersion);
      const wrapped = decodeBase64url(wrap.wrappedDek);
      const dek = wrapped && aesUnwrapKey(mek, wrapped);
      if (!dek) throw wrapRejected(wrap);
      return dek;
    });
  }

  #mek(mekVersion: string): KeyObject {
    const mek = this.#meks.get(mekVersion);
    if (mek) return mek;
    throw new KeyProviderError(
      'MEK_VERSION_UNKNOWN',
      `The key provider "${this.id}" has no MEK version "${mekVersion}": add that key to FIELD_ENCRYPT_PREVIOUS_KEYS`,
    );
  }
}

/** Runs at once, but behaves like a remote provider: it returns a promise, and rejects once aborted. */
async function promised<T>(options: KeyProviderOptions, work: () => T): Promise<T> {
  ownProperties(options).signal?.throwIfAborted();
  await Promise.resolve();
  return work();
}
