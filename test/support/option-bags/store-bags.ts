/** Options of the methods of stores: all stores of the package read them alike. @module */
import Database from 'libsql';
import { CosmosDekStore, CosmosDocumentStore } from '../../../src/azure/cosmos/index.js';
import { authenticateRecords, type DekStore, type DocumentStore } from '../../../src/index.js';
import { SqliteDekStore, SqliteDocumentStore } from '../../../src/sqlite/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../../src/testing/index.js';
import { sampleLease, sampleRow } from '../../../src/testing/sample-items.js';
import { NONE, type OptionBag } from './option-bag.js';

const RECORD_KEY = 'f0e4c2f76c58916ec258f246851bea091d14d4247a2fc3e18694461b1816e13b';
const CALL = ['signal', 'onRequestCharge'];
const LIST = ['pageSize', 'continuation', ...CALL];

/** There before a call. */
const [ROW, ITEM, DOCUMENT] = [sampleRow(), sampleLease(), { workspaceId: 'w1', id: 'n1' }];
const { scopeId, id, product } = ITEM;

interface Etags {
  readonly row: string;
  readonly item: string;
}

type CallOf<Store> = (store: Store, options: never, etags: Etags) => Promise<unknown>;

const DEK_CALLS: Readonly<Record<string, CallOf<DekStore>>> = {
  create: (store, options) => store.create(sampleRow({ generation: 2 }), options),
  get: (store, options) => store.get(ROW.id, options),
  getMany: (store, options) => store.getMany([ROW.id], options),
  listScope: (store, options) => store.listScope(ROW.scopeId, options),
  replace: (store, options, { row }) => store.replace(ROW, row, options),
  list: (store, options) => store.list({ product }, options),
  count: (store, options) => store.count({ product }, options),
  createItem: (store, options) => store.createItem(sampleLease(product, 'other'), options),
  getItem: (store, options) => store.getItem(scopeId, id, options),
  replaceItem: (store, options, { item }) => store.replaceItem(ITEM, item, options),
  deleteItem: (store, options, { item }) => store.deleteItem(scopeId, id, item, options),
  listItems: (store, options) => store.listItems(scopeId, options),
  listProducts: async (store, options) => store.listProducts?.(options),
};

const DOCUMENT_CALLS: Readonly<Record<string, CallOf<DocumentStore>>> = {
  create: (store, options) => store.create({ ...DOCUMENT, id: 'n2' }, options),
  get: (store, options) => store.get(DOCUMENT, options),
  replace: (store, options, { row }) => store.replace(DOCUMENT, row, options),
  delete: (store, options, { row }) => store.delete(DOCUMENT, row, options),
  list: (store, options) => store.list(options),
  count: (store, options) => store.count(options),
};

const dekStores = (): readonly DekStore[] => [
  new MemoryDekStore(),
  new SqliteDekStore(new Database(':memory:')),
  authenticateRecords(new MemoryDekStore(), { recordKey: RECORD_KEY }),
];

const documentStores = (): readonly DocumentStore[] => [
  new MemoryDocumentStore({ key: ['workspaceId', 'id'] }),
  new SqliteDocumentStore(new Database(':memory:'), { table: 'notes', key: ['workspaceId', 'id'] }),
];

async function dekEtags(store: DekStore): Promise<Etags> {
  return { row: (await store.create(ROW)).etag, item: (await store.createItem(ITEM)).etag };
}

async function documentEtags(store: DocumentStore): Promise<Etags> {
  return { row: (await store.create(DOCUMENT)).etag, item: '' };
}

/** The error of all, or of none. */
async function alike(calls: readonly (() => Promise<unknown>)[]): Promise<void> {
  const outcomes = await Promise.allSettled(calls.map(async (call) => call()));
  const errors = outcomes.map(
    (each) => (each.status === 'rejected' ? each.reason : undefined) as unknown,
  );
  const texts = new Set(errors.map(String));
  if (texts.size > 1) throw new Error(`The stores differ: ${[...texts].join('; ')}`);
  if (errors[0] !== undefined) throw errors[0] as Error;
}

interface Family<Store> {
  readonly stores: () => readonly Store[];
  readonly etags: (store: Store) => Promise<Etags>;
  /** Over a container that answers nothing: options are refused before it is asked. */
  readonly cosmos: () => Store;
}

const DEK_STORES: Family<DekStore> = {
  stores: dekStores,
  etags: dekEtags,
  cosmos: () => new CosmosDekStore({} as never),
};

const DOCUMENT_STORES: Family<DocumentStore> = {
  stores: documentStores,
  etags: documentEtags,
  cosmos: () => new CosmosDocumentStore({} as never, { partitionKey: 'workspaceId' }),
};

async function onAll<Store>(
  { stores, etags, cosmos }: Family<Store>,
  call: (store: Store, etags: Etags) => Promise<unknown>,
): Promise<void> {
  try {
    await alike(stores().map((store) => async () => call(store, await etags(store))));
  } catch (error) {
    const again = (): never => {
      throw error as Error;
    };
    await alike([again, () => call(cosmos(), { row: 'row', item: 'item' })]);
  }
}

function bagsOf<Store>(
  of: string,
  calls: Readonly<Record<string, CallOf<Store>>>,
  family: Family<Store>,
): readonly OptionBag[] {
  return Object.entries(calls).map(([method, call]) => ({
    of: `${of}.${method}`,
    needed: NONE,
    optional: optionsOf(`${of}.${method}`),
    use: (options) => onAll(family, (store, etags) => call(store, options, etags)),
  }));
}

function optionsOf(of: string): readonly string[] {
  if (of === 'DocumentStore.list') return [...LIST, 'prefix'];
  return of.includes('.list') && !of.endsWith('Scope') && !of.endsWith('Products') ? LIST : CALL;
}

export const STORE_BAGS: readonly OptionBag[] = [
  ...bagsOf('DekStore', DEK_CALLS, DEK_STORES),
  ...bagsOf('DocumentStore', DOCUMENT_CALLS, DOCUMENT_STORES),
  ...(['list', 'count'] as const).map((method): OptionBag => ({
    of: `DekStore.${method}`,
    owner: 'filter',
    needed: () => ({ product }),
    optional: ['mekVersion', 'idFrom', 'idBefore'],
    use: (filter) => onAll(DEK_STORES, (store) => store[method](filter)),
  })),
];
