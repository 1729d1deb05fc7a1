import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreError, systemClock } from '../../src/index.js';
import { SqliteDekStore, SqliteDocumentStore, type SqliteHandle } from '../../src/sqlite/index.js';
import { ManualClock } from '../../src/testing/index.js';
import { sampleRow } from '../../src/testing/sample-items.js';
import { letTimePass, LockedFile, settling } from './locked-file.js';

let file: LockedFile;
let path: string;

beforeEach(() => {
  file = new LockedFile();
  path = file.path;
});

afterEach(() => file.remove());

/** Turns of the real event loop, each a timer that could fire, until the promise has settled. */
async function ticksUntil(settled: Promise<unknown>): Promise<number> {
  const isOver = settling(settled);
  let ticks = 0;
  for (; !isOver(); ticks += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  return ticks;
}

describe('a SQLite file that another process has locked', () => {
  it('is waited for while the event loop goes on, and written when it is free', async () => {
    const store = new SqliteDekStore(new Database(path));
    await store.count({ product: 'sample' });
    const letGo = await file.lock();
    const creating = store.create(sampleRow());
    const waiting = ticksUntil(creating);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await store.get(sampleRow().id)).toBeUndefined();
    await letGo();
    const created = await creating;
    expect(await store.get(sampleRow().id)).toEqual(created);
    expect(await waiting).toBeGreaterThan(2);
  });

  it('is waited for by the first call too, which sets the file up', async () => {
    const letGo = await file.lock();
    const creating = new SqliteDekStore(new Database(path)).create(sampleRow());
    const waiting = ticksUntil(creating);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await letGo();
    expect((await creating).value).toEqual(sampleRow());
    expect(await waiting).toBeGreaterThan(2);
  });

  it('is given up after 5 s, with an error that says what to do and may be retried', async () => {
    const clock = new ManualClock();
    const store = new SqliteDekStore(new Database(path), { clock });
    await store.count({ product: 'sample' });
    const letGo = await file.lock();
    const creating = store.create(sampleRow());
    const waitedMs = await letTimePass(clock, creating);
    const error: unknown = await creating.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      cause: { code: 'SQLITE_BUSY' },
      message:
        'The SQLite table "dek_store" stayed locked for 5 s: find the process that keeps a transaction open on its file, then try again',
    });
    expect(waitedMs).toBeGreaterThanOrEqual(5_000);
    expect(waitedMs).toBeLessThanOrEqual(5_200);
    await letGo();
    expect((await store.create(sampleRow())).value).toEqual(sampleRow());
  });

  it('is set up by a later call where an earlier one gave up', async () => {
    const clock = new ManualClock();
    const store = new SqliteDocumentStore(new Database(path), {
      table: 'notes',
      key: ['id'],
      clock,
    });
    const letGo = await file.lock();
    const counting = store.count();
    await letTimePass(clock, counting);
    await expect(counting).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await letGo();
    expect(await store.count()).toBe(0);
  });

  it('is not waited for once the signal aborts, and nothing is written', async () => {
    const clock = new ManualClock();
    const store = new SqliteDekStore(new Database(path), { clock });
    await store.count({ product: 'sample' });
    const letGo = await file.lock();
    const abort = new AbortController();
    const reason = new Error('enough');
    const creating = store.create(sampleRow(), { signal: abort.signal });
    while (clock.sleeping === 0) await new Promise(setImmediate);
    abort.abort(reason);
    await expect(creating).rejects.toBe(reason);
    await letGo();
    expect(await store.get(sampleRow().id)).toBeUndefined();
  });

  it('does not keep readers waiting', async () => {
    const store = new SqliteDekStore(new Database(path), { clock: new ManualClock() });
    const created = await store.create(sampleRow());
    await file.lock();
    expect(await store.get(sampleRow().id)).toEqual(created);
    expect(await store.count({ product: 'sample' })).toBe(1);
  });
});

describe('a SQLite handle', () => {
  it('is set to durable writes', async () => {
    const database = new Database(path);
    database.exec('PRAGMA synchronous=OFF');
    await new SqliteDekStore(database).count({ product: 'sample' });
    expect(database.prepare('PRAGMA synchronous').get()).toMatchObject({ synchronous: 2 });
    expect(database.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' });
  });

  it('serves several stores at once, before and after others opened the file', async () => {
    const database = new Database(path);
    const key = ['id'];
    const stores = ['notes', 'tasks'].map(
      (table) => new SqliteDocumentStore(database, { table, key }),
    );
    await Promise.all(stores.map((store) => store.create({ id: 'n1' })));
    const later = new SqliteDocumentStore(new Database(path), { table: 'notes', key });
    await later.create({ id: 'n2' });
    expect(await Promise.all([...stores, later].map((store) => store.count()))).toEqual([2, 1, 2]);
  });
});

/** With libsql, a statement that was refused the lock stays open until it runs again. */
describe('a write beside one that waits for the lock', () => {
  it('is durable once it is acknowledged, and stays so', async () => {
    const database = new Database(path);
    const clock = new ManualClock();
    const deks = new SqliteDekStore(database, { clock });
    const notes = new SqliteDocumentStore(database, { table: 'notes', key: ['id'], clock });
    await Promise.all([deks.count({ product: 'sample' }), notes.count()]);
    const letGo = await file.lock();
    const waiting = deks.create(sampleRow());
    while (clock.sleeping === 0) await new Promise(setImmediate);
    await letGo();
    await notes.create({ id: 'n1' });
    const elsewhere = new SqliteDocumentStore(new Database(path), { table: 'notes', key: ['id'] });
    expect(await elsewhere.count()).toBe(1);
    await letTimePass(clock, waiting);
    expect((await waiting).value).toEqual(sampleRow());
    expect(await elsewhere.count()).toBe(1);
  });

  it('of yours on the same handle is not undone, and not part of what we acknowledge', async () => {
    const database = new Database(path);
    const clock = new ManualClock();
    const deks = new SqliteDekStore(database, { clock });
    await deks.count({ product: 'sample' });
    database.exec('CREATE TABLE yours (id TEXT)');
    const insert = database.prepare('INSERT INTO yours VALUES (?)');
    const letGo = await file.lock();
    expect(() => insert.run('y1')).toThrow('database is locked');
    await letGo();
    const created = await deks.create(sampleRow());
    insert.run('y1');
    const elsewhere = new Database(path);
    expect(await new SqliteDekStore(elsewhere).get(sampleRow().id)).toEqual(created);
    expect(elsewhere.prepare('SELECT * FROM yours').all()).toEqual([{ id: 'y1' }]);
  });

  it('is refused inside a transaction that you hold open: it could be rolled back', async () => {
    const database = new Database(path);
    const store = new SqliteDekStore(database);
    await store.count({ product: 'sample' });
    database.exec('BEGIN');
    await expect(store.create(sampleRow())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      cause: { message: 'cannot start a transaction within a transaction' },
      message:
        'The SQLite table "dek_store" was not written: your own transaction is open on its handle. Commit or roll back before you call the store, or use a separate handle for the store',
    });
    expect(database.inTransaction).toBe(true);
    database.exec('COMMIT');
    expect(await store.get(sampleRow().id)).toBeUndefined();
  });
});

describe('errors of a driver', () => {
  /** A driver whose every write fails in one way, and then works. */
  function failingOnce(error: unknown): SqliteHandle {
    const database = new Database(path);
    let hasFailed = false;
    return {
      exec: (sql) => database.exec(sql),
      prepare: (sql) => {
        const statement = database.prepare(sql);
        return {
          all: (...values) => statement.all(...values),
          run: (...values) => {
            if (hasFailed) return statement.run(...values);
            hasFailed = true;
            throw error as Error;
          },
        };
      },
    };
  }

  const errorWith = (properties: object) => Object.assign(new Error('no luck'), properties);

  it.each([
    { code: 'SQLITE_BUSY' },
    { code: 'SQLITE_BUSY_SNAPSHOT' },
    { code: 'SQLITE_BUSY_RECOVERY' },
    { code: 'SQLITE_LOCKED' },
    { code: 'SQLITE_LOCKED_SHAREDCACHE' },
    { code: 'ERR_SQLITE_ERROR', errcode: 5 },
    { code: 'ERR_SQLITE_ERROR', errcode: 517 },
    { code: 'ERR_SQLITE_ERROR', errcode: 6 },
    { code: 'ERR_SQLITE_ERROR', errcode: 262 },
  ])('that mean a lock are waited out: %o', async (properties) => {
    const store = new SqliteDekStore(failingOnce(errorWith(properties)));
    expect((await store.create(sampleRow())).value).toEqual(sampleRow());
  });

  it.each([
    { code: 'SQLITE_FULL' },
    { code: 'SQLITE_BUSYBODY' },
    { code: 'SQLITE_IOERR_LOCK' },
    { code: 'ERR_SQLITE_ERROR', errcode: 13 },
    { code: 'ERR_SQLITE_ERROR', errcode: 1_555 },
    {},
  ])('of any other kind end the call, with their cause kept: %o', async (properties) => {
    const cause = errorWith(properties);
    const store = new SqliteDekStore(failingOnce(cause));
    const error: unknown = await store.create(sampleRow()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: 'STORE_FAILED',
      retryable: false,
      message: 'SQLite failed on the table "dek_store": its own error is the cause of this one',
    });
    expect((error as StoreError).cause).toBe(cause);
  });

  it('change nothing: the next call is free to succeed', async () => {
    const store = new SqliteDekStore(failingOnce(errorWith({ code: 'SQLITE_FULL' })));
    await expect(store.create(sampleRow())).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect((await store.create(sampleRow())).value).toEqual(sampleRow());
  });
});

describe('a long run of calls', () => {
  it('pauses as a whole: no caller goes on while another waits for the event loop', async () => {
    const CALLERS = 8;
    let [nowMs, pauses, sincePause, most] = [0, 0, 0, 0];
    const clock = {
      ...systemClock,
      monotonicMs: () => (nowMs += 1),
      sleep: async () => {
        [pauses, sincePause] = [pauses + 1, 0];
        await new Promise((resolve) => setTimeout(resolve, 1));
        most = Math.max(most, sincePause);
      },
    };
    const all = (): unknown[] => {
      sincePause += 1;
      return [];
    };
    const counting = { exec: () => 0, prepare: () => ({ run: () => ({ changes: 0 }), all }) };
    const store = new SqliteDekStore(counting, { clock });
    const callAgainAndAgain = async (): Promise<void> => {
      for (let calls = 0; calls < 100; calls += 1) await store.get(sampleRow().id);
    };
    await Promise.all(Array.from({ length: CALLERS }, callAgainAndAgain));
    expect(pauses).toBeGreaterThan(20);
    // Each may finish the call that it had begun.
    expect(most).toBeLessThan(CALLERS);
  });

  it('lets the event loop turn', async () => {
    const store = new SqliteDekStore(new Database(path));
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    for (let call = 0; call < 3_000; call += 1) await store.get(sampleRow().id);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  });
});
