import { describe, expect, it } from 'vitest';
import {
  backfillDocuments,
  countPlaintext,
  findMissingDeks,
  findOrphanDeks,
  reencryptDocuments,
  removeEncryption,
  requireBackfilled,
  type MigrationOptions,
} from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { KEY, note, setup, type Setup } from '../support/encryptor.js';
import { describeError, failure, type Failure } from '../support/failure.js';
import { addPlain, backfill, eventsOf, notes, reencrypt, stored } from '../support/migrations.js';

type Parts = readonly [encryption: unknown, definition: unknown, documentStore: unknown];
type Start = (...parts: Parts) => AsyncGenerator<unknown, unknown, void>;

function started(work: unknown, options?: object): Start {
  return (...parts) => (work as (...args: unknown[]) => ReturnType<Start>)(...parts, options);
}

const MIGRATIONS: readonly (readonly [string, Start, boolean])[] = [
  ['backfillDocuments', started(backfillDocuments), true],
  ['reencryptDocuments', started(reencryptDocuments, { createdBefore: new Date(0) }), true],
  ['removeEncryption', started(removeEncryption), false],
];
const SEARCHES: readonly (readonly [string, Start, boolean])[] = [
  ['findOrphanDeks', started(findOrphanDeks), true],
  ['findMissingDeks', started(findMissingDeks), true],
];
function typeError(message: string): Failure {
  return { name: 'TypeError', message };
}

/** Neither the lease nor anything else was asked for. */
async function requireUntouched(made: Setup): Promise<void> {
  expect(made.store.calls).toEqual({});
  expect(await made.memory.count({ product: 'notelett' })).toBe(0);
}

describe.each([...MIGRATIONS, ...SEARCHES])('%s', (name, start, enabled) => {
  const isSearch = name.startsWith('find');
  const lookups = name === 'findOrphanDeks' ? 'get' : 'list and get';
  const methods = isSearch ? lookups : 'list, get, replace and count';
  const dekMethods = isSearch
    ? 'get, getMany, list, count and getItem'
    : 'create, get, getMany, listScope, replace, list, count, createItem, getItem and replaceItem';

  it.each([
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object without methods', {}, 'an object'],
    ['a DEK store', new MemoryDekStore(), 'a DEK store'],
    ['a text', 'notes', 'a string'],
  ])('refuses %s for its document store, and asks for nothing', async (_what, store, got) => {
    const made = setup({ enabled });
    expect(await failure(start(made.encryptor, note, store).next())).toEqual(
      typeError(`"documentStore" expected a document store with ${methods}, got ${got}`),
    );
    await requireUntouched(made);
  });

  it.each([
    ['nothing', undefined, 'undefined'],
    ['a shape', { collection: 'notes', key: ['id'], fields: ['body'] }, 'an object'],
    ['a copy', Object.assign({}, note), 'an object'],
    ['a name', 'notes', 'a string'],
  ])('refuses %s for its definition, and asks for nothing', async (_what, definition, got) => {
    const made = setup({ enabled });
    const { store } = notes();
    expect(await failure(start(made.encryptor, definition, store).next())).toEqual(
      typeError(`"definition" expected a definition made by defineDocument, got ${got}`),
    );
    await requireUntouched(made);
  });

  it('refuses something else for its DEK store', async () => {
    const { encryptor } = setup({ enabled });
    const { product, keyProviders } = encryptor;
    const encryption = { product, keyProviders, enabled, dekStore: notes().store };
    expect(await failure(start(encryption, note, notes().store).next())).toEqual(
      typeError(`"dekStore" expected a DEK store with ${dekMethods}, got a class instance`),
    );
  });
});

describe.each(SEARCHES)('%s', (_name, start) => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['notelett', 'a string'],
  ])('refuses %j for an encryption', async (encryption, got) => {
    expect(await failure(start(encryption, note, notes().store).next())).toEqual(
      typeError(`"encryption" expected a FieldEncryptor or its parts, got ${got}`),
    );
  });
});

describe('a re-encryption', () => {
  it.each([
    ['', '"source" expected a plain object, got a string'],
    [0, '"source" expected a plain object, got a number'],
    [null, '"source" expected a plain object, got null'],
    [{ keyProvider: {} }, '"source.keyProvider.id" expected a non-empty string, got undefined'],
    [
      { keyProvider: { id: 'env' } },
      '"source.keyProvider.mekName" expected a non-empty string, got undefined',
    ],
    [
      { keyProvider: { id: 'env', mekName: 'env' } },
      '"source.keyProvider.unwrapKey" expected a function, got undefined',
    ],
  ])('refuses the source %j, and takes no lease', async (source, message) => {
    const [made, collection] = [setup(), notes()];
    const options = { source: source as never };
    expect(await failure(reencrypt(made, collection, options))).toEqual(typeError(message));
    await requireUntouched(made);
  });

  it.each([
    [5, 'a number'],
    [null, 'null'],
    [{}, 'an object'],
  ])('refuses %j for the DEK store of its source', async (dekStore, got) => {
    const [made, collection] = [setup(), notes()];
    const { keyProvider } = made;
    const options = { source: { keyProvider, dekStore: dekStore as never } };
    expect(await failure(reencrypt(made, collection, options))).toEqual(
      typeError(`"source.dekStore" expected a DEK store with get and getMany, got ${got}`),
    );
    await requireUntouched(made);
  });

  it.each([[1_700_000_000_000], [0], [['2026-01-01T00:00:00.000Z']], [null], [{}], [true]])(
    'refuses the moment %j',
    async (createdBefore) => {
      const [made, collection] = [setup(), notes()];
      const options = { createdBefore: createdBefore as never };
      expect(await failure(reencrypt(made, collection, options))).toEqual(
        typeError(
          '"createdBefore" expected a Date, or a time as toISOString() writes it: DEKs made before it are replaced',
        ),
      );
      await requireUntouched(made);
    },
  );
});

describe('a function that selects', () => {
  it.each([
    ['a promise', () => Promise.resolve(false)],
    ['a promise', () => Promise.reject(new Error('unhandled'))],
    ['undefined', () => undefined],
    ['a number', () => 1],
  ])('and gives %s fails each document that it was asked about', async (got, select) => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    const before = await stored(collection, 'note-0');
    const options: MigrationOptions = { select: select as never };
    const migrated = await backfill(made, collection, options);
    expect(
      eventsOf(migrated, 'failed').map(({ key, error }) => [key, describeError(error)]),
    ).toEqual(
      ['note-0', 'note-1'].map((id) => [
        { ...KEY, id },
        typeError(`"select" expected a function that returns a boolean, and it returned ${got}`),
      ]),
    );
    expect(migrated.summary).toMatchObject({ complete: false, failed: 2 });
    expect(await stored(collection, 'note-0')).toEqual(before);
  });

  it('and throws fails that document alone', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    const select = ({ id }: Readonly<Record<string, unknown>>): boolean => {
      if (id === 'note-0') throw new RangeError('not made for this one');
      return true;
    };
    const migrated = await backfill(made, collection, { select });
    expect(eventsOf(migrated, 'failed')[0]?.error).toEqual(new RangeError('not made for this one'));
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, changed: 1 });
  });
});

describe('counting plaintext', () => {
  const { store: documentStore } = notes();

  const OPTIONS: readonly (readonly [unknown, string, string])[] = [
    [{ signal: 'x' }, 'TypeError', '"signal" expected an AbortSignal, got a string'],
    [{ signal: null }, 'TypeError', '"signal" expected an AbortSignal, got null'],
    [{ concurrency: 8 }, 'RangeError', '"concurrency" is no option: expected signal'],
    [null, 'TypeError', '"options" expected a plain object, got null'],
    ['all', 'TypeError', '"options" expected a plain object, got a string'],
  ];

  it.each(OPTIONS)('refuses the options %j', async (options, name, message) => {
    const counted = countPlaintext(note, documentStore, options as never);
    expect(await failure(counted)).toEqual({ name, message });
    const collections = [{ definition: note, documentStore }];
    const required = requireBackfilled(collections, options as never);
    expect(await failure(required)).toEqual({ name, message });
  });

  it.each([
    [undefined, 'undefined'],
    [{ list: 'all' }, 'an object'],
    [new MemoryDekStore(), 'a DEK store'],
  ])('refuses the document store %j', async (store, got) => {
    expect(await failure(countPlaintext(note, store as never))).toEqual(
      typeError(`"documentStore" expected a document store with list, got ${got}`),
    );
  });

  it('refuses a definition that was not made by defineDocument', async () => {
    const counted = countPlaintext(Object.assign({}, note), documentStore);
    expect(await failure(counted)).toEqual(
      typeError('"definition" expected a definition made by defineDocument, got an object'),
    );
  });

  it('refuses every collection before it reads the first', async () => {
    const first = notes();
    const collections = [
      { definition: note, documentStore: first.store },
      { definition: note, documentStore: {} as never },
    ];
    expect(await failure(requireBackfilled(collections))).toEqual(
      typeError('"collections[].documentStore" expected a document store with list, got an object'),
    );
    const shaped = [collections[0], { definition: {}, documentStore }];
    expect(await failure(requireBackfilled(shaped as never))).toEqual(
      typeError(
        '"collections[].definition" expected a definition made by defineDocument, got an object',
      ),
    );
    expect(first.probe.calls).toEqual({});
  });
});
