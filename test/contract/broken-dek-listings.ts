import type { DekRow, DekRowFilter, ListDekRowsOptions } from '../../src/adapters.js';
import {
  pick,
  type Breakage,
  type Calls,
  type PageLike,
  type StoredLike,
} from './broken-methods.js';

/** Type, scope and id of one item of each known type that is no row. */
const NO_ROWS = [
  ['rotation', 'rotation', 'rotation'],
  ['lease', 'lease', 'lease:notes'],
  ['reencryption', 'lease', 'reencryption:notes'],
  ['definition', 'definition', 'definition:notes'],
  ['member', 'member', 'member:m-1'],
  ['proposal', 'member', 'proposal'],
] as const;

const rowOf = (item: StoredLike) => item.value as DekRow;
const idOf = (item: StoredLike) => rowOf(item).id;

type List = (filter: DekRowFilter, options: ListDekRowsOptions) => Promise<PageLike>;

function ownList(own: Calls): List {
  return async (filter, options) => (await pick(own, 'list')(filter, options)) as PageLike;
}

function broken(name: string, listOf: (own: List, calls: Calls) => List, rule = 'S7'): Breakage {
  return {
    rule,
    name,
    methods: (own) => {
      const list = listOf(ownList(own), own);
      return {
        list: (filter, options) => list(filter as DekRowFilter, options ?? {}),
      };
    },
  };
}

/** Everything at once, then cut into pages by position. */
function byOffset(order: (one: StoredLike, other: StoredLike) => number): (own: List) => List {
  return (own) =>
    async (filter, { pageSize = 100, continuation = '0' }) => {
      const { items } = await own(filter, { pageSize: 10_000 });
      const from = Number(continuation);
      const page = [...items].sort(order).slice(from, from + pageSize);
      const next = from + pageSize;
      return { items: page, ...(next < items.length && { continuation: String(next) }) };
    };
}

/** `count` and `list` under another filter than the one asked for. */
function filtering(name: string, by: (filter: DekRowFilter) => DekRowFilter): Breakage {
  return {
    rule: 'S8',
    name,
    methods: (own) => ({
      list: (filter, options) => pick(own, 'list')(by(filter as DekRowFilter), options),
      count: (filter, options) => pick(own, 'count')(by(filter as DekRowFilter), options),
    }),
  };
}

/** All products at once, told apart by another comparison than that of bytes. */
function comparingProducts(name: string, normalise: (product: string) => string): Breakage {
  return {
    rule: 'S8',
    name,
    methods: (own) => {
      const products = new Set<string>();
      return {
        create: (row, options) => {
          products.add((row as DekRow).product);
          return pick(own, 'create')(row, options);
        },
        count: async (filter, options) => {
          const { product } = filter as DekRowFilter;
          const same = [...products].filter((each) => normalise(each) === normalise(product));
          const counts = same.map((each) =>
            pick(own, 'count')({ ...(filter as DekRowFilter), product: each }, options),
          );
          return ((await Promise.all(counts)) as number[]).reduce((sum, each) => sum + each, 0);
        },
      };
    },
  };
}

export const BROKEN_DEK_LISTINGS: readonly Breakage[] = [
  broken('list loses the last row of a full page', (own) => async (filter, options) => {
    const page = await own(filter, options);
    return page.continuation ? { ...page, items: page.items.slice(0, -1) } : page;
  }),
  broken('list gives the first page alone', (own) => async (filter, options) => {
    const { items } = await own(filter, options);
    return { items };
  }),
  broken('list gives everything at once', (own) => (filter) => own(filter, { pageSize: 10_000 })),
  broken(
    'list gives 1 000 rows a page unless told otherwise',
    (own) => (filter, options) => own(filter, { pageSize: 1_000, ...options }),
  ),
  broken('list never ends', (own) => async (filter, options) => {
    const page = await own(filter, options);
    return { continuation: options.continuation ?? '', ...page };
  }),
  broken('list fails where there is nothing', (own) => async (filter, options) => {
    const page = await own(filter, options);
    if (page.items.length === 0) throw new Error('no rows');
    return page;
  }),
  broken(
    'list pages by position in order of id',
    byOffset((one, other) => (idOf(one) < idOf(other) ? -1 : 1)),
  ),
  broken(
    'list pages by position in order of the last write',
    byOffset((one, other) => Number(one.etag.slice(1, -1)) - Number(other.etag.slice(1, -1))),
  ),
  broken('a continuation serves once', (own) => {
    const served = new Set<string>();
    return async (filter, options) => {
      const { continuation } = options;
      if (continuation !== undefined && served.has(continuation)) return { items: [] };
      if (continuation !== undefined) served.add(continuation);
      return own(filter, options);
    };
  }),
  ...NO_ROWS.map(([type, scope, id]) =>
    broken(`list gives items of the type ${type}`, (own, calls) => async (filter, options) => {
      const page = await own(filter, options);
      const item = (await pick(calls, 'getItem')(`${scope}:${filter.product}`, id)) as
        StoredLike | undefined;
      return item && !page.continuation ? { ...page, items: [...page.items, item] } : page;
    }),
  ),
  broken('list leaves out whatever says that it is no row', (own) => async (filter, options) => {
    const page = await own(filter, options);
    const types = NO_ROWS.map(([type]) => type as string);
    return { ...page, items: page.items.filter((item) => !types.includes(rowOf(item).type)) };
  }),
  broken('list leaves out items of an unknown type', (own) => async (filter, options) => {
    const page = await own(filter, options);
    return { ...page, items: page.items.filter((item) => (rowOf(item).type as string) === 'dek') };
  }),
  broken('list gives what was written, cut at U+0000', (own) => async (filter, options) => {
    const page = await own(filter, options);
    const items = page.items.map((item) => ({ ...item, value: { ...rowOf(item), scope: [] } }));
    return { ...page, items };
  }),
  filtering('the version is ignored', (filter) => ({ ...filter, mekVersion: undefined })),
  filtering('the beginning of the range is ignored', (filter) => ({
    ...filter,
    idFrom: undefined,
  })),
  filtering('the end of the range is ignored', (filter) => ({ ...filter, idBefore: undefined })),
  filtering('the range ends with its last id', ({ idBefore, ...filter }) => ({
    ...filter,
    ...(idBefore !== undefined && { idBefore: `${idBefore}\uffff` }),
  })),
  filtering('the range begins after its first id', ({ idFrom, ...filter }) => ({
    ...filter,
    ...(idFrom !== undefined && { idFrom: `${idFrom}\u0000` }),
  })),
  {
    rule: 'S8',
    name: 'count ignores everything but the product',
    methods: (own) => ({
      count: (filter) => pick(own, 'count')({ product: (filter as DekRowFilter).product }),
    }),
  },
  {
    rule: 'S8',
    name: 'count counts rotation records',
    methods: (own) => ({
      count: async (filter, options) => {
        const { product } = filter as DekRowFilter;
        const record = await pick(own, 'getItem')(`rotation:${product}`, 'rotation');
        return Number(await pick(own, 'count')(filter, options)) + (record ? 1 : 0);
      },
    }),
  },
  {
    rule: 'S8',
    name: 'count leaves out whatever says that it is no row',
    methods: (own) => ({
      count: async (filter, options) => {
        const page = (await pick(own, 'list')(filter, options)) as PageLike;
        const types = NO_ROWS.map(([type]) => type as string);
        return page.items.filter((item) => !types.includes(rowOf(item).type)).length;
      },
    }),
  },
  {
    rule: 'S8',
    name: 'rows are found under the version that they were created with',
    methods: (own) => {
      const versions = new Map<string, unknown>();
      return {
        create: (row, options) => {
          const { id, mekVersion } = row as DekRow & { mekVersion?: string };
          versions.set(id, mekVersion);
          return pick(own, 'create')(row, options);
        },
        count: async (filter, options) => {
          const { mekVersion, ...rest } = filter as DekRowFilter;
          const page = (await pick(own, 'list')(rest, options)) as PageLike;
          const isAsked = (id: string) =>
            mekVersion === undefined || versions.get(id) === mekVersion;
          return page.items.filter((item) => isAsked(idOf(item))).length;
        },
      };
    },
  },
  comparingProducts('products are compared without case', (text) => text.toLowerCase()),
  comparingProducts('products are compared without end spaces', (text) => text.trimEnd()),
  comparingProducts('products are compared up to U+0000', (text) => text.split('\u0000')[0] ?? ''),
  comparingProducts('products are compared normalised', (text) => text.normalize('NFC')),
];
