import { readRotationItem } from '../../src/store/dek-store.js';
import {
  authenticateRecords,
  createFieldEncryptor,
  DekCache,
  defineDocument,
  EnvKeyProvider,
  type AnyDefinition,
  type DekCacheOptions,
  type DekStore,
  type DocumentKey,
  type Envelope,
  type FieldEncryptor,
  type FieldEncryptorOptions,
  type KeyProvider,
  type StoredDocument,
} from '../../src/index.js';
import { recordAuthenticationOf } from '../../src/store/authenticate-records.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { ManualClock } from './clock.js';
import { probed, type Probe } from './probe.js';
import { secretWatch } from './secrets/secret-watch.js';

export const PRODUCT = 'notelett';

/** Three MEKs of the golden files: made for tests, they protect nothing. */
export const MEK_HEX = 'ebd9810b7b2132eac8b9df76d52071b31d4d95d944689e7f1c77da1170ce380d';
export const MEK_VERSION = 'env-2e78b39dca20f0b4';
export const OTHER_MEK_HEX = 'bb8b6ecbbb7aab8e20564cca8d5e9de143425a06c318dab0c608799df59ecb43';

interface Section {
  title?: unknown;
  lines?: unknown[] | null;
  page?: unknown;
}

export interface Note {
  workspaceId: string;
  id: string;
  title?: unknown;
  body?: unknown;
  tags?: unknown[] | null;
  meta?: { location?: unknown; mood?: unknown } | null;
  sections?: (Section | null)[] | null;
}

/** One declared path of every kind. */
export const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'body', 'tags[]', 'meta.location', 'sections[].title', 'sections[].lines[]'],
});

export type NoteKey = DocumentKey<typeof note>;
export const KEY: NoteKey = { workspaceId: 'ws-1', id: 'note-1' };

export type Loose = Record<string, unknown>;

/** More than any test loads; room for 10,000 is set aside as soon as a cache is made, and takes a millisecond. */
const ENTRIES = 500;

export interface Setup {
  readonly encryptor: FieldEncryptor;
  readonly clock: ManualClock;
  /** Without the probe: for arranging and for looking at what was written. */
  readonly memory: MemoryDekStore;
  readonly store: Probe;
  readonly provider: Probe;
  readonly dekStore: DekStore;
  readonly keyProvider: KeyProvider;
  readonly dekCache: DekCache;
}

export interface SetupOptions extends Partial<FieldEncryptorOptions> {
  readonly memory?: MemoryDekStore;
  readonly cache?: DekCacheOptions;
  /** Another process: its own encryptor and cache over the same store and clock. */
  readonly beside?: Setup;
}

let sharedRecordKey: string | undefined;
const behind = new WeakMap<DekStore, MemoryDekStore>();

/**
 * For a file that runs the tests of others once more, over records that are authenticated: what a test
 * arranges and looks at by `memory` goes through the same key.
 */
export function authenticateAll(recordKey: string): void {
  sharedRecordKey = recordKey;
}

function newMemory(): MemoryDekStore {
  const memory = new MemoryDekStore();
  if (sharedRecordKey === undefined) return memory;
  const view = authenticateRecords(memory, { recordKey: sharedRecordKey });
  behind.set(view, memory);
  const shorthands: Pick<MemoryDekStore, 'getRotation' | 'replaceRotation'> = {
    getRotation: (product) => readRotationItem(view, product),
    replaceRotation: (record, etag) => view.replaceItem(record, etag),
  };
  return Object.assign(view, shorthands) as never;
}

/** An encryptor over a memory store, with everything around it probed. */
export function setup({ beside, cache, memory: own, ...options }: SetupOptions = {}): Setup {
  const clock = beside?.clock ?? new ManualClock();
  const memory = own ?? beside?.memory ?? newMemory();
  const [dekStore, store] = probed<DekStore>(options.dekStore ?? behind.get(memory) ?? memory);
  const [keyProvider, provider] = probed<KeyProvider>(
    options.keyProviders?.[0] ?? new EnvKeyProvider({ key: MEK_HEX }),
  );
  const isAuthenticated = recordAuthenticationOf(dekStore) !== 'off';
  const dekCache = options.dekCache ?? new DekCache({ clock, maxEntries: ENTRIES, ...cache });
  const encryptor = createFieldEncryptor({
    product: PRODUCT,
    clock,
    ...(sharedRecordKey !== undefined && !isAuthenticated && { recordKey: sharedRecordKey }),
    ...options,
    dekCache,
    dekStore,
    keyProviders: [keyProvider, ...(options.keyProviders ?? []).slice(1)],
  });
  return { encryptor, clock, memory, store, provider, dekStore, keyProvider, dekCache };
}

/** Encrypts whatever a test makes up. */
export async function encryptAny(
  encryptor: FieldEncryptor,
  document: unknown,
  definition: AnyDefinition = note,
): Promise<Loose> {
  secretWatch.secrets.addDocument(document);
  return encryptor.encryptDocument(definition, document as StoredDocument<typeof definition>);
}

/** Decrypts whatever a test makes up. */
export async function decryptAny(
  encryptor: FieldEncryptor,
  stored: unknown,
  definition: AnyDefinition = note,
): Promise<Loose> {
  secretWatch.secrets.addDocument(stored);
  return encryptor.decryptDocument(definition, stored as StoredDocument<typeof definition>);
}

/** A definition whose paths are made up at run time, so that they cannot be types. */
export function looseDefinition(
  collection: unknown,
  key: unknown,
  fields: unknown,
): ReturnType<ReturnType<typeof defineDocument<Record<string, string>>>> {
  return defineDocument<Record<string, string>>()({ collection, key, fields } as never);
}

/** The envelope at a property of a stored document. */
export function envelopeAt(stored: Loose, property: string): Envelope {
  return stored[property] as Envelope;
}

export async function sealed(encryptor: FieldEncryptor, body: unknown): Promise<Envelope> {
  return envelopeAt(await encryptAny(encryptor, { ...KEY, body }), 'body');
}

/** Everything in a store, etags included: equal before and after if nothing was written. */
export async function contentsOf(store: DekStore, product: string = PRODUCT): Promise<unknown> {
  const { items } = await store.list({ product }, { pageSize: 10_000 });
  return { items, rotation: await readRotationItem(store, product) };
}

export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const name of Reflect.ownKeys(value)) freezeDeep((value as Loose)[name as string]);
  // A typed array with elements cannot be frozen.
  return ArrayBuffer.isView(value) ? value : Object.freeze(value);
}
