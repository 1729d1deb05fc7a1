import type { KeyProviderOptions, KeyWrap, WrapKeyOptions } from '@bytelyst/field-encrypt/adapters';
import type { KeyProvider } from '@bytelyst/field-encrypt';

/** Counts what another provider unwraps, by MEK version. */
export class CountingKeyProvider implements KeyProvider {
  readonly unwraps = new Map<string, number>();
  readonly id: string;
  readonly mekName: string;
  readonly wrapAlgorithm: KeyProvider['wrapAlgorithm'];
  readonly #inner: KeyProvider;

  constructor(inner: KeyProvider) {
    this.id = inner.id;
    this.mekName = inner.mekName;
    this.wrapAlgorithm = inner.wrapAlgorithm;
    this.#inner = inner;
  }

  currentVersion(options?: KeyProviderOptions): Promise<string> {
    return this.#inner.currentVersion(options);
  }

  wrapKey(dek: Uint8Array, options: WrapKeyOptions): Promise<KeyWrap> {
    return this.#inner.wrapKey(dek, options);
  }

  async unwrapKey(wrap: KeyWrap, options?: KeyProviderOptions): Promise<Uint8Array> {
    const dek = await this.#inner.unwrapKey(wrap, options);
    this.unwraps.set(wrap.mekVersion, (this.unwraps.get(wrap.mekVersion) ?? 0) + 1);
    return dek;
  }
}
