import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/testing/index.js';
import { letTimePass, LockedFile } from './locked-file.js';
import { fill, READS, ROW, storesOn, WRITES } from './store-calls.js';
import { someOf } from '../support/lane.js';

let file: LockedFile;

beforeEach(() => {
  file = new LockedFile();
});

afterEach(() => file.remove());

type Handle = InstanceType<typeof Database>;

function timeoutOf(handle: Handle): unknown {
  return (handle.prepare('PRAGMA busy_timeout').get() as { timeout: unknown }).timeout;
}

/** A handle on which the application has a table of its own. */
function application(options?: { readonly timeout: number }): Handle {
  const handle = new Database(file.path, options);
  handle.exec('PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS yours (id TEXT)');
  return handle;
}

/** What another process would read. */
function yoursElsewhere(): readonly string[] {
  const rows = new Database(file.path).prepare('SELECT id FROM yours ORDER BY id').all();
  return (rows as { id: string }[]).map(({ id }) => id);
}

/** With libsql, the statement stays open. */
async function refuseInsert(handle: Handle): Promise<{ run(): unknown }> {
  const insert = handle.prepare("INSERT INTO yours VALUES ('y1')");
  const letGo = await file.lock();
  expect(() => insert.run()).toThrow('database is locked');
  await letGo();
  return insert;
}

/** An iterator that began before another process wrote, and is not read to its end. */
function leaveIteratorOpen(handle: Handle, rows = 300): Iterator<unknown> {
  const insert = handle.prepare('INSERT INTO yours VALUES (?)');
  handle.exec('BEGIN');
  for (let row = 0; row < rows; row += 1) insert.run(`x${String(row)}`);
  handle.exec('COMMIT');
  const iterator = handle.prepare('SELECT * FROM yours').iterate()[Symbol.iterator]();
  iterator.next();
  return iterator;
}

describe("the application's busy_timeout", () => {
  const timeouts = [undefined, 0, 19, 20, 21, 5_000];

  it.each(timeouts)('is as it was after every call: %s', async (timeout) => {
    const handle = application(timeout === undefined ? undefined : { timeout });
    const before = timeoutOf(handle);
    const stores = storesOn(handle);
    const found = await fill(stores);
    expect(timeoutOf(handle)).toBe(before);
    const after: unknown[] = [];
    for (const [, call] of [...READS, ...WRITES]) {
      await call(stores, found).catch(() => undefined);
      after.push(timeoutOf(handle));
    }
    expect(after).toEqual(after.map(() => before));
  });

  it.each(someOf(timeouts, 2))(
    'is as it was while calls wait for the lock, and after: %s',
    async (timeout) => {
      const handle = application(timeout === undefined ? undefined : { timeout });
      const before = timeoutOf(handle);
      const clock = new ManualClock();
      const stores = storesOn(handle, clock);
      const found = await fill(stores);
      const letGo = await file.lock();
      const calls = WRITES.slice(0, 3).map(([, call]) => call(stores, found));
      while (clock.sleeping < calls.length) await new Promise(setImmediate);
      expect(timeoutOf(handle)).toBe(before);
      await clock.run(50);
      expect(timeoutOf(handle)).toBe(before);
      await letGo();
      await letTimePass(clock, Promise.all(calls));
      await Promise.all(calls);
      expect(timeoutOf(handle)).toBe(before);
    },
  );

  it('is as it was after a call that gave up', async () => {
    const handle = application({ timeout: 5_000 });
    const clock = new ManualClock();
    const stores = storesOn(handle, clock);
    await fill(stores);
    const letGo = await file.lock();
    const creating = stores.notes.create({ id: 'n2' });
    await letTimePass(clock, creating);
    await expect(creating).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(timeoutOf(handle)).toBe(5_000);
    await letGo();
  });

  it('may be changed at any time', async () => {
    const handle = application();
    const stores = storesOn(handle);
    await fill(stores);
    handle.exec('PRAGMA busy_timeout=1234');
    await stores.deks.count({ product: ROW.product });
    expect(timeoutOf(handle)).toBe(1_234);
  });
});

describe('a statement of the application that was refused', () => {
  it.each(someOf(WRITES, 2))('stops no %s, then or later', async (_, write) => {
    const handle = application({ timeout: 0 });
    const stores = storesOn(handle);
    const found = await fill(stores);
    const insert = await refuseInsert(handle);
    await write(stores, found);
    const elsewhere = storesOn(new Database(file.path));
    await expect(write(elsewhere, found)).rejects.toMatchObject({
      code: expect.stringMatching(/ALREADY_EXISTS|ETAG_MISMATCH/) as unknown,
    });
    insert.run();
    await stores.notes.create({ id: 'later' });
    expect(await elsewhere.notes.get({ id: 'later' })).toBeDefined();
    expect(yoursElsewhere()).toEqual(['y1']);
  });

  it('stops no first call, which creates the tables', async () => {
    const handle = application({ timeout: 0 });
    await refuseInsert(handle);
    await fill(storesOn(handle));
    expect(await storesOn(new Database(file.path)).notes.count()).toBe(1);
  });

  it('makes no read stale', async () => {
    const handle = application({ timeout: 0 });
    const stores = storesOn(handle);
    const found = await fill(stores);
    await refuseInsert(handle);
    await storesOn(new Database(file.path)).notes.replace({ id: 'n1', a: 1 }, found.noteEtag);
    expect((await stores.notes.get({ id: 'n1' }))?.document).toEqual({ id: 'n1', a: 1 });
  });

  it('has no store undo what the application wrote after it', async () => {
    const handle = application({ timeout: 0 });
    const clock = new ManualClock();
    const stores = storesOn(handle, clock);
    await fill(stores);
    await refuseInsert(handle);
    handle.exec("INSERT INTO yours VALUES ('y2')");
    const creating = stores.notes.create({ id: 'n2' });
    await letTimePass(clock, creating);
    await expect(creating).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(handle.prepare('SELECT id FROM yours').all()).toMatchObject([{ id: 'y2' }]);
  });
});

describe('an iterator that the application has not finished', () => {
  it.each(WRITES)('stops no %s, though another process wrote meanwhile', async (_, write) => {
    const handle = application();
    const stores = storesOn(handle);
    const found = await fill(stores);
    const iterator = leaveIteratorOpen(handle);
    await storesOn(new Database(file.path)).notes.create({ id: 'elsewhere' });
    await write(stores, found);
    let rest = 1;
    while (!iterator.next().done) rest += 1;
    expect(rest).toBe(300);
  });

  it.each(READS)('makes no %s stale', async (_, read) => {
    const handle = application();
    const stores = storesOn(handle);
    const found = await fill(stores);
    const iterator = leaveIteratorOpen(handle);
    const elsewhere = storesOn(new Database(file.path));
    for (const [, write] of WRITES) await write(elsewhere, found).catch(() => undefined);
    expect(await read(stores, found)).toEqual(await read(elsewhere, found));
    expect(iterator.next().done).toBe(false);
  });

  it('keeps what it writes: rows that it returns are the acknowledgement', async () => {
    const handle = application();
    const clock = new ManualClock();
    const stores = storesOn(handle, clock);
    await fill(stores);
    leaveIteratorOpen(handle);
    handle.exec('CREATE TABLE more (id TEXT)');
    const writing = handle.prepare('INSERT INTO more SELECT id FROM yours RETURNING id').iterate();
    const iterator = writing[Symbol.iterator]();
    iterator.next();
    const creating = stores.notes.create({ id: 'n2' });
    while (clock.sleeping === 0) await new Promise(setImmediate);
    while (!iterator.next().done);
    await letTimePass(clock, creating);
    await creating;
    const elsewhere = new Database(file.path);
    expect(elsewhere.prepare('SELECT COUNT(*) AS total FROM more').get()).toMatchObject({
      total: 300,
    });
    expect(await storesOn(elsewhere).notes.get({ id: 'n2' })).toBeDefined();
  });
});

/** With libsql, a statement that was refused stays open, and all that follow see what it saw. */
describe('a read that was refused', () => {
  it.each(READS)('leaves nothing open on the handle: %s', async (_, read) => {
    const handle = application();
    const clock = new ManualClock();
    const stores = storesOn(handle, clock);
    const found = await fill(stores);
    handle.exec('PRAGMA journal_mode=DELETE');
    const other = new Database(file.path);
    other.exec('BEGIN EXCLUSIVE');
    const reading = read(stores, found);
    await letTimePass(clock, reading);
    await expect(reading).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    other.exec('COMMIT');
    expect(() => handle.exec('VACUUM INTO NULL')).toThrow('non-text filename');
    await read(stores, found);
  });
});

describe("the application's own transaction", () => {
  const message = (table: string) =>
    `The SQLite table "${table}" was not written: your own transaction is open on its handle. Commit or roll back before you call the store, or use a separate handle for the store`;

  it.each(['BEGIN', 'BEGIN IMMEDIATE'])(
    'is neither ended nor joined by a write: %s',
    async (begin) => {
      const handle = application({ timeout: 5_000 });
      const stores = storesOn(handle);
      const found = await fill(stores);
      handle.exec(begin);
      handle.exec("INSERT INTO yours VALUES ('y1')");
      for (const [name, write] of WRITES) {
        const table = name.endsWith('row') ? 'dek_store' : 'notes';
        await expect(write(stores, found)).rejects.toMatchObject({
          code: 'STORE_FAILED',
          message: message(table),
        });
      }
      expect(handle.inTransaction).toBe(true);
      expect(timeoutOf(handle)).toBe(5_000);
      expect(yoursElsewhere()).toEqual([]);
      handle.exec('COMMIT');
      expect(yoursElsewhere()).toEqual(['y1']);
      expect(await stores.notes.count()).toBe(1);
    },
  );

  it('does not take the lock because a store was called in it', async () => {
    const handle = application();
    const stores = storesOn(handle);
    await fill(stores);
    handle.exec('BEGIN');
    await expect(stores.notes.create({ id: 'n2' })).rejects.toThrow(message('notes'));
    await storesOn(new Database(file.path), new ManualClock()).notes.create({ id: 'n2' });
    handle.exec('ROLLBACK');
  });

  it('is refused at once where another process has the lock', async () => {
    const handle = application();
    const stores = storesOn(handle, new ManualClock());
    await fill(stores);
    const letGo = await file.lock();
    handle.exec('BEGIN');
    await expect(stores.notes.create({ id: 'n2' })).rejects.toThrow(message('notes'));
    await letGo();
  });

  it.each(READS)('hides nothing that others committed from a %s', async (_, read) => {
    const handle = application();
    const stores = storesOn(handle);
    const found = await fill(stores);
    handle.exec('BEGIN; SELECT * FROM yours');
    const elsewhere = storesOn(new Database(file.path));
    for (const [, write] of WRITES) await write(elsewhere, found).catch(() => undefined);
    expect(await read(stores, found)).toEqual(await read(elsewhere, found));
    expect(handle.inTransaction).toBe(true);
  });

  it('is refused by the first call of a store too, and the next one creates the table', async () => {
    const handle = application();
    const { notes } = storesOn(handle);
    handle.exec('BEGIN');
    await expect(notes.create({ id: 'n1' })).rejects.toThrow(message('notes'));
    handle.exec('ROLLBACK');
    await notes.create({ id: 'n1' });
    expect(await notes.count()).toBe(1);
  });
});

describe('a database in memory', () => {
  it('is read and written while an iterator is open, and read in a transaction', async () => {
    const handle = new Database(':memory:');
    handle.exec('CREATE TABLE yours (id TEXT)');
    const stores = storesOn(handle);
    const iterator = leaveIteratorOpen(handle);
    const found = await fill(stores);
    for (const [, read] of READS) await read(stores, found);
    expect(iterator.next().done).toBe(false);
    while (!iterator.next().done);
    handle.exec('BEGIN');
    expect(await stores.notes.count()).toBe(1);
    await expect(stores.notes.create({ id: 'n2' })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    handle.exec('COMMIT');
    await stores.notes.create({ id: 'n2' });
    expect(await stores.notes.count()).toBe(2);
  });
});
