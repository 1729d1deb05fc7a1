import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFieldEncryptor } from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { ManualClock } from '../../src/testing/index.js';
import { encryptAny, KEY, note, PRODUCT } from '../support/encryptor.js';
import { envKeys } from '../support/rotations.js';
import { LockedFile } from './locked-file.js';
import { fill, READS, storesOn, WRITES, type Found } from './store-calls.js';

type Handle = InstanceType<typeof Database>;

let file: LockedFile;
let writer: Handle;
let found: Found;

beforeEach(async () => {
  file = new LockedFile();
  writer = new Database(file.path);
  found = await fill(storesOn(writer));
});

afterEach(() => file.remove());

const openings: readonly (readonly [string, () => Handle])[] = [
  ['opened with mode=ro', () => new Database(`file:${file.path}?mode=ro`)],
  [
    'set to query_only',
    () => {
      const handle = new Database(file.path);
      handle.exec('PRAGMA query_only=ON');
      return handle;
    },
  ],
];

const readOnly = (table: string) => ({
  name: 'StoreError',
  code: 'STORE_FAILED',
  retryable: false,
  cause: { code: 'SQLITE_READONLY' },
  message: `The SQLite table "${table}" was not written: its handle is read-only. Open the file for writing, and give that handle to the store`,
});

describe.each(openings)('a handle that is %s', (_, open) => {
  it.each(READS)('answers a %s', async (_name, read) => {
    const expected = await read(storesOn(new Database(file.path)), found);
    expect(await read(storesOn(open()), found)).toEqual(expected);
  });

  it.each(READS)(
    'answers a %s of a file that is not in WAL mode, and leaves it so',
    async (_name, read) => {
      writer.exec('PRAGMA journal_mode=DELETE');
      const expected = await read(storesOn(open()), found);
      expect(new Database(file.path).prepare('PRAGMA journal_mode').get()).toMatchObject({
        journal_mode: 'delete',
      });
      expect(expected).toEqual(await read(storesOn(new Database(file.path)), found));
    },
  );

  it.each(WRITES)('refuses a %s at once', async (name, write) => {
    const table = name.endsWith('row') ? 'dek_store' : 'notes';
    const stores = storesOn(open(), new ManualClock());
    await expect(write(stores, found)).rejects.toMatchObject(readOnly(table));
    const elsewhere = storesOn(new Database(file.path));
    expect(await elsewhere.notes.list()).toMatchObject({ items: [{ etag: found.noteEtag }] });
  });

  it('is not written beside it while an iterator is open', async () => {
    const handle = open();
    const iterator = handle.prepare('SELECT * FROM notes').iterate()[Symbol.iterator]();
    iterator.next();
    for (const [name, write] of WRITES) {
      const table = name.endsWith('row') ? 'dek_store' : 'notes';
      await expect(write(storesOn(handle), found)).rejects.toMatchObject(readOnly(table));
    }
  });

  it('says so where the table does not exist, and reads it once another handle created it', async () => {
    const store = new SqliteDekStore(open(), { table: 'keys' });
    const filter = { product: 'sample' };
    await expect(store.count(filter)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message:
        'The SQLite table "keys" does not exist, and its handle cannot create it, being read-only or inside your own transaction: call the store once through a handle that can write',
    });
    await new SqliteDekStore(new Database(file.path), { table: 'keys' }).count(filter);
    expect(await store.count(filter)).toBe(0);
  });

  it('decrypts', async () => {
    const options = { product: PRODUCT, keyProviders: [envKeys('a')] };
    const dekStore = new SqliteDekStore(new Database(file.path));
    const sealed = await encryptAny(createFieldEncryptor({ ...options, dekStore }), {
      ...KEY,
      body: 'text',
    });
    const reader = createFieldEncryptor({ ...options, dekStore: new SqliteDekStore(open()) });
    expect(await reader.decryptDocument(note, sealed as never)).toMatchObject({ body: 'text' });
  });
});

it('a handle that stops being read-only is written', async () => {
  const handle = new Database(file.path);
  handle.exec('PRAGMA query_only=ON');
  const store = new SqliteDekStore(handle, { table: 'keys' });
  await expect(store.count({ product: 'sample' })).rejects.toMatchObject({ code: 'STORE_FAILED' });
  handle.exec('PRAGMA query_only=OFF');
  expect(await store.count({ product: 'sample' })).toBe(0);
});
