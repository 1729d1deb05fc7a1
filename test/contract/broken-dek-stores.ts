import type { DekRow } from '../../src/adapters.js';
import { StoreError } from '../../src/index.js';
import { brokenCells } from './broken-cells.js';
import {
  hasErrorCode,
  pick,
  withoutSignal,
  type Breakage,
  type Call,
  type Calls,
  type PageLike,
  type StoredLike,
} from './broken-methods.js';
import { BROKEN_DEK_ITEMS } from './broken-dek-items.js';
import { BROKEN_DEK_LISTINGS } from './broken-dek-listings.js';

const READS = ['get', 'getMany', 'listScope', 'list', 'count', 'getItem', 'listItems'] as const;
const WRITES = ['create', 'createItem'] as const;
const REPLACES = ['replace', 'replaceItem', 'deleteItem'] as const;

const EMPTY: Readonly<Record<(typeof READS)[number], unknown>> = {
  get: undefined,
  getMany: new Map(),
  listScope: [],
  list: { items: [] },
  count: 0,
  getItem: undefined,
  listItems: { items: [] },
};

type Change = (own: Call, ...args: readonly unknown[]) => Promise<unknown>;

function change(name: string, by: Change): Breakage['methods'] {
  return (own) => ({ [name]: (...args) => by(pick(own, name), ...args) });
}

function changeAll(names: readonly string[], by: Change): Breakage['methods'] {
  return (own) => Object.assign({}, ...names.map((name) => change(name, by)(own))) as Calls;
}

/** Every string of what a read gives, changed. */
function mapStrings(value: unknown, by: (text: string) => string): unknown {
  const isText = (_: string, each: unknown) => (typeof each === 'string' ? by(each) : each);
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value, isText));
}

const rowOf = (item: StoredLike) => item.value as DekRow;

export const BROKEN_DEK_STORES: readonly Breakage[] = [
  ...brokenCells({
    create: 'create',
    get: 'get',
    replace: 'replace',
    keyOf: (row) => [(row as DekRow).id],
    rules: { create: 'S1', get: 'S2', replace: 'S5', etag: 'S6' },
  }),
  ...brokenCells({
    create: 'createItem',
    get: 'getItem',
    replace: 'replaceItem',
    keyOf: (item) => [(item as DekRow).scopeId, (item as DekRow).id],
    rules: { create: 'S9', get: 'S9', replace: 'S9', etag: 'S9' },
  }),
  ...BROKEN_DEK_LISTINGS,
  ...BROKEN_DEK_ITEMS,
  {
    rule: 'S1',
    name: 'a tombstone may be overwritten',
    methods: (own) => ({
      create: async (row) => {
        const stored = (await pick(own, 'get')((row as DekRow).id)) as StoredLike | undefined;
        return stored && rowOf(stored).state === 'shredded'
          ? pick(own, 'replace')(row, stored.etag)
          : pick(own, 'create')(row);
      },
    }),
  },
  {
    rule: 'S1',
    name: 'a scope holds one row',
    methods: (own) => ({
      create: async (row, options) => {
        const rows = (await pick(own, 'listScope')((row as DekRow).scopeId)) as unknown[];
        if (rows.length > 0) throw new StoreError('ALREADY_EXISTS', 'one is enough');
        return pick(own, 'create')(row, options);
      },
    }),
  },
  ...READS.map((name) => ({
    rule: 'S2',
    name: `a failed ${name} is taken for "nothing there"`,
    methods: change(name, (own, ...args) =>
      own(...args).catch((error: unknown) => {
        if (hasErrorCode(error, 'ETAG_MISMATCH') || !(error instanceof Error)) throw error;
        return EMPTY[name];
      }),
    ),
  })),
  {
    rule: 'S2',
    name: 'get finds by the beginning of an id',
    methods: (own) => ({
      get: async (dekId, options) => {
        const stored = await pick(own, 'get')(dekId, options);
        if (stored) return stored;
        const rows = (await pick(own, 'listScope')(String(dekId).slice(0, 32))) as StoredLike[];
        return rows.find((item) => rowOf(item).id[33] === String(dekId)[33]) ?? rows.at(0);
      },
    }),
  },
  {
    rule: 'S3',
    name: 'getMany gives undefined for ids that it does not find',
    methods: change('getMany', async (own, dekIds, options) => {
      const found = (await own(dekIds, options)) as Map<string, unknown>;
      return new Map((dekIds as string[]).map((id) => [id, found.get(id)]));
    }),
  },
  {
    rule: 'S3',
    name: 'getMany reads the first 1 000 ids alone',
    methods: change('getMany', (own, dekIds, options) =>
      own((dekIds as string[]).slice(0, 1_000), options),
    ),
  },
  {
    rule: 'S3',
    name: 'getMany loses the order of rows and ids',
    methods: change('getMany', async (own, dekIds, options) => {
      const found = (await own(dekIds, options)) as Map<string, unknown>;
      return new Map([...found.keys()].map((id, at) => [id, [...found.values()].at(at - 1)]));
    }),
  },
  {
    rule: 'S4',
    name: 'listScope hides tombstones',
    methods: change('listScope', async (own, ...args) => {
      const rows = (await own(...args)) as StoredLike[];
      return rows.filter((item) => rowOf(item).state !== 'shredded');
    }),
  },
  {
    rule: 'S4',
    name: 'listScope gives the rows of every scope',
    methods: (own) => ({
      listScope: async () => {
        const page = (await pick(own, 'list')({ product: 'sample' })) as PageLike;
        return page.items;
      },
    }),
  },
  {
    rule: 'S4',
    name: 'listScope gives the first 100 rows',
    methods: change('listScope', async (own, ...args) =>
      ((await own(...args)) as StoredLike[]).slice(0, 100),
    ),
  },
  {
    rule: 'S5',
    name: 'replace keeps properties of the row before it',
    methods: (own) => ({
      replace: async (row, etag, options) => {
        const stored = (await pick(own, 'get')((row as DekRow).id)) as StoredLike | undefined;
        return pick(own, 'replace')(
          { ...(stored && rowOf(stored)), ...(row as DekRow) },
          etag,
          options,
        );
      },
    }),
  },
  {
    rule: 'S5',
    name: 'replace takes the etag of any row of the scope',
    methods: (own) => ({
      replace: async (row, etag, options) => {
        const rows = (await pick(own, 'listScope')((row as DekRow).scopeId)) as StoredLike[];
        const stored = rows.find((item) => rowOf(item).id === (row as DekRow).id);
        const isKnown = rows.some((item) => item.etag === etag);
        return pick(own, 'replace')(row, isKnown ? stored?.etag : etag, options);
      },
    }),
  },
  {
    rule: 'S6',
    name: 'get writes its etag in another way than list',
    methods: change('getMany', async (own, ...args) => {
      const found = (await own(...args)) as Map<string, StoredLike>;
      return new Map([...found].map(([id, item]) => [id, { ...item, etag: `W/${item.etag}` }]));
    }),
  },
  ...(
    [
      ['cut at U+0000', (text: string) => text.split('\u0000')[0] ?? ''],
      ['normalised', (text: string) => text.normalize('NFC')],
      ['trimmed', (text: string) => text.trim()],
      ['stripped of quotes', (text: string) => text.replaceAll('"', '')],
    ] as const
  ).map(([how, by]) => ({
    rule: 'S10',
    name: `strings come back ${how}`,
    methods: changeAll(['get', 'getItem', 'listScope'], async (own, ...args) =>
      mapStrings(await own(...args), by),
    ),
  })),
  {
    rule: 'S10',
    name: 'get hands out its own copy',
    methods: (own) => {
      const copies = new Map<string, unknown>();
      return {
        get: async (dekId, options) => {
          const stored = (await pick(own, 'get')(dekId, options)) as StoredLike | undefined;
          if (!stored) return undefined;
          const known = copies.get(stored.etag) ?? stored;
          copies.set(stored.etag, known);
          return known;
        },
      };
    },
  },
  ...[...READS, ...WRITES, ...REPLACES].map((name) => ({
    rule: 'S12',
    name: `${name} ignores the signal`,
    methods: change(name, (own, ...args) => own(...withoutSignal(args))),
  })),
  ...[...WRITES, ...REPLACES].map((name) => ({
    rule: 'S12',
    name: `${name} looks at the signal after it wrote`,
    methods: change(name, async (own, ...args) => {
      const answer = await own(...withoutSignal(args));
      (args.at(-1) as { signal?: AbortSignal } | undefined)?.signal?.throwIfAborted();
      return answer;
    }),
  })),
  {
    rule: 'S12',
    name: 'get rejects with an error of its own',
    methods: change('get', (own, ...args) =>
      own(...args).catch(() => {
        throw new Error('aborted');
      }),
    ),
  },
  ...[NaN, -1, Infinity, 3_600_001, '3000', null].map((lag) => ({
    rule: 'S13',
    name: `readLagMs says ${typeof lag} ${String(lag)}`,
    methods: () => ({ readLagMs: honouring(() => Promise.resolve(lag)) }),
  })),
  {
    rule: 'S13',
    name: 'a lag that cannot be found out is taken for none',
    methods: (own) => ({
      readLagMs: honouring(() =>
        pick(
          own,
          'count',
        )({ product: 'sample' }).then(
          () => 3_000,
          () => 0,
        ),
      ),
    }),
  },
  {
    rule: 'S12',
    name: 'readLagMs ignores the signal',
    methods: () => ({ readLagMs: () => Promise.resolve(3_000) }),
  },
];

/** A call that looks at its signal first. */
function honouring(call: Call): Call {
  return async (...args) => {
    (args.at(-1) as { signal?: AbortSignal } | undefined)?.signal?.throwIfAborted();
    return call(...args);
  };
}
