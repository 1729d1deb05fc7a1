import { constants, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto';
import type { KeyWrap } from '../../src/adapters.js';
import { KeyProviderError, type KeyProvider } from '../../src/index.js';

export interface RsaKeyProviderOptions {
  readonly privateKeyPem: string;
  readonly id?: string;
  readonly mekName?: string;
  readonly versions: readonly string[];
}

/** As Key Vault wraps, with a key on hand: payloads of any length, and every version is one key. */
export class RsaKeyProvider implements KeyProvider {
  readonly id: string;
  readonly mekName: string;
  readonly wrapAlgorithm: 'RSA-OAEP-256' = 'RSA-OAEP-256' as const;
  readonly #privateKeyPem: string;
  readonly #versions: readonly string[];

  constructor({ id = 'akv', mekName = 'notelett-mek', ...rest }: RsaKeyProviderOptions) {
    this.id = id;
    this.mekName = mekName;
    this.#privateKeyPem = rest.privateKeyPem;
    this.#versions = rest.versions;
  }

  currentVersion(): Promise<string> {
    return Promise.resolve(this.#versions[0] as string);
  }

  wrapKey(dek: Uint8Array, { mekVersion }: { readonly mekVersion: string }): Promise<KeyWrap> {
    const { id: keyProvider, mekName, wrapAlgorithm } = this;
    const wrappedDek = rsaWrap(this.#privateKeyPem, dek);
    return Promise.resolve({ wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion });
  }

  async unwrapKey(wrap: KeyWrap): Promise<Uint8Array> {
    await Promise.resolve();
    if (!this.#versions.includes(wrap.mekVersion)) {
      throw new KeyProviderError(
        'MEK_VERSION_UNKNOWN',
        `The key provider "${this.id}" has no MEK version "${wrap.mekVersion}"`,
      );
    }
    const dek = rsaUnwrap(this.#privateKeyPem, wrap.wrappedDek);
    if (dek && wrap.wrapAlgorithm === this.wrapAlgorithm) return dek;
    throw new KeyProviderError('WRAP_REJECTED', 'Error occurred while decoding OAEP padding.');
  }
}

const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };

export function rsaWrap(privateKeyPem: string, key: Uint8Array): string {
  return publicEncrypt({ key: createPublicKey(privateKeyPem), ...OAEP }, key).toString('base64url');
}

export function rsaUnwrap(privateKeyPem: string, wrapped: string): Buffer | undefined {
  try {
    return privateDecrypt({ key: privateKeyPem, ...OAEP }, Buffer.from(wrapped, 'base64url'));
  } catch {
    return undefined;
  }
}
