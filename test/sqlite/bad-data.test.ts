import { readRotationItem, readLeaseItem } from '../../src/store/dek-store.js';
import Database from 'libsql';
import { beforeEach, describe, expect, it } from 'vitest';
import { SqliteDekStore, SqliteDocumentStore } from '../../src/sqlite/index.js';
import {
  sampleLease,
  sampleRecord,
  sampleRow,
  sampleRows,
  sampleTombstone,
} from '../../src/testing/sample-items.js';

const { id, scopeId, product } = sampleRow();

type Row = Readonly<Record<string, unknown>>;

let database: InstanceType<typeof Database>;

beforeEach(() => {
  database = new Database(':memory:');
});

describe('stored text that is not JSON', () => {
  it.each(['', '{"id":', 'undefined', '{"a":1}x'])('is never an absent row: %j', async (text) => {
    const store = new SqliteDekStore(database);
    await store.create(sampleRow());
    database.prepare('UPDATE dek_store SET item = ?').run(text);
    const failure = {
      name: 'StoreError',
      code: 'STORE_FAILED',
      retryable: false,
      message: `The item ${id} in the SQLite table "dek_store" is not JSON: restore it from a backup`,
    };
    await expect(store.get(id)).rejects.toMatchObject(failure);
    expect((await store.getMany([id])).get(id)).toMatchObject({ error: { ...failure, dekId: id } });
    await expect(store.listScope(scopeId)).rejects.toMatchObject(failure);
    const { items } = await store.list({ product });
    expect(items).toMatchObject([{ value: undefined, error: { ...failure, dekId: id } }]);
    await expect(store.create(sampleRow())).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('is never an absent rotation record or lease', async () => {
    const store = new SqliteDekStore(database, { table: 'keys' });
    await store.createItem(sampleRecord());
    await store.createItem(sampleLease());
    database.exec("UPDATE keys SET item = 'x'");
    await expect(readRotationItem(store, 'sample')).rejects.toThrow(
      'The item rotation in the SQLite table "keys" is not JSON: restore it from a backup',
    );
    await expect(readLeaseItem(store, 'sample', 'notes')).rejects.toThrow(
      'The item lease:notes in the SQLite table "keys" is not JSON: restore it from a backup',
    );
  });

  it('is never an absent document, and is not quoted', async () => {
    const notes = new SqliteDocumentStore(database, { table: 'notes', key: ['id'] });
    await notes.create({ id: 'n1' });
    database.exec(`UPDATE notes SET document = '{"secret'`);
    const message =
      'The item ["n1"] in the SQLite table "notes" is not JSON: restore it from a backup';
    await expect(notes.get({ id: 'n1' })).rejects.toThrow(message);
    await expect(notes.list()).rejects.toThrow(message);
  });

  it('counts as such when it is a BLOB', async () => {
    const store = new SqliteDekStore(database);
    await store.create(sampleRow());
    database.exec('UPDATE dek_store SET item = CAST(item AS BLOB)');
    await expect(store.get(id)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('stays where it is when the item is replaced under its etag', async () => {
    const store = new SqliteDekStore(database);
    const { etag } = await store.create(sampleRow());
    database.exec("UPDATE dek_store SET item = ''");
    await store.replace(sampleRow({ epoch: 2 }), etag);
    expect((await store.get(id))?.value).toEqual(sampleRow({ epoch: 2 }));
  });
});

describe('a broken row in a listing', () => {
  it('does not keep the others from being read', async () => {
    const store = new SqliteDekStore(database);
    const rows = sampleRows(3);
    for (const row of rows) await store.create(row);
    database.prepare("UPDATE dek_store SET item = '{' WHERE id = ?").run(rows[1]?.id);
    const { items } = await store.list({ product });
    expect(
      items.map(({ value, error }) => error?.code ?? (value as { id: string }).id).sort(),
    ).toEqual([rows[0]?.id, rows[2]?.id, 'STORE_FAILED'].sort());
  });

  it('that holds another row’s content is not taken for that row', async () => {
    const store = new SqliteDekStore(database);
    const [one, other] = sampleRows(2);
    await store.create(one as never);
    await store.create(other as never);
    database.prepare('UPDATE dek_store SET item = ?').run(JSON.stringify(one));
    const { items } = await store.list({ product });
    expect(items.flatMap(({ error }) => (error ? [error] : []))).toMatchObject([
      {
        code: 'STORE_FAILED',
        message: `The item ${String(other?.id)} in the SQLite table "dek_store" holds the JSON of another item: restore it from a backup`,
        dekId: other?.id,
      },
    ]);
  });
});

describe('a row that was put elsewhere', () => {
  it.each([
    ['its scope column', (row: Row) => ({ ...row, scopeId: 'f'.repeat(32) })],
    ['an id that is an object', (row: Row) => ({ ...row, id: { toString: 1, valueOf: 1 } })],
    ['no id', (row: Row) => ({ ...row, id: undefined })],
    ['no object at all', () => 7],
  ])('does not keep a listing from going on: %s', async (_what, change) => {
    const store = new SqliteDekStore(database);
    await store.create(sampleRow());
    const altered = JSON.stringify(change(sampleRow() as unknown as Row));
    database.prepare('UPDATE dek_store SET item = ?').run(altered);
    const { items } = await store.list({ product });
    expect(items).toMatchObject([{ error: { code: 'STORE_FAILED', dekId: id } }]);
  });
});

describe('the raw table', () => {
  const countRows = (where: string) =>
    (database.prepare(`SELECT COUNT(*) AS n FROM dek_store WHERE ${where}`).get() as { n: number })
      .n;

  it('answers an operator’s queries on plain columns', async () => {
    const store = new SqliteDekStore(database);
    for (const row of sampleRows(3, { mekVersion: 'v1' })) await store.create(row);
    for (const row of sampleRows(2, { mekVersion: 'v2', document: 'm' })) await store.create(row);
    await store.create(sampleTombstone({ document: 'gone' }));
    await store.createItem(Object.assign(sampleRecord(), { mekVersion: 'v2' }));
    await store.createItem(sampleLease());
    expect(countRows("product = 'sample' AND type = 'dek'")).toBe(6);
    expect(countRows("mek_version <> 'v2'")).toBe(3);
    expect(countRows("state = 'shredded' AND mek_version IS NULL")).toBe(1);
    expect(countRows("id = 'rotation' AND scope_id = 'rotation:sample'")).toBe(1);
  });

  it('keeps a product with U+0000 apart from what is before it, in readable text', async () => {
    const store = new SqliteDekStore(database);
    await store.create(sampleRow({ product: 'a\u0000b' }));
    await store.create(sampleRow({ product: 'a' }));
    expect(countRows("product = 'a'")).toBe(1);
    expect(countRows(String.raw`product = 'a\u0000b'`)).toBe(1);
  });
});

describe('arguments', () => {
  it.each(['', '1st', 'a-b', 'a b', 'a"b', 'a;DROP', 'ä', `t${'x'.repeat(63)}`])(
    'refuse the table name %j',
    (table) => {
      const message =
        '"table" expected a name of at most 63 letters, digits and _, no digit first, got another text';
      expect(() => new SqliteDekStore(database, { table })).toThrow(new RangeError(message));
      expect(() => new SqliteDocumentStore(database, { table, key: ['id'] })).toThrow(
        new RangeError(message),
      );
    },
  );

  it('refuse a table that is no text, and a key that names nothing', () => {
    expect(() => new SqliteDekStore(database, { table: 5 as unknown as string })).toThrow(
      new TypeError(
        '"table" expected a name of at most 63 letters, digits and _, no digit first, got a number',
      ),
    );
    expect(() => new SqliteDocumentStore(database, { table: 't', key: [] })).toThrow(
      new RangeError('"key" expected the names of at least one property'),
    );
    expect(() => new SqliteDocumentStore(database, { table: 't', key: ['id', ''] })).toThrow(
      new TypeError('"key[1]" expected a non-empty string, got an empty one'),
    );
  });

  it.each(['order', 'Table', '_', `t${'x'.repeat(62)}`])(
    'take the table name %j',
    async (table) => {
      const store = new SqliteDekStore(database, { table });
      await store.create(sampleRow());
      expect(await store.count({ product })).toBe(1);
    },
  );

  it.each(['', 'x', '[]', '["a"]', '["a",1]', '["a","b","c"]', '{"0":"a","1":"b"}'])(
    'refuse the continuation %j',
    async (continuation) => {
      const refusal = new RangeError(
        '"continuation" expected one that list returned, got another text',
      );
      const store = new SqliteDekStore(database);
      await expect(store.list({ product }, { continuation })).rejects.toThrow(refusal);
      const notes = new SqliteDocumentStore(database, { table: 'notes', key: ['w', 'id'] });
      await expect(notes.list({ continuation })).rejects.toThrow(refusal);
    },
  );

  it.each([0, -1, 1.5, 10_001, NaN, Infinity])('refuse the page size %d', async (pageSize) => {
    const refusal = new RangeError(
      `"pageSize" expected an integer from 1 to 10000, got ${String(pageSize)}`,
    );
    await expect(new SqliteDekStore(database).list({ product }, { pageSize })).rejects.toThrow(
      refusal,
    );
    const notes = new SqliteDocumentStore(database, { table: 'notes', key: ['id'] });
    await expect(notes.list({ pageSize })).rejects.toThrow(refusal);
  });

  it('refuse a document without its key, and name no value', async () => {
    const notes = new SqliteDocumentStore(database, { table: 'notes', key: ['workspaceId', 'id'] });
    await expect(notes.create({ workspaceId: 'w1' })).rejects.toThrow(
      new TypeError('"id" expected a non-empty string, got undefined'),
    );
    await expect(notes.get({ workspaceId: 5, id: 'n1' })).rejects.toThrow(
      new TypeError('"workspaceId" expected a non-empty string, got a number'),
    );
  });
});

describe('a database that fails', () => {
  it('rejects every call with STORE_FAILED and the driver’s own error', async () => {
    const store = new SqliteDekStore(database);
    const { etag } = await store.create(sampleRow());
    database.exec('DROP TABLE dek_store');
    const failure = {
      code: 'STORE_FAILED',
      cause: { message: expect.stringContaining('no such table') as string },
    };
    await expect(store.get(id)).rejects.toMatchObject(failure);
    await expect(store.create(sampleRow())).rejects.toMatchObject(failure);
    await expect(store.replace(sampleRow(), etag)).rejects.toMatchObject(failure);
  });

  it('may be read where it may not be written', async () => {
    const store = new SqliteDekStore(database);
    const created = await store.create(sampleRow());
    database.exec('PRAGMA query_only=ON');
    await expect(store.replace(sampleRow(), created.etag)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      cause: { code: 'SQLITE_READONLY' },
    });
    expect(await store.get(id)).toEqual(created);
  });

  it('rejects where the table has other columns, and says so in the cause', async () => {
    database.exec('CREATE TABLE dek_store (id TEXT)');
    await expect(new SqliteDekStore(database).get(id)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      cause: { message: expect.stringContaining('no such column') as string },
    });
  });
});
