import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import Database from 'libsql';
import { expect, it, onTestFinished } from 'vitest';
import {
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  type EncryptedDocument,
} from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { perLane } from '../support/lane.js';

interface Note {
  workspaceId: string;
  id: string;
  body: string;
}

const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['body'],
});

const NOTES = 150;
const ROUNDS = perLane(1, 5);
const AUTHORS = ['first', 'second'];

function startSealing(file: string, key: string, author: string): ChildProcess {
  const script = join(import.meta.dirname, 'seal-notes.mjs');
  const args = [script, file, key, String(NOTES), author];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function sealTogether(
  file: string,
  key: string,
): Promise<EncryptedDocument<typeof note>[][]> {
  const children = AUTHORS.map((author) => startSealing(file, key, author));
  const outputs = children.map((child) =>
    createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })[
      Symbol.asyncIterator
    ](),
  );
  for (const output of outputs) expect((await output.next()).value).toBe('ready');
  for (const child of children) child.stdin?.write('go\n');
  const lines = await Promise.all(outputs.map((output) => output.next()));
  for (const child of children) if (child.exitCode === null) await once(child, 'exit');
  return lines.map(({ value }) => JSON.parse(String(value)) as EncryptedDocument<typeof note>[]);
}

it('two processes that seal the same new documents agree on every DEK, and all of it opens', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const folder = mkdtempSync(join(tmpdir(), 'first-dek-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const file = join(folder, 'deks.sqlite');
    const key = randomBytes(32).toString('base64');
    const [first = [], second = []] = await sealTogether(file, key);
    expect(first).toHaveLength(NOTES);
    expect(second.map(({ body }) => body.dekId)).toEqual(first.map(({ body }) => body.dekId));

    const dekStore = new SqliteDekStore(new Database(file));
    const keyProviders = [new EnvKeyProvider({ key })];
    const reader = createFieldEncryptor({ product: 'notelett', keyProviders, dekStore });
    expect(await dekStore.count({ product: 'notelett' })).toBe(NOTES);
    for (const [index, sealed] of [first, second].entries()) {
      const outcomes = await reader.decryptDocuments(note, sealed);
      const bodies = outcomes.map((outcome) => outcome.ok && outcome.document.body);
      const author = String(AUTHORS[index]);
      expect(bodies).toEqual(sealed.map(({ id }) => `${author} wrote ${id}`));
    }
  }
});
