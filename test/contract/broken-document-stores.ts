import type { ListDocumentsOptions } from '../../src/adapters.js';
import { StoreError } from '../../src/index.js';
import { brokenCells } from './broken-cells.js';
import { BROKEN_DOCUMENT_KEYS } from './broken-document-keys.js';
import {
  pick,
  withoutSignal,
  type Breakage,
  type PageLike,
  type StoredLike,
} from './broken-methods.js';

const READS = ['get', 'list', 'count'] as const;
const WRITES = ['create', 'replace', 'delete'] as const;
const EMPTY = { get: undefined, list: { items: [] }, count: 0 } as const;

type List = (options: ListDocumentsOptions) => Promise<PageLike>;
type Properties = Record<string, unknown>;

const lost = new StoreError('ETAG_MISMATCH', 'lost');
const documentOf = (item: StoredLike) => item.document as Properties;

function brokenList(name: string, listOf: (own: List) => List): Breakage {
  return {
    rule: 'D6',
    name,
    methods: (own) => {
      const list = listOf(async (options) => (await pick(own, 'list')(options)) as PageLike);
      return { list: (options) => list(options ?? {}) };
    },
  };
}

function byOffset(order: (one: StoredLike, other: StoredLike) => number): (own: List) => List {
  return (own) =>
    async ({ pageSize = 100, continuation = '0' }) => {
      const { items } = await own({ pageSize: 10_000 });
      const from = Number(continuation);
      const page = [...items].sort(order).slice(from, from + pageSize);
      const next = from + pageSize;
      return { items: page, ...(next < items.length && { continuation: String(next) }) };
    };
}

/** Documents written through a codec that does not keep everything. */
function losing(name: string, by: (document: Properties) => unknown): Breakage {
  return {
    rule: 'D8',
    name,
    methods: (own) => ({
      create: (document, options) => pick(own, 'create')(by(document as Properties), options),
    }),
  };
}

const texts = (value: unknown, by: (text: string) => string): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, each: unknown) => (typeof each === 'string' ? by(each) : each)),
  ) as unknown;

/** Lists everything, and filters each page by what it does with the prefix. */
function filtering(
  name: string,
  isListed: (prefix: Properties, document: Properties) => boolean,
): Breakage {
  return {
    rule: 'D11',
    name,
    methods: (own) => ({
      list: async (options) => {
        const { prefix, ...rest } = (options ?? {}) as ListDocumentsOptions;
        const page = (await pick(own, 'list')(rest)) as PageLike;
        if (!prefix) return page;
        return { ...page, items: page.items.filter((item) => isListed(prefix, documentOf(item))) };
      },
    }),
  };
}

const isIn = (prefix: Properties, document: Properties): boolean =>
  Object.entries(prefix).every(([part, value]) => document[part] === value);

const BROKEN_PREFIXES: readonly Breakage[] = [
  filtering('list ignores the prefix', () => true),
  filtering('list takes a longer key part for the prefix', (prefix, document) =>
    String(document['workspaceId']).startsWith(String(prefix['workspaceId'])),
  ),
  filtering('list compares the first part of the prefix alone', (prefix, document) =>
    isIn({ workspaceId: prefix['workspaceId'] }, document),
  ),
  filtering('list takes any property for a key part, and any continuation', isIn),
  {
    rule: 'D11',
    name: 'the second page forgets the prefix',
    methods: (own) => ({
      list: async (options) => {
        const { prefix, ...rest } = (options ?? {}) as ListDocumentsOptions;
        const { continuation = '' } = rest;
        if (!continuation.startsWith('later:')) {
          const page = (await pick(own, 'list')(options)) as PageLike;
          const [last] = page.items.slice(-1);
          if (!prefix || page.continuation === undefined || !last) return page;
          const { workspaceId, id } = documentOf(last);
          return { ...page, continuation: `later:${JSON.stringify([workspaceId, id])}` };
        }
        return pick(own, 'list')({ ...rest, continuation: continuation.slice('later:'.length) });
      },
    }),
  },
  {
    rule: 'D11',
    name: 'list leaves out a prefix part that is undefined',
    methods: (own) => ({
      list: (options) => {
        const { prefix = {}, ...rest } = (options ?? {}) as ListDocumentsOptions;
        const parts = Object.entries(prefix).filter(
          ([, value]) => (value as unknown) !== undefined,
        );
        const kept = parts.length > 0 && { prefix: Object.fromEntries(parts) };
        return pick(own, 'list')({ ...rest, ...kept });
      },
    }),
  },
];

export const BROKEN_DOCUMENT_STORES: readonly Breakage[] = [
  ...BROKEN_PREFIXES,
  ...brokenCells({
    create: 'create',
    get: 'get',
    replace: 'replace',
    keyOf: (document) => [document],
    rules: { create: 'D1', get: 'D2', replace: 'D3', etag: 'D5' },
  }),
  {
    rule: 'D1',
    name: 'a deleted document stays in the way',
    methods: (own) => {
      let hasDeleted = false;
      return {
        delete: async (...args) => {
          await pick(own, 'delete')(...args);
          hasDeleted = true;
        },
        create: (...args) => {
          if (hasDeleted) throw new StoreError('ALREADY_EXISTS', 'deleted');
          return pick(own, 'create')(...args);
        },
      };
    },
  },
  ...READS.map((name) => ({
    rule: 'D2',
    name: `a failed ${name} is taken for "nothing there"`,
    methods: (own: Parameters<Breakage['methods']>[0]) => ({
      [name]: (...args: readonly unknown[]) => pick(own, name)(...args).catch(() => EMPTY[name]),
    }),
  })),
  {
    rule: 'D2',
    name: 'get compares every property that it is given',
    methods: (own) => ({
      get: async (key, options) => {
        const stored = (await pick(own, 'get')(key, options)) as StoredLike | undefined;
        if (!stored) return undefined;
        const isSame = ([name, value]: [string, unknown]) =>
          JSON.stringify(documentOf(stored)[name]) === JSON.stringify(value);
        return Object.entries(key as Properties).every(isSame) ? stored : undefined;
      },
    }),
  },
  {
    rule: 'D3',
    name: 'replace merges',
    methods: (own) => ({
      replace: async (document, etag, options) => {
        const stored = (await pick(own, 'get')(document)) as StoredLike | undefined;
        const merged = { ...(stored && documentOf(stored)), ...(document as Properties) };
        return pick(own, 'replace')(merged, etag, options);
      },
    }),
  },
  {
    rule: 'D4',
    name: 'delete ignores the etag',
    methods: (own) => ({
      delete: async (key, etag, options) => {
        const stored = (await pick(own, 'get')(key)) as StoredLike | undefined;
        return pick(own, 'delete')(key, stored?.etag ?? etag, options);
      },
    }),
  },
  {
    rule: 'D4',
    name: 'delete of nothing succeeds',
    methods: (own) => ({
      delete: async (key, etag, options) => {
        if (!(await pick(own, 'get')(key))) return;
        await pick(own, 'delete')(key, etag, options);
      },
    }),
  },
  {
    rule: 'D4',
    name: 'delete does nothing',
    methods: () => ({ delete: () => Promise.resolve() }),
  },
  {
    rule: 'D4',
    name: 'delete removes more than it should',
    methods: (own) => ({
      delete: async (key, etag, options) => {
        await pick(own, 'delete')(key, etag, options);
        const { items } = (await pick(own, 'list')()) as PageLike;
        for (const item of items) await pick(own, 'delete')(item.document, item.etag);
      },
    }),
  },
  {
    rule: 'D5',
    name: 'etags count from 1 for each document, and again after it was deleted',
    methods: (own) => {
      const counts = new Map<string, { own: string; count: number }>();
      const keyOf = (key: unknown) =>
        JSON.stringify([(key as Properties)['workspaceId'], (key as Properties)['id']]);
      const wrote = (item: StoredLike) => {
        const key = keyOf(item.document);
        const count = (counts.get(key)?.count ?? 0) + 1;
        counts.set(key, { own: item.etag, count });
        return { ...item, etag: `v${String(count)}` };
      };
      const ownEtag = (key: unknown, etag: unknown) => {
        const known = counts.get(keyOf(key));
        if (!known || `v${String(known.count)}` !== etag) throw lost;
        return known.own;
      };
      const shown = (item: StoredLike | undefined) =>
        item && { ...item, etag: `v${String(counts.get(keyOf(item.document))?.count)}` };
      return {
        create: async (...args) => wrote((await pick(own, 'create')(...args)) as StoredLike),
        get: async (...args) => shown((await pick(own, 'get')(...args)) as StoredLike | undefined),
        replace: async (document, etag, options) => {
          const mine = ownEtag(document, etag);
          return wrote((await pick(own, 'replace')(document, mine, options)) as StoredLike);
        },
        delete: async (key, etag, options) => {
          await pick(own, 'delete')(key, ownEtag(key, etag), options);
          counts.delete(keyOf(key));
        },
      };
    },
  },
  {
    rule: 'D5',
    name: 'list gives etags of its own',
    methods: (own) => ({
      list: async (...args) => {
        const page = (await pick(own, 'list')(...args)) as PageLike;
        return { ...page, items: page.items.map((item) => ({ ...item, etag: 'page' })) };
      },
    }),
  },
  brokenList('list loses the last document of a full page', (own) => async (options) => {
    const page = await own(options);
    return page.continuation ? { ...page, items: page.items.slice(0, -1) } : page;
  }),
  brokenList('list gives everything at once', (own) => () => own({ pageSize: 10_000 })),
  brokenList(
    'list gives 1 000 documents a page unless told otherwise',
    (own) => (options) => own({ pageSize: 1_000, ...options }),
  ),
  brokenList('list fails where there is nothing', (own) => async (options) => {
    const page = await own(options);
    if (page.items.length === 0) throw new Error('no documents');
    return page;
  }),
  brokenList(
    'list pages by position in order of id',
    byOffset((one, other) =>
      String(documentOf(one)['id']) < String(documentOf(other)['id']) ? -1 : 1,
    ),
  ),
  brokenList(
    'list pages by position in order of the last write',
    byOffset((one, other) => Number(one.etag.slice(1, -1)) - Number(other.etag.slice(1, -1))),
  ),
  brokenList('a continuation serves once', (own) => {
    const served = new Set<unknown>();
    return async (options) => {
      const { continuation } = options;
      if (continuation !== undefined && served.has(continuation)) return { items: [] };
      served.add(continuation);
      return own(options);
    };
  }),
  {
    rule: 'D7',
    name: 'count counts writes',
    methods: (own) => {
      let writes = 0;
      const counted = async (name: string, args: readonly unknown[]) => {
        const answer = await pick(own, name)(...args);
        writes += 1;
        return answer;
      };
      return {
        create: (...args) => counted('create', args),
        replace: (...args) => counted('replace', args),
        count: () => Promise.resolve(writes),
      };
    },
  },
  {
    rule: 'D7',
    name: 'count counts a page',
    methods: (own) => ({
      count: async (options) => ((await pick(own, 'list')(options)) as PageLike).items.length,
    }),
  },
  losing('null is dropped', (document) => {
    const kept = JSON.stringify(document, (_, each: unknown) => (each === null ? undefined : each));
    return JSON.parse(kept) as unknown;
  }),
  losing('numbers are kept as 32-bit floats', (document) => {
    const kept = JSON.stringify(document, (_, each: unknown) =>
      typeof each === 'number' ? Math.fround(each) : each,
    );
    return JSON.parse(kept) as unknown;
  }),
  losing('texts are cut at U+0000', (document) =>
    texts(document, (text) => text.split('\u0000')[0] ?? ''),
  ),
  losing('texts are cut at 4 000 characters', (document) =>
    texts(document, (text) => text.slice(0, 4_000)),
  ),
  losing('texts that are numbers become numbers', (document) => {
    const kept = JSON.stringify(document, (_, each: unknown) => (each === '1' ? 1 : each));
    return JSON.parse(kept) as unknown;
  }),
  losing('documents are cut at a depth of 20', (document) => {
    const cut = (value: unknown, depth: number): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if (depth > 20) return 'too deep';
      if (Array.isArray(value)) return value.map((each) => cut(each, depth + 1));
      const entries = Object.entries(value).map(([name, each]) => [name, cut(each, depth + 1)]);
      return Object.fromEntries(entries) as unknown;
    };
    return cut(document, 0);
  }),
  losing('properties are assigned one by one, __proto__ too', (document) => {
    const assigned = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
      const copy: Properties = {};
      for (const [name, each] of Object.entries(value)) copy[name] = assigned(each);
      return copy;
    };
    return assigned(document);
  }),
  losing('a property named etag is the store’s', (document) => ({ ...document, etag: undefined })),
  {
    rule: 'D8',
    name: 'the caller’s own object is kept',
    methods: (own) => {
      const kept = new Map<string, unknown>();
      return {
        create: async (document, options) => {
          const stored = (await pick(own, 'create')(document, options)) as StoredLike;
          kept.set(stored.etag, document);
          return stored;
        },
        get: async (key, options) => {
          const stored = (await pick(own, 'get')(key, options)) as StoredLike | undefined;
          return stored && { ...stored, document: kept.get(stored.etag) ?? stored.document };
        },
      };
    },
  },
  ...BROKEN_DOCUMENT_KEYS,
  ...[...READS, ...WRITES].map((name) => ({
    rule: 'D10',
    name: `${name} ignores the signal`,
    methods: (own: Parameters<Breakage['methods']>[0]) => ({
      [name]: (...args: readonly unknown[]) => pick(own, name)(...withoutSignal(args)),
    }),
  })),
  ...WRITES.map((name) => ({
    rule: 'D10',
    name: `${name} looks at the signal after it wrote`,
    methods: (own: Parameters<Breakage['methods']>[0]) => ({
      [name]: async (...args: readonly unknown[]) => {
        const answer = await pick(own, name)(...withoutSignal(args));
        (args.at(-1) as { signal?: AbortSignal } | undefined)?.signal?.throwIfAborted();
        return answer;
      },
    }),
  })),
];
