/** Opens the parts of one product, each when it is asked for: a mode needs no right that it does not use. @module */
import {
  createFieldEncryptor,
  type AnyDefinition,
  type AuditOptions,
  type Clock,
  type DekStore,
  type EncryptionContext,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { parseDuration } from '../command-line/durations.js';
import { suggestion } from '../command-line/nearest.js';
import { UsageError } from '../command-line/usage-error.js';
import type { AnyDocumentStore, MoveFunction, UpgradeFunction } from './code-values.js';
import type { DekDatabase } from './dek-database.js';
import type { LoadedConfig } from './config-file.js';
import { once, type OpeningContext } from './opening.js';
import { openProvider, type OpenProvider } from './providers.js';
import { readRecoveryKey, requireRecordKeys, withRecordKeys } from './record-keys.js';
import type { CollectionSettings, CopySettings, ProductSettings } from './settings.js';
import { Stores, type OpenDekStore, type OpenStore } from './stores.js';
import { at } from './value-reader.js';

/** The context of a search: it needs no key provider. */
export interface SearchContext {
  readonly product: string;
  /** Authenticated, where a record key is configured. */
  readonly dekStore: DekStore;
  readonly minimumEpoch?: number;
  readonly clock: Clock;
  readonly audit?: AuditOptions;
}

export interface OpenCollection {
  readonly name: string;
  readonly definition: AnyDefinition;
  readonly documentStore: AnyDocumentStore;
  readonly upgrade?: UpgradeFunction;
  /** Makes a document of this collection out of one that is moved to it. */
  readonly move?: MoveFunction;
  /** Where the documents are, for people. */
  readonly describe: string;
}

/** A restored copy of the stores, which is another place than the stores in use. */
export interface OpenCopy {
  readonly name: string;
  readonly dekStore: DekStore;
  readonly describe: string;
  readonly collections: ReadonlyMap<string, OpenCollection>;
}

export interface Retention {
  readonly soakMs?: number;
  readonly backupWindowMs?: number;
}

export interface OpenProductOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** SQLite files are opened so that nothing can be written to them, settings of the file included. */
  readonly readOnly?: boolean;
  /** Whether a collection may be in a table that is not there yet. @default false */
  readonly mayMakeTables?: boolean;
  /** For each document store, copies included. @default the store as it is */
  readonly wrapDocuments?: OpeningContext['wrapDocuments'];
}

/**
 * @param product - May be left out where only one is configured.
 * @throws UsageError where that names no product.
 */
export function openProduct(
  config: LoadedConfig,
  product: string | undefined,
  options: OpenProductOptions,
): OpenProduct {
  const name = productIn(config, product);
  const { clock, signal, readOnly = false, mayMakeTables = false } = options;
  const { wrapDocuments = (store: AnyDocumentStore) => store } = options;
  return new OpenProduct({ config, clock, signal, readOnly, mayMakeTables, wrapDocuments }, name);
}

export function productIn({ file, settings }: LoadedConfig, product: string | undefined): string {
  const names = Object.keys(settings.products);
  const [first = ''] = names;
  if (product === undefined) {
    if (names.length === 1) return first;
    throw new UsageError(
      `${file} has the products ${names.join(', ')}: pass --product with one of them`,
    );
  }
  if (Object.hasOwn(settings.products, product)) return product;
  const meant = suggestion(product, names) || `: it has ${names.join(', ')}`;
  throw new UsageError(`${file} has no product "${product}"${meant}`);
}

export class OpenProduct {
  readonly product: string;
  /** Set before anything is opened. */
  audit: AuditOptions | undefined;
  readonly #context: OpeningContext;
  readonly #settings: ProductSettings;
  readonly #path: string;
  readonly #stores: Stores;
  readonly #collections = new Map<string, () => Promise<OpenCollection>>();
  readonly #copies = new Map<string, () => Promise<OpenCopy>>();

  constructor(context: OpeningContext, product: string) {
    this.product = product;
    this.#context = context;
    this.#settings = context.config.settings.products[product] as ProductSettings;
    this.#path = at('products', product);
    this.#stores = new Stores(context);
    for (const [name, settings] of Object.entries(this.#settings.collections ?? {})) {
      const open = (): Promise<OpenCollection> => this.#openCollection(name, settings);
      this.#collections.set(name, once(open));
    }
    for (const [name, settings] of Object.entries(this.#settings.copies ?? {})) {
      this.#copies.set(
        name,
        once(() => this.#openCopy(name, settings)),
      );
    }
  }

  /** The parts that a search needs: the DEK store, and the record key if there is one. */
  readonly search = once(async (): Promise<SearchContext> => {
    const { store } = await this.#dekStore();
    const dekStore = this.#authenticated(store);
    const { minimumEpoch } = this.#settings;
    const { clock } = this.#context;
    const { product, audit } = this;
    return {
      product,
      dekStore,
      clock,
      ...(minimumEpoch !== undefined && { minimumEpoch }),
      ...(audit && { audit }),
    };
  });

  /** The parts that a run needs: also the key providers. */
  readonly encryption = once(async (): Promise<EncryptionContext> => {
    const [search, providers] = await Promise.all([this.search(), this.providers()]);
    const { fenceTtlMs } = this.#settings;
    const recoveryKey = this.#recoveryKey();
    return {
      ...search,
      keyProviders: providers.map(({ provider }) => provider),
      ...(recoveryKey !== undefined && { recoveryKey }),
      ...(fenceTtlMs !== undefined && { fenceTtlMs }),
    };
  });

  readonly providers = once(async (): Promise<readonly OpenProvider[]> => {
    const { providers = [] } = this.#settings;
    const path = at(this.#path, 'providers');
    if (providers.length === 0) {
      throw new UsageError(`${path}: is missing: this mode needs a key provider`);
    }
    const opening = providers.map((each, index) =>
      openProvider(at(path, index), each, this.#context),
    );
    return allOrProblems(opening);
  });

  /** A new one at each call. */
  async encryptor(mode: 'migrate' | 'strict' = 'strict'): Promise<FieldEncryptor> {
    const { keyProviders, ...encryption } = await this.encryption();
    return createFieldEncryptor({ ...encryption, keyProviders, mode });
  }

  /** @throws UsageError where the record keys cannot be used; no store is opened. */
  checkRecordKeys(): void {
    requireRecordKeys(this.#context.config, this.#path, this.#settings);
  }

  /** @throws UsageError where the recovery key cannot be used. */
  checkRecoveryKey(): void {
    this.#recoveryKey();
  }

  get collections(): readonly string[] {
    return [...this.#collections.keys()];
  }

  /** @throws UsageError for a collection that is not configured. */
  async collection(name: string): Promise<OpenCollection> {
    return named(this.#collections, name, `${this.#path} has no collection`)();
  }

  /** Of every collection; nothing is opened. */
  definitions(): readonly AnyDefinition[] {
    return [...this.#definitions.values()];
  }

  get copies(): readonly string[] {
    return [...this.#copies.keys()];
  }

  /** @throws UsageError for a copy that is not configured, or is a store in use. */
  async copy(name: string): Promise<OpenCopy> {
    return named(this.#copies, name, `${this.#path} has no copy`)();
  }

  async dekDatabase(): Promise<DekDatabase> {
    return (await this.#dekStore()).database;
  }

  get retention(): Retention {
    const { soak, backupWindow } = this.#settings.retention ?? {};
    const [soakMs, backupWindowMs] = [soak, backupWindow].map((text) => parseDuration(text ?? ''));
    return {
      ...(soakMs !== undefined && { soakMs }),
      ...(backupWindowMs !== undefined && { backupWindowMs }),
    };
  }

  close(): Promise<void> {
    return this.#stores.close();
  }

  readonly #dekStore = once((): Promise<OpenDekStore> => {
    const place = { path: at(this.#path, 'dekStore'), product: this.product };
    return this.#stores.dekStore(place, this.#settings.dekStore);
  });

  get #definitions(): ReadonlyMap<string, AnyDefinition> {
    return this.#context.config.definitions.get(this.product) ?? new Map<string, AnyDefinition>();
  }

  #authenticated(dekStore: DekStore): DekStore {
    return withRecordKeys(this.#context.config, this.#path, this.#settings, dekStore);
  }

  #recoveryKey(): string | undefined {
    const { recoveryKey } = this.#settings;
    const path = at(this.#path, 'recoveryKey');
    return recoveryKey && readRecoveryKey(this.#context.config, path, recoveryKey);
  }

  async #openCollection(name: string, settings: CollectionSettings): Promise<OpenCollection> {
    const path = at(this.#path, 'collections', name, 'documentStore');
    const definition = this.#definitions.get(name) as AnyDefinition;
    const { store, describe } = await this.#documents(path, name, settings.documentStore);
    const { upgrade, move } = settings;
    return {
      name,
      definition,
      documentStore: store,
      describe,
      ...(upgrade && { upgrade }),
      ...(move && { move }),
    };
  }

  async #documents(
    path: string,
    name: string,
    settings: CollectionSettings['documentStore'],
  ): Promise<OpenStore<AnyDocumentStore>> {
    const definition = this.#definitions.get(name) as AnyDefinition;
    const opened = await this.#stores.documentStore(path, settings, definition);
    return { ...opened, store: this.#context.wrapDocuments(opened.store) };
  }

  async #openCopy(name: string, settings: CopySettings): Promise<OpenCopy> {
    const path = at(this.#path, 'copies', name);
    const place = { path: at(path, 'dekStore'), product: this.product };
    const copied = await this.#stores.dekStore(place, settings.dekStore);
    requireOther(place.path, copied, await this.#dekStore());
    const collections = new Map<string, OpenCollection>();
    for (const [collection, documentStore] of Object.entries(settings.collections ?? {})) {
      const opened = await this.#copiedCollection(path, collection, documentStore);
      collections.set(collection, opened);
    }
    const { store, describe } = copied;
    return { name, dekStore: this.#authenticated(store), describe, collections };
  }

  async #copiedCollection(
    copyPath: string,
    name: string,
    settings: CollectionSettings['documentStore'],
  ): Promise<OpenCollection> {
    const path = at(copyPath, 'collections', name);
    const live = this.#settings.collections?.[name] as CollectionSettings;
    const livePath = at(this.#path, 'collections', name, 'documentStore');
    const copied = await this.#documents(path, name, settings);
    requireOther(path, copied, await this.#documents(livePath, name, live.documentStore));
    const { store, describe } = copied;
    const definition = this.#definitions.get(name) as AnyDefinition;
    return { name, definition, documentStore: store, describe };
  }
}

/** A rehearsal, or an import, that works on the stores in use would destroy what it rehearses for. */
function requireOther(path: string, copy: OpenStore<unknown>, live: OpenStore<unknown>): void {
  if (copy.identity !== live.identity) return;
  throw new UsageError(
    `${path}: is the store in use, ${live.describe}, and not a copy of it: restore into another place, and name that`,
  );
}

function named<T>(all: ReadonlyMap<string, T>, name: string, what: string): T {
  const found = all.get(name);
  if (found !== undefined) return found;
  const names = [...all.keys()];
  const known = names.length === 0 ? ': none is configured' : `: it has ${names.join(', ')}`;
  throw new UsageError(`${what} "${name}"${suggestion(name, names) || known}`);
}

/** @throws UsageError with the problems of all of them; any other error as it is. */
async function allOrProblems<T>(opening: readonly Promise<T>[]): Promise<readonly T[]> {
  const results = await Promise.allSettled(opening);
  const failures = results.flatMap((each) =>
    each.status === 'rejected' ? [each.reason as unknown] : [],
  );
  const problems = failures.flatMap((error) => {
    if (error instanceof UsageError) return error.problems;
    throw error;
  });
  if (problems.length > 0) throw new UsageError(problems);
  return Promise.all(opening);
}
