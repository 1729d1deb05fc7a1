import { pick, type Breakage, type Calls, type StoredLike } from './broken-methods.js';

type Properties = Record<string, unknown>;

/** Keys put together by a joint. */
function joining(name: string, keyOf: (document: Properties) => string): Breakage {
  const place = (document: unknown) => ({
    ...(document as Properties),
    workspaceId: 'all',
    id: keyOf(document as Properties),
    own: document,
  });
  const back = (item: StoredLike | undefined) =>
    item && { ...item, document: (item.document as Properties)['own'] };
  return {
    rule: 'D9',
    name,
    methods: (own) => ({
      create: async (document, options) =>
        back((await pick(own, 'create')(place(document), options)) as StoredLike),
      get: async (key, options) =>
        back((await pick(own, 'get')(place(key), options)) as StoredLike | undefined),
      replace: async (document, etag, options) =>
        back((await pick(own, 'replace')(place(document), etag, options)) as StoredLike),
      delete: (key, etag, options) => pick(own, 'delete')(place(key), etag, options),
    }),
  };
}

const idOf = (document: unknown) => String((document as Properties)['id']);
const isOdd = (document: unknown) => /[^\w-]/.test(idOf(document));
const refusal = () => new RangeError('"id" expected an id that the database can hold');

/** What a store may do: refuse what it cannot hold, before it does anything. */
export function refusingKeys(isRefused: (document: unknown) => boolean): Breakage['methods'] {
  const methods = ['create', 'get', 'replace', 'delete'];
  return (own) => Object.fromEntries(methods.map((name) => [name, refusingIn(own, name)]));

  function refusingIn(own: Calls, name: string): Calls[string] {
    return (...args) => {
      if (isRefused(args[0])) return Promise.reject(refusal());
      return pick(own, name)(...args);
    };
  }
}

export const refusingOddKeys: Breakage['methods'] = refusingKeys(isOdd);

export const BROKEN_DOCUMENT_KEYS: readonly Breakage[] = [
  joining(
    'key parts are run together',
    ({ workspaceId, id }) => `${String(workspaceId)}${String(id)}-`,
  ),
  joining(
    'key parts are joined by U+0000',
    ({ workspaceId, id }) => `${String(workspaceId)}\u0000${String(id)}`,
  ),
  joining(
    'key parts are joined by a slash',
    ({ workspaceId, id }) => `${String(workspaceId)}/${String(id)}`,
  ),
  joining('the id alone is the key', ({ id }) => String(id)),
  joining('keys are compared without case', ({ workspaceId, id }) =>
    JSON.stringify([workspaceId, id]).toLowerCase(),
  ),
  { rule: 'D9', name: 'every key is refused', methods: refusingKeys(() => true) },
  {
    rule: 'D9',
    name: 'keys with capital letters are refused',
    methods: refusingKeys((document) => /[A-Z]/.test(idOf(document))),
  },
  {
    rule: 'D9',
    name: 'odd keys are refused after they were written',
    methods: (own) => ({
      create: async (document, options) => {
        const created = await pick(own, 'create')(document, options);
        if (isOdd(document)) throw refusal();
        return created;
      },
    }),
  },
  {
    rule: 'D9',
    name: 'odd keys are refused with an error of another kind',
    methods: (own) => ({
      create: (document, options) =>
        isOdd(document)
          ? Promise.reject(new TypeError('odd'))
          : pick(own, 'create')(document, options),
    }),
  },
  {
    rule: 'D9',
    name: 'odd keys are refused, and read the document of what is before the odd character',
    methods: (own) => ({
      ...refusingOddKeys(own),
      get: (key, options) => {
        const id = idOf(key).split(/[^\w-]/)[0];
        return pick(own, 'get')({ ...(key as Properties), id }, options);
      },
    }),
  },
];
