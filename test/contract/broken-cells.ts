import { StoreError } from '../../src/index.js';
import { hasErrorCode, later, pick, type Breakage, type StoredLike } from './broken-methods.js';

/** The methods that write and read one kind of item, and how an item is asked for. */
export interface CellMethods {
  readonly create: string;
  readonly get: string;
  readonly replace: string;
  readonly keyOf: (item: unknown) => readonly unknown[];
  readonly rules: { readonly [name in 'create' | 'etag' | 'get' | 'replace']: string };
}

const lost = new StoreError('ETAG_MISMATCH', 'lost');

/** What can be wrong with the compare-and-set of any kind of item. */
export function brokenCells({
  create,
  get,
  replace,
  keyOf,
  rules,
}: CellMethods): readonly Breakage[] {
  const newest = async (own: Parameters<Breakage['methods']>[0], item: unknown) =>
    (await pick(own, get)(...keyOf(item))) as StoredLike | undefined;
  const contentOf = (stored: StoredLike | undefined) => stored?.value ?? stored?.document;

  return [
    {
      rule: rules.create,
      name: `${create} overwrites what exists`,
      methods: (own) => ({
        [create]: async (item, options) => {
          try {
            return await pick(own, create)(item, options);
          } catch (error) {
            if (!hasErrorCode(error, 'ALREADY_EXISTS')) throw error;
            return pick(own, replace)(item, (await newest(own, item))?.etag);
          }
        },
      }),
    },
    {
      rule: rules.create,
      name: `${create} looks first and writes later`,
      methods: (own) => ({
        [create]: async (item, options) => {
          if (await newest(own, item)) return pick(own, create)(item, options);
          await later();
          return pick(own, create)(item, options).catch(async () =>
            pick(own, replace)(item, (await newest(own, item))?.etag),
          );
        },
      }),
    },
    {
      rule: rules.create,
      name: `${create} answers before it writes, and never writes`,
      methods: () => ({ [create]: (item) => Promise.resolve({ value: item, etag: 'e' }) }),
    },
    {
      rule: rules.create,
      name: `${create} returns an etag and nothing else`,
      methods: (own) => ({
        [create]: async (...args) => {
          const { etag } = (await pick(own, create)(...args)) as StoredLike;
          return { value: {}, document: {}, etag };
        },
      }),
    },
    {
      rule: rules.get,
      name: `${get} gives null for absent`,
      methods: (own) => ({ [get]: async (...args) => (await pick(own, get)(...args)) ?? null }),
    },
    {
      rule: rules.get,
      name: `${get} keeps giving what it read first`,
      methods: (own) => {
        const seen = new Map<string, unknown>();
        return {
          [get]: async (...args) => {
            const key = JSON.stringify(args);
            const item = seen.get(key) ?? (await pick(own, get)(...args));
            if (item) seen.set(key, item);
            return item;
          },
        };
      },
    },
    {
      rule: rules.replace,
      name: `${replace} ignores the etag`,
      methods: (own) => ({
        [replace]: async (item, etag, options) =>
          pick(own, replace)(item, (await newest(own, item))?.etag ?? etag, options),
      }),
    },
    {
      rule: rules.replace,
      name: `${replace} takes * for any etag`,
      methods: (own) => ({
        [replace]: async (item, etag, options) => {
          const current = etag === '*' ? (await newest(own, item))?.etag : etag;
          return pick(own, replace)(item, current, options);
        },
      }),
    },
    {
      rule: rules.replace,
      name: `${replace} inserts where nothing is`,
      methods: (own) => ({
        [replace]: async (item, etag, options) =>
          (await newest(own, item))
            ? pick(own, replace)(item, etag, options)
            : pick(own, create)(item, options),
      }),
    },
    {
      rule: rules.replace,
      name: `${replace} compares first and writes later`,
      methods: (own) => ({
        [replace]: async (item, etag, options) => {
          if ((await newest(own, item))?.etag !== etag) throw lost;
          await later();
          return pick(own, replace)(item, (await newest(own, item))?.etag, options);
        },
      }),
    },
    {
      rule: rules.replace,
      name: `${replace} says that it wrote, and did not`,
      methods: (own) => ({
        [replace]: async (item, etag) => {
          const stored = await newest(own, item);
          if (stored?.etag !== etag) throw lost;
          return { ...stored };
        },
      }),
    },
    {
      rule: rules.etag,
      name: `${replace} returns the etag that it was given`,
      methods: (own) => ({
        [replace]: async (item, etag, options) => {
          const stored = (await pick(own, replace)(item, etag, options)) as StoredLike;
          return { ...stored, etag };
        },
      }),
    },
    {
      rule: rules.etag,
      name: `${replace} does nothing where the content is the same`,
      methods: (own) => ({
        [replace]: async (item, etag, options) => {
          const stored = await newest(own, item);
          const isSame = JSON.stringify(contentOf(stored)) === JSON.stringify(item);
          if (stored && isSame && stored.etag === etag) return stored;
          return pick(own, replace)(item, etag, options);
        },
      }),
    },
    {
      rule: rules.etag,
      name: `etags of ${create}, ${get} and ${replace} are digests of the content`,
      methods: (own) => {
        const digest = (stored: StoredLike | undefined) =>
          stored && { ...stored, etag: JSON.stringify(contentOf(stored)) };
        return {
          [create]: async (...args) => digest((await pick(own, create)(...args)) as StoredLike),
          [get]: async (...args) =>
            digest((await pick(own, get)(...args)) as StoredLike | undefined),
          [replace]: async (item, etag, options) => {
            const stored = await newest(own, item);
            if (digest(stored)?.etag !== etag) throw lost;
            return digest((await pick(own, replace)(item, stored?.etag, options)) as StoredLike);
          },
        };
      },
    },
  ];
}
