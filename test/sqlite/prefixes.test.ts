import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { SqliteDocumentStore } from '../../src/sqlite/index.js';
import { failure } from '../support/failure.js';

const KEY = ['workspaceId', 'id'];

async function store(): Promise<{ readonly notes: SqliteDocumentStore; readonly plans: string[] }> {
  const database = new Database(':memory:');
  const notes = new SqliteDocumentStore(database, { table: 'notes', key: KEY });
  for (const workspaceId of ['w0', 'w1', 'w2']) {
    for (const id of ['n1', 'n2']) await notes.create({ workspaceId, id });
  }
  const plans: string[] = [];
  const prepare = database.prepare.bind(database);
  database.prepare = (sql: string) => {
    if (sql.includes('ORDER BY')) {
      const rows = prepare(`EXPLAIN QUERY PLAN ${sql}`).all('a', 'b', 1) as { detail: string }[];
      plans.push(...rows.map(({ detail }) => detail));
    }
    return prepare(sql);
  };
  return { notes, plans };
}

describe('list with a prefix', () => {
  it('reads the range of the index alone, and sorts nothing', async () => {
    const { notes, plans } = await store();
    const { items } = await notes.list({ prefix: { workspaceId: 'w1' } });
    expect(items.map(({ document }) => document)).toEqual([
      { workspaceId: 'w1', id: 'n1' },
      { workspaceId: 'w1', id: 'n2' },
    ]);
    expect(plans).toEqual([
      expect.stringMatching(
        /^SEARCH notes USING INDEX \S+ \(document_key>\? AND document_key<\?\)$/,
      ),
    ]);
  });

  it.each(['prefix:["w1"]:["w0","n1"]', 'prefix:["w1"]:', 'prefix:["w1"]:["w1"]', '["w1","n1"]'])(
    'refuses %s as a continuation, which would list another workspace or skip its own documents',
    async (continuation) => {
      const { notes } = await store();
      const work = notes.list({ prefix: { workspaceId: 'w1' }, continuation });
      expect((await failure(work)).name).toBe('RangeError');
    },
  );
});
