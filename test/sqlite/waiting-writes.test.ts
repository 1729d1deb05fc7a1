import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/async/clock.js';
import { SqliteDocumentStore } from '../../src/sqlite/index.js';
import { ManualClock } from '../../src/testing/index.js';
import { turn } from '../support/deferred.js';
import { letTimePass, LockedFile } from './locked-file.js';

interface Note {
  readonly id: string;
  readonly text?: string;
}

const IDS = Array.from({ length: 100 }, (_each, index) => `n${String(index).padStart(3, '0')}`);

let file: LockedFile;
let handle: InstanceType<typeof Database>;
let store: SqliteDocumentStore<Note>;

beforeEach(async () => {
  file = new LockedFile();
  handle = new Database(file.path);
  store = new SqliteDocumentStore<Note>(handle, { table: 'notes', key: ['id'] });
  await store.create({ id: 'first' });
});

afterEach(() => file.remove());

/** Counts what the store executes from here on. */
function count(isCounted: (sql: string) => boolean): () => number {
  const exec = handle.exec.bind(handle);
  let counted = 0;
  handle.exec = (sql) => {
    if (isCounted(sql)) counted += 1;
    return exec(sql);
  };
  return () => counted;
}

function storedElsewhere(): readonly string[] {
  const rows = new Database(file.path).prepare('SELECT document FROM notes ORDER BY document_key');
  return (rows.all() as { document: string }[]).map(
    ({ document }) => (JSON.parse(document) as Note).id,
  );
}

describe('writes that wait at the same time', () => {
  it('share transactions, of 64 writes at most', async () => {
    const commits = count((sql) => sql === 'COMMIT');
    await Promise.all(IDS.map((id) => store.create({ id })));
    expect(commits()).toBe(2);
    expect(storedElsewhere()).toEqual(['first', ...IDS]);
  });

  it('are on disk for other processes when the first of them is acknowledged', async () => {
    const seen = await Promise.all(
      IDS.slice(0, 10).map((id) => store.create({ id }).then(storedElsewhere)),
    );
    expect(seen.map((ids) => ids.length)).toEqual(seen.map(() => 11));
  });

  it('are compared one after the other: of two replaces of one etag, one wins', async () => {
    const etag = (await store.get({ id: 'first' }))?.etag as string;
    const [one, other] = await Promise.allSettled([
      store.replace({ id: 'first', text: 'one' }, etag),
      store.replace({ id: 'first', text: 'other' }, etag),
    ]);
    expect(one.status).toBe('fulfilled');
    expect(other).toMatchObject({ status: 'rejected', reason: { code: 'ETAG_MISMATCH' } });
    expect((await store.get({ id: 'first' }))?.document.text).toBe('one');
  });

  it('that SQLite refuses for itself fail alone', async () => {
    handle.exec(`CREATE TRIGGER refuse BEFORE INSERT ON notes WHEN new.document LIKE '%n003%'
      BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END`);
    const ids = IDS.slice(0, 8);
    const outcomes = await Promise.allSettled(ids.map((id) => store.create({ id })));
    const refused = outcomes.map((outcome) =>
      outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'stored',
    );
    expect(refused).toEqual(ids.map((id) => (id === 'n003' ? 'STORE_FAILED' : 'stored')));
    expect(storedElsewhere()).toEqual(['first', ...ids.filter((id) => id !== 'n003')]);
  });

  it('are left out where their signal aborts before the transaction', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    // No pause is ever due, so both wait only for the transaction.
    const clock = { ...systemClock, monotonicMs: () => 0 };
    const waiting = new SqliteDocumentStore<Note>(handle, { table: 'notes', key: ['id'], clock });
    const calls = [
      waiting.create({ id: 'n1' }),
      waiting.create({ id: 'n2' }, { signal: controller.signal }),
    ];
    // It begins in the next turn of the event loop.
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    controller.abort(reason);
    const [kept, left] = await Promise.allSettled(calls);
    expect(kept?.status).toBe('fulfilled');
    expect(left).toEqual({ status: 'rejected', reason });
    expect(storedElsewhere()).toEqual(['first', 'n1']);
  });

  it('try together while another process has the lock, and are all written in the end', async () => {
    const clock = new ManualClock();
    const waiting = new SqliteDocumentStore<Note>(handle, { table: 'notes', key: ['id'], clock });
    await waiting.get({ id: 'first' });
    const letGo = await file.lock();
    const attempts = count((sql) => sql.endsWith('BEGIN IMMEDIATE'));
    const writing = Promise.all(IDS.slice(0, 10).map((id) => waiting.create({ id })));
    while (clock.sleeping < 10) await turn();
    // Each attempt blocks the event loop for a while.
    expect(attempts()).toBe(1);
    await letGo();
    await letTimePass(clock, writing);
    expect(storedElsewhere()).toEqual(['first', ...IDS.slice(0, 10)]);
  });
});
