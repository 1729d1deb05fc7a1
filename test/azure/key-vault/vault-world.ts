/** A product whose MEK is on a test server, and all that shows what a failure did to it. @module */
import { randomBytes } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { expect } from 'vitest';
import type { AkvKeyProvider } from '../../../src/azure/key-vault/index.js';
import type { DekRow, KeyWrap } from '../../../src/adapters.js';
import {
  createFieldEncryptor,
  DekCache,
  KeyProviderError,
  rewrapAllDeks,
  type DekStore,
  type FieldEncryptor,
  type KeyProvider,
  type RewrapAllDeksOptions,
  type RewrapEvent,
  type RewrapSummary,
} from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { akvProvider, MEK_NAME, type AkvOptions } from '../../support/azure/akv-provider.js';
import {
  KeyVaultServer,
  type KeyVaultServerOptions,
} from '../../support/azure/key-vault-server.js';
import type { CreateKeyOptions } from '../../support/azure/key-vault/vault.js';
import type { FaultAction } from '../../support/azure/key-vault/fault.js';
import type { RequestMatcher } from '../../support/azure/key-vault/request-log.js';
import { contentsOf, note, PRODUCT, type Loose } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { AutoClock } from '../../support/rotation/auto-clock.js';
import { Secrets } from './secrets.js';

/** Sleeps take no time, and are reported afterwards. */
export class RecordingClock extends AutoClock {
  readonly sleeps: number[] = [];

  override sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    this.sleeps.push(durationMs);
    return super.sleep(durationMs, signal);
  }
}

/** A provider that has wrapped and unwrapped: it has its token, and knows the version. */
export interface Warm {
  readonly provider: AkvKeyProvider;
  readonly dek: Buffer;
  readonly wrap: KeyWrap;
}

export interface Product {
  readonly memory: DekStore;
  readonly encryptor: FieldEncryptor;
  readonly stored: readonly Loose[];
}

export interface Run {
  readonly events: readonly RewrapEvent[];
  readonly summary: RewrapSummary;
  readonly errors: readonly unknown[];
}

export interface Told {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
}

export interface VaultWorldOptions extends KeyVaultServerOptions {
  /** The clock of the server too, where it is given; else that is the machine's. */
  readonly clock?: RecordingClock;
  /** The first version of the MEK. */
  readonly key?: CreateKeyOptions;
}

export class VaultWorld {
  readonly server: KeyVaultServer;
  /** The first version of the MEK. */
  readonly first: string;
  readonly clock: RecordingClock;
  readonly secrets = new Secrets();
  /** For all providers, so that each test need not wait for a token. */
  readonly #credential: TokenCredential;

  private constructor(server: KeyVaultServer, first: string, clock: RecordingClock) {
    this.server = server;
    this.first = first;
    this.clock = clock;
    this.#credential = server.credential();
    this.secrets.add(server.identityProvider.clientSecret);
  }

  static async start({ key, ...options }: VaultWorldOptions = {}): Promise<VaultWorld> {
    const server = await KeyVaultServer.start(options);
    const first = await server.createKey(MEK_NAME, key);
    return new VaultWorld(server, first, options.clock ?? new RecordingClock());
  }

  /** As after the start; keys stay as they are. */
  reset(): void {
    this.server.clearScript();
    this.server.limit(undefined);
    this.forget();
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** Adds a version to the MEK. */
  rotate(): Promise<string> {
    return this.server.rotateKey(MEK_NAME);
  }

  /** Address of the MEK, as messages have it. */
  address(mekVersion?: string): string {
    const key = `${this.server.url}/keys/${MEK_NAME}`;
    return mekVersion === undefined ? key : `${key}/${mekVersion}`;
  }

  provider(options: AkvOptions = {}): AkvKeyProvider {
    const credential = this.secrets.watch(options.credential ?? this.#credential);
    return akvProvider(this.server, { clock: this.clock, ...options, credential });
  }

  dek(): Buffer {
    const dek = randomBytes(32);
    this.secrets.add(dek);
    return dek;
  }

  async warm(options: AkvOptions = {}): Promise<Warm> {
    const provider = this.provider(options);
    const dek = this.dek();
    const wrap = await provider.wrapKey(dek, { mekVersion: this.first });
    this.secrets.add(wrap.wrappedDek);
    await provider.unwrapKey(wrap);
    this.forget();
    return { provider, dek, wrap };
  }

  /** Whatever was asked and slept so far counts no more. */
  forget(): void {
    this.server.clearRequests();
    this.clock.sleeps.length = 0;
  }

  /** The same fault for every such request, until the script is cleared. */
  fault(action: FaultAction, on: RequestMatcher, times = Infinity): void {
    this.server.script({ ...action, on, times });
  }

  encryptor(memory: DekStore, ...keyProviders: readonly KeyProvider[]): FieldEncryptor {
    return createFieldEncryptor({
      product: PRODUCT,
      dekStore: memory,
      clock: this.clock,
      dekCache: new DekCache({ clock: this.clock, maxEntries: 500 }),
      keyProviders: keyProviders.map((each) => this.#watched(each)),
    });
  }

  /** Adds each DEK and wrap that goes through it to the secrets. */
  #watched(keyProvider: KeyProvider): KeyProvider {
    const { id, mekName, wrapAlgorithm } = keyProvider;
    return {
      ...{ id, mekName, wrapAlgorithm },
      localCalls: keyProvider.localCalls ?? [],
      documentedOpsPerSecond: async (options) => keyProvider.documentedOpsPerSecond?.(options),
      currentVersion: (options) => keyProvider.currentVersion(options),
      unwrapKey: (wrap, options) => keyProvider.unwrapKey(wrap, options),
      wrapKey: async (dek, options) => {
        this.secrets.add(dek);
        const wrap = await keyProvider.wrapKey(dek, options);
        this.secrets.add(wrap.wrappedDek);
        return wrap;
      },
    };
  }

  /** Notes `0`, `1`, …, each with a DEK of its own under the current version. */
  async product(keyProvider: KeyProvider, count = 3, memory?: DekStore): Promise<Product> {
    const store = memory ?? new MemoryDekStore();
    const encryptor = this.encryptor(store, keyProvider);
    const ids = Array.from({ length: count }, (_each, at) => String(at));
    const stored = await Promise.all(
      ids.map((id) => encryptor.encryptDocument(note, { workspaceId: 'w', id, body: `of ${id}` })),
    );
    return { memory: store, encryptor, stored };
  }

  /** The rows alone, as they are stored: a rotation that began has written its record. */
  async rows(memory: DekStore): Promise<readonly DekRow[]> {
    const { items } = await memory.list({ product: PRODUCT }, { pageSize: 10_000 });
    return items.map(({ value }) => value as DekRow);
  }

  /** Opens every document in a process that knows nothing yet. */
  async expectReadable(
    { memory, stored }: Product,
    ...keyProviders: readonly KeyProvider[]
  ): Promise<void> {
    const reader = this.encryptor(memory, ...keyProviders);
    const outcomes = await reader.decryptDocuments(note, stored as never[]);
    expect(outcomes).toHaveLength(stored.length);
    for (const [at, outcome] of outcomes.entries()) {
      expect(outcome).toMatchObject({ ok: true, document: { body: `of ${String(at)}` } });
    }
  }

  async rewrap(encryptor: FieldEncryptor, options: RewrapAllDeksOptions): Promise<Run> {
    const events: RewrapEvent[] = [];
    for await (const event of rewrapAllDeks(encryptor, options)) events.push(event);
    const last = events.at(-1);
    if (last?.type !== 'finished') throw new Error('The last event is not "finished"');
    const errors = events.flatMap((event) => (event.type === 'failed' ? [event.error] : []));
    for (const error of errors) this.secrets.expectNoneIn(error);
    return { events, summary: last.summary, errors };
  }

  /** How a call fails, and that the error reveals nothing. */
  async failure(work: Promise<unknown>): Promise<Told> {
    const error = await rejection(work);
    expect(error).toBeInstanceOf(KeyProviderError);
    this.secrets.expectNoneIn(error);
    const { code, message, retryable, retryAfterMs } = error as KeyProviderError;
    return { code, message, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }

  /** Fails with the code, and leaves the store byte for byte as it was. */
  async expectNothingWritten(
    memory: DekStore,
    code: string,
    work: () => Promise<unknown>,
  ): Promise<void> {
    const before = await contentsOf(memory);
    const error = await rejection(work());
    expect(error).toMatchObject({ code });
    this.secrets.expectNoneIn(error);
    expect(await contentsOf(memory)).toEqual(before);
  }
}

/** How the vault asks for a token. */
export function usualChallenge({ server }: VaultWorld): string {
  const { url, tenantId } = server.identityProvider;
  return `Bearer authorization="${url}/${tenantId}", resource="https://vault.azure.net"`;
}
