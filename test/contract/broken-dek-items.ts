import type { DekStoreItem, ListDekRowsOptions } from '../../src/adapters.js';
import { StoreError } from '../../src/index.js';
import {
  later,
  pick,
  type Breakage,
  type Calls,
  type PageLike,
  type StoredLike,
} from './broken-methods.js';

const lost = new StoreError('ETAG_MISMATCH', 'lost');

type Delete = (
  own: Calls,
  key: readonly [scopeId: string, id: string],
  etag: string,
  options: unknown,
) => Promise<unknown>;

function deleting(name: string, by: Delete): Breakage {
  return {
    rule: 'S14',
    name,
    methods: (own) => ({
      deleteItem: (scopeId, id, etag, options) =>
        by(own, [String(scopeId), String(id)], String(etag), options),
    }),
  };
}

async function newest(own: Calls, key: readonly [string, string]): Promise<StoredLike | undefined> {
  return (await pick(own, 'getItem')(...key)) as StoredLike | undefined;
}

type List = (scopeId: string, options: ListDekRowsOptions) => Promise<PageLike>;

function listing(name: string, listOf: (own: List) => List): Breakage {
  return {
    rule: 'S15',
    name,
    methods: (own) => {
      const ownList: List = async (scopeId, options) =>
        (await pick(own, 'listItems')(scopeId, options)) as PageLike;
      const list = listOf(ownList);
      return { listItems: (scopeId, options) => list(String(scopeId), options ?? {}) };
    },
  };
}

const idOf = ({ value }: StoredLike) => (value as DekStoreItem).id;

export const BROKEN_DEK_ITEMS: readonly Breakage[] = [
  {
    rule: 'S9',
    name: 'items of one id share a place, whatever their scope',
    methods: (own) => {
      const inOne = (item: unknown) => ({ ...(item as DekStoreItem), scopeId: 'rotation:shared' });
      return {
        getItem: (scopeId, id, options) =>
          pick(own, 'getItem')(id === 'rotation' ? 'rotation:shared' : scopeId, id, options),
        createItem: (item, options) =>
          pick(own, 'createItem')(
            (item as DekStoreItem).id === 'rotation' ? inOne(item) : item,
            options,
          ),
      };
    },
  },
  {
    rule: 'S9',
    name: 'all leases of a scope share a place',
    methods: (own) => {
      const idIn = (id: unknown) => (String(id).startsWith('lease:') ? 'lease:shared' : id);
      const inOne = (item: unknown) => ({
        ...(item as DekStoreItem),
        id: idIn((item as DekStoreItem).id),
      });
      return {
        getItem: (scopeId, id, options) => pick(own, 'getItem')(scopeId, idIn(id), options),
        createItem: (item, options) => pick(own, 'createItem')(inOne(item), options),
        replaceItem: (item, etag, options) => pick(own, 'replaceItem')(inOne(item), etag, options),
      };
    },
  },
  {
    rule: 'S9',
    name: 'a proposal is kept where its member is',
    methods: (own) => ({
      getItem: async (scopeId, id, options) =>
        id === 'proposal'
          ? pick(own, 'getItem')(scopeId, 'member:m-1', options)
          : pick(own, 'getItem')(scopeId, id, options),
    }),
  },
  deleting('deleteItem ignores the etag', async (own, key, etag, options) =>
    pick(own, 'deleteItem')(...key, (await newest(own, key))?.etag ?? etag, options),
  ),
  deleting('deleteItem takes * for any etag', async (own, key, etag, options) => {
    const current = etag === '*' ? (await newest(own, key))?.etag : etag;
    return pick(own, 'deleteItem')(...key, current, options);
  }),
  deleting('deleteItem of what is gone succeeds', async (own, key, etag, options) => {
    if (await newest(own, key)) await pick(own, 'deleteItem')(...key, etag, options);
  }),
  deleting('deleteItem compares first and removes later', async (own, key, etag, options) => {
    if ((await newest(own, key))?.etag !== etag) throw lost;
    await later();
    const now = await newest(own, key);
    if (now) await pick(own, 'deleteItem')(...key, now.etag, options);
  }),
  deleting('deleteItem says that it removed, and did not', async (own, key, etag) => {
    if ((await newest(own, key))?.etag !== etag) throw lost;
  }),
  deleting('deleteItem removes the whole scope', async (own, key, etag, options) => {
    await pick(own, 'deleteItem')(...key, etag, options);
    const page = (await pick(own, 'listItems')(key[0])) as PageLike;
    for (const item of page.items) {
      await pick(own, 'deleteItem')(key[0], idOf(item), item.etag, options);
    }
  }),
  {
    rule: 'S14',
    name: 'a deleted item is hidden, and cannot be created again',
    methods: (own) => {
      const gone = new Set<string>();
      return {
        createItem: (item, options) => {
          if (gone.has((item as DekStoreItem).id)) throw new StoreError('ALREADY_EXISTS', 'gone');
          return pick(own, 'createItem')(item, options);
        },
        deleteItem: async (scopeId, id, etag, options) => {
          await pick(own, 'deleteItem')(scopeId, id, etag, options);
          gone.add(String(id));
        },
      };
    },
  },
  {
    rule: 'S14',
    name: 'etags begin anew after a delete',
    methods: (own) => {
      const numbers = new Map<string, string>();
      const given = (stored: StoredLike | undefined) =>
        stored && { ...stored, etag: numbers.get(stored.etag) ?? stored.etag };
      const ownEtag = async (key: readonly [string, string], etag: unknown) => {
        const stored = await newest(own, key);
        return stored && given(stored)?.etag === etag ? stored.etag : 'none';
      };
      return {
        createItem: async (item, options) => {
          const stored = (await pick(own, 'createItem')(item, options)) as StoredLike;
          numbers.set(stored.etag, `first of ${(item as DekStoreItem).id}`);
          return given(stored);
        },
        getItem: async (...args) =>
          given((await pick(own, 'getItem')(...args)) as StoredLike | undefined),
        replaceItem: async (item, etag, options) => {
          const { scopeId, id } = item as DekStoreItem;
          return pick(own, 'replaceItem')(item, await ownEtag([scopeId, id], etag), options);
        },
        deleteItem: async (scopeId, id, etag, options) => {
          const newestEtag = await ownEtag([String(scopeId), String(id)], etag);
          return pick(own, 'deleteItem')(scopeId, id, newestEtag, options);
        },
      };
    },
  },
  listing('listItems loses the last item of a full page', (own) => async (scopeId, options) => {
    const page = await own(scopeId, options);
    return page.continuation ? { ...page, items: page.items.slice(0, -1) } : page;
  }),
  listing('listItems gives the first page alone', (own) => async (scopeId, options) => {
    const { items } = await own(scopeId, options);
    return { items };
  }),
  listing(
    'listItems gives everything at once',
    (own) => (scopeId, options) => own(scopeId, { ...options, pageSize: 10_000 }),
  ),
  listing(
    'listItems gives 1 000 items a page unless told otherwise',
    (own) => (scopeId, options) => own(scopeId, { pageSize: 1_000, ...options }),
  ),
  listing('listItems pages by position', (own) => async (scopeId, options) => {
    const { pageSize = 100, continuation = '0' } = options;
    const { items } = await own(scopeId, { signal: options.signal, pageSize: 10_000 });
    const from = Number(continuation);
    const next = from + pageSize;
    const page = items.slice(from, next);
    return { items: page, ...(next < items.length && { continuation: String(next) }) };
  }),
  listing('listItems gives leases alone', (own) => async (scopeId, options) => {
    const page = await own(scopeId, options);
    return { ...page, items: page.items.filter((item) => idOf(item).startsWith('lease:')) };
  }),
  listing('listItems compares scopes without case', (own) => {
    const scopes = new Set<string>();
    return async (scopeId, options) => {
      scopes.add(scopeId);
      const same = [...scopes].filter((each) => each.toLowerCase() === scopeId.toLowerCase());
      const pages = await Promise.all(same.map((each) => own(each, options)));
      return { ...pages.at(-1), items: pages.flatMap(({ items }) => items) };
    };
  }),
  listing('a continuation of listItems serves once', (own) => {
    const served = new Set<string>();
    return async (scopeId, options) => {
      const { continuation } = options;
      if (continuation !== undefined && served.has(continuation)) return { items: [] };
      if (continuation !== undefined) served.add(continuation);
      return own(scopeId, options);
    };
  }),
  {
    rule: 'S16',
    name: 'the products of rows are listed too',
    methods: (own) => ({
      listProducts: async () => {
        const listed = (await pick(own, 'listProducts')()) as readonly string[];
        return listed.length === 0 ? listed : [...listed, 'sample'];
      },
    }),
  },
  {
    rule: 'S16',
    name: 'every product is listed, however many there are',
    methods: (own) => {
      const products: string[] = [];
      return {
        createItem: (item, options) => {
          const { id, product } = item as DekStoreItem;
          if (id === 'rotation') products.push(product);
          return pick(own, 'createItem')(item, options);
        },
        listProducts: () => Promise.resolve(products),
      };
    },
  },
];
