import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { expect, it, onTestFinished } from 'vitest';
import {
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  findMissingDeks,
  importDekRows,
  type DekStore,
  type FieldEncryptor,
} from '../../src/index.js';
import { scopeIdIn } from '../../src/format/key-scope.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';

const SCRIPT = join(import.meta.dirname, 'shred-notes.mjs');
const PRODUCT = 'notelett';

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

async function itemsOf(store: DekStore): Promise<readonly unknown[]> {
  return (await store.list({ product: PRODUCT }, { pageSize: 100 })).items;
}

async function outcomes(
  encryptor: FieldEncryptor,
  from: DekStore,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const event of importDekRows(encryptor, { from })) {
    if (event.type === 'passed') break;
    if (event.type === 'skipped') found[event.dekId] = event.reason;
    if (event.type === 'changed') found[event.dekId] = event.type;
  }
  return found;
}

it('rows of a restored file come back, except where another process shredded or wrote since', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'import-rows-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const [file, copy] = [join(folder, 'deks.sqlite'), join(folder, 'restored.sqlite')];
  const key = randomBytes(32).toString('base64');
  const live = new Database(file);
  const dekStore = new SqliteDekStore(live);
  const encryptor = createFieldEncryptor({
    product: PRODUCT,
    keyProviders: [new EnvKeyProvider({ key })],
    dekStore,
    fenceTtlMs: 1_000,
  });
  const documents = new MemoryDocumentStore({ key: note.key });
  const dekIds: string[] = [];
  for (const id of ['lost', 'shredded', 'rewritten', 'untouched']) {
    const sealed = await encryptor.encryptDocument(note, { workspaceId: 'ws-1', id, body: id });
    await documents.create(sealed);
    dekIds.push(sealed.body.dekId);
  }
  live.exec(`VACUUM INTO '${copy}'`);
  const [lost = '', shredded = '', rewritten = '', untouched = ''] = dekIds;
  for (const dekId of [lost, rewritten]) {
    const item = await dekStore.get(dekId);
    await dekStore.deleteItem(scopeIdIn(dekId), dekId, item?.etag ?? '');
  }
  const job = { file, key, shred: ['shredded'], write: ['rewritten'] };
  execFileSync(process.execPath, [SCRIPT, JSON.stringify(job)]);
  const before = await itemsOf(dekStore);

  const from = new SqliteDekStore(new Database(copy));
  expect(await outcomes(encryptor, from)).toEqual({
    [lost]: 'changed',
    [shredded]: 'shredded',
    [rewritten]: 'other-dek',
    [untouched]: 'present',
  });
  const after = await itemsOf(dekStore);
  expect(after).toHaveLength(4);
  expect(after).toEqual(expect.arrayContaining([...before]));
  expect((await dekStore.get(lost))?.value).toEqual((await from.get(lost))?.value);

  const missing: string[] = [];
  for await (const event of findMissingDeks(encryptor, note, documents)) {
    if (event.type === 'missing') missing.push(`${String(event.key['id'])}: ${event.reason}`);
  }
  expect(missing).toEqual(['shredded: shredded']);
});
