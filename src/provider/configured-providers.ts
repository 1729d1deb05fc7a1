/** The configured key providers, selected by what a row or record names. @module */
import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import { isUint8Array } from 'node:util/types';
import {
  type UnwrapMessage,
  type WrapMessage,
  traceCall,
  type CallSource,
} from '../diagnostics/traced-call.js';
import { diagnosticsChannels } from '../diagnostics/diagnostics-channels.js';
import { brokenContract, FieldEncryptionError, KeyProviderError } from '../errors/errors.js';
import { ownProperties, requireIdentifier } from '../guards/guards.js';
import type { KeyProvider, KeyProviderOptions, LocalMek } from './key-provider.js';
import {
  describeMek,
  isMekVersion,
  isSameMek,
  isWrappedDek,
  mekIn,
  wrapIn,
  shortName,
  type KeyWrap,
  type MekReference,
  type WrapAlgorithm,
} from '../format/dek-row.js';

export interface KeyCallOptions extends KeyProviderOptions {
  /** The DEK, for subscribers of diagnostics channels; the provider does not receive it. */
  readonly dekId?: string;
  /** Of its row, where it is to open or seal documents; for subscribers too. */
  readonly epoch?: number;
}

const wraps = tracingChannel<unknown, WrapMessage>(diagnosticsChannels.wrap);
const unwraps = tracingChannel<unknown, UnwrapMessage>(diagnosticsChannels.unwrap);

export class ConfiguredProviders {
  readonly all: readonly KeyProvider[];
  readonly #source: CallSource;

  constructor(providers: readonly KeyProvider[], source: CallSource) {
    const given: unknown = providers;
    if (!Array.isArray(given)) throw new TypeError('"keyProviders" expected an array');
    const names = new Set<string>();
    for (const { id, mekName } of providers) {
      requireIdentifier('keyProviders[].id', id);
      requireIdentifier('keyProviders[].mekName', mekName);
      names.add(JSON.stringify([id, mekName]));
    }
    if (names.size !== providers.length) {
      throw new RangeError('"keyProviders" has two providers with the same id and MEK name');
    }
    this.all = [...providers];
    this.#source = source;
  }

  /** Returns the same providers, each converted by `change`. */
  mapped(change: (provider: KeyProvider) => KeyProvider): ConfiguredProviders {
    return new ConfiguredProviders(this.all.map(change), this.#source);
  }

  /** The provider that a new product starts with: the first one that was passed. */
  first(): KeyProvider {
    const [first] = this.all;
    if (first) return first;
    throw new FieldEncryptionError(
      'KEY_PROVIDER_NOT_CONFIGURED',
      'No key provider is configured: pass one in "keyProviders"',
    );
  }

  /** Stored data only selects among configured providers; it never forms a host or a key name. */
  find({ keyProvider, mekName }: Pick<MekReference, 'keyProvider' | 'mekName'>): KeyProvider {
    const found = this.all.find(({ id, mekName: name }) => id === keyProvider && name === mekName);
    return found ?? this.#none(keyProvider, mekName);
  }

  /**
   * Returns the one provider that a caller can mean, and never guesses between several.
   *
   * @param option - The option that names it, for the message.
   * @throws FieldEncryptionError `KEY_PROVIDER_NOT_CONFIGURED`; RangeError where several match.
   */
  only(id: string | undefined, mekName: string | undefined, option: string): KeyProvider {
    const meant = this.all.filter(
      (each) =>
        (id === undefined || each.id === id) && (mekName === undefined || each.mekName === mekName),
    );
    const [provider = this.#none(id ?? this.first().id, mekName), another] = meant;
    if (!another) return provider;
    const names = meant.map((each) => `${each.id}/${each.mekName}`).join(', ');
    throw new RangeError(`"${option}" may belong to several key providers; name one of: ${names}`);
  }

  /** Wraps with exactly the named MEK version, and checks the result. */
  wrap(dek: Uint8Array, mek: MekReference, options: KeyCallOptions = {}): Promise<KeyWrap> {
    return this.#traced(wraps, mek, options, (own) => this.#wrap(dek, mek, own));
  }

  unwrap(wrap: KeyWrap, options: KeyCallOptions = {}): Promise<Uint8Array> {
    return this.#traced(unwraps, wrap, options, (own) => this.#unwrap(wrap, own));
  }

  async #wrap(
    dek: Uint8Array,
    mek: MekReference,
    { signal }: KeyProviderOptions,
  ): Promise<KeyWrap> {
    const provider = this.find(mek);
    const wrap: unknown = await provider.wrapKey(dek, { mekVersion: mek.mekVersion, signal });
    if (!isWrapOf(mek, provider.wrapAlgorithm, wrap)) {
      throw broken(provider, 'K3', 'wrapKey returned a different wrap than requested');
    }
    return wrapIn(wrap);
  }

  async #unwrap(wrap: KeyWrap, { signal }: KeyProviderOptions): Promise<Uint8Array> {
    const provider = this.find(wrap);
    const dek: unknown = await provider.unwrapKey(wrapIn(wrap), { signal });
    if (isUint8Array(dek)) return dek;
    throw broken(provider, 'K4', 'unwrapKey returned no bytes');
  }

  #traced<T>(
    channel: TracingChannel<unknown, UnwrapMessage>,
    mek: MekReference,
    options: KeyCallOptions,
    work: (own: KeyProviderOptions) => Promise<T>,
  ): Promise<T> {
    const own = ownProperties(options);
    const call = (): Promise<T> => work(own);
    if (!channel.hasSubscribers) return call();
    const { dekId, epoch, signal } = own;
    const { product, clock } = this.#source;
    const message = {
      ...{ product, ...mekIn(mek) },
      ...(dekId !== undefined && { dekId }),
      ...(epoch !== undefined && { epoch }),
    };
    return traceCall({ channel, message, clock, signal, call });
  }

  /** Operations per second of one version, as far as the provider knows. */
  async documentedOpsPerSecond(
    mek: MekReference,
    { signal }: KeyProviderOptions = {},
  ): Promise<number | undefined> {
    const provider = this.find(mek);
    const { mekVersion } = mek;
    const rate: unknown = await provider.documentedOpsPerSecond?.({ mekVersion, signal });
    if (rate === undefined || isOpsPerSecond(rate)) return rate;
    throw broken(provider, 'K11', 'documentedOpsPerSecond returned no valid rate');
  }

  /** The MEKs of all providers whose bytes are in this process. */
  localMeks(): readonly (LocalMek & MekReference)[] {
    return this.all.flatMap(({ id: keyProvider, mekName, localMeks = [] }) =>
      localMeks.map((mek) => ({ ...mek, keyProvider, mekName })),
    );
  }

  /** Those MEKs among them that are not random keys. */
  weakMeks(): readonly { readonly mek: MekReference; readonly weakness: string }[] {
    return this.localMeks().flatMap((mek) =>
      mek.weakness === undefined ? [] : [{ mek: mekIn(mek), weakness: mek.weakness }],
    );
  }

  weaknessOf(mek: MekReference): string | undefined {
    return this.weakMeks().find((each) => isSameMek(each.mek, mek))?.weakness;
  }

  #none(id: string, mekName: string | undefined): never {
    const mek = mekName === undefined ? '' : ` and the MEK "${shortName(mekName)}"`;
    const what = `the id "${shortName(id)}"${mek}`;
    throw new FieldEncryptionError(
      'KEY_PROVIDER_NOT_CONFIGURED',
      `No configured key provider has ${what}: add it to "keyProviders"`,
    );
  }

  async currentMek(): Promise<MekReference> {
    const provider = this.first();
    const mekVersion = await provider.currentVersion();
    if (!isMekVersion(mekVersion)) {
      throw broken(provider, 'K2', 'currentVersion returned no exact version');
    }
    return { keyProvider: provider.id, mekName: provider.mekName, mekVersion };
  }
}

/** Whether this is a rate that a provider may document. */
export function isOpsPerSecond(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function isWrapOf(mek: MekReference, algorithm: WrapAlgorithm, answer: unknown): answer is KeyWrap {
  const wrap = (answer ?? {}) as Partial<KeyWrap>;
  return (
    isSameMek(wrap as MekReference, mek) &&
    wrap.wrapAlgorithm === algorithm &&
    isWrappedDek(wrap.wrappedDek, algorithm)
  );
}

function broken({ id }: KeyProvider, rule: string, what: string): FieldEncryptionError {
  return brokenContract(`key provider "${id}"`, rule, what);
}

/** @throws KeyProviderError `WRAP_REJECTED` for a wrap of another provider, MEK name or algorithm. */
export function requireOwnWrap(provider: KeyProvider, wrap: KeyWrap): void {
  const isOwn =
    wrap.keyProvider === provider.id &&
    wrap.mekName === provider.mekName &&
    wrap.wrapAlgorithm === provider.wrapAlgorithm;
  if (!isOwn) throw wrapRejected(wrap);
}

export function wrapRejected(wrap: KeyWrap): KeyProviderError {
  return new KeyProviderError(
    'WRAP_REJECTED',
    `The MEK ${describeMek(wrap)} did not make this wrap, or the wrap was changed`,
  );
}
