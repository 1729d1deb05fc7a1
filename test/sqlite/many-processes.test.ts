import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { sampleRow } from '../../src/testing/sample-items.js';
import { perLane } from '../support/lane.js';

const SCRIPT = join(import.meta.dirname, 'increment-epoch.ts');
const PROCESSES = perLane(2, 6);
const ROUNDS = perLane(15, 50);

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function messageOf(child: ChildProcess): Promise<unknown> {
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the child ended with ${String(code)}`);
  });
  const [message] = (await Promise.race([once(child, 'message'), failed])) as [unknown];
  failed.catch(() => undefined);
  return message;
}

describe('many processes on one new SQLite file', () => {
  it('open it at the same time, create one row once, and lose no update of it', async () => {
    const path = join(directory, 'store.db');
    const children = Array.from({ length: PROCESSES }, () =>
      fork(SCRIPT, [path, String(ROUNDS)], { execArgv: ['--import', 'tsx'] }),
    );
    await Promise.all(children.map(messageOf));
    for (const child of children) child.send('go');
    const outcomes = await Promise.all(children.map(messageOf));
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    const store = new SqliteDekStore(new Database(path));
    const stored = await store.get(sampleRow().id);
    expect(stored?.value).toEqual(sampleRow({ epoch: 1 + PROCESSES * ROUNDS }));
  });
});
