import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { expect, it, onTestFinished } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { rejection } from '../support/failure.js';

const SCRIPT = join(import.meta.dirname, 'abandon-dek.mjs');
const PRODUCT = 'notelett';

const note = defineDocument<{ id: string; body: string }>()({
  collection: 'notes',
  key: ['id'],
  fields: ['body'],
});

interface Outcome {
  readonly abandoned?: boolean;
  readonly digest?: string;
  readonly code?: string;
  readonly message?: string;
}

function inChild(job: Readonly<Record<string, string | undefined>>): Outcome {
  const output = execFileSync(process.execPath, [SCRIPT, JSON.stringify(job)]);
  return JSON.parse(output.toString()) as Outcome;
}

it('another process abandons exactly the row that it examined, and none that is not lost', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'abandon-dek-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'deks.sqlite');
  const [key, otherKey] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
  const dekStore = new SqliteDekStore(new Database(file));
  const parts = { product: PRODUCT, keyProviders: [new EnvKeyProvider({ key })], dekStore };
  const stored = await createFieldEncryptor(parts).encryptDocument(note, { id: '1', body: 'Hi' });
  const { dekId } = stored.body;
  const sound = (await dekStore.get(dekId))?.value as DekRow;
  const put = async (row: object): Promise<void> => {
    await dekStore.replace(row as DekRow, (await dekStore.get(dekId))?.etag ?? '');
  };
  const contents = async (): Promise<unknown> => (await dekStore.list({ product: PRODUCT })).items;

  const before = await contents();
  const prefix = `DEK ${dekId} was not abandoned, and nothing was written: `;
  expect(inChild({ file, key, dekId })).toEqual({
    code: 'ABANDON_REFUSED',
    message: `${prefix}its row opens, so nothing is lost`,
  });
  // The operator forgot the key, which loses nothing.
  const forgotten = inChild({ file, key: otherKey, dekId });
  expect(forgotten.message).toMatch(/did not answer \(MEK_VERSION_UNKNOWN\): make it available/);
  expect(await contents()).toEqual(before);

  await put({ ...sound, createdAt: 'yesterday' });
  const { digest = '' } = inChild({ file, key, dekId });
  await put(sound);
  const repaired = await contents();
  expect(inChild({ file, key, dekId, confirm: digest })).toMatchObject({ code: 'ABANDON_REFUSED' });
  expect(await contents()).toEqual(repaired);

  await put({ ...sound, createdAt: 'yesterday' });
  const done = inChild({ file, key, dekId, confirm: digest });
  expect(done).toEqual({ damage: 'altered', digest, abandoned: true });
  const reader = createFieldEncryptor(parts);
  expect(await rejection(reader.decryptDocument(note, stored))).toMatchObject({
    code: 'DEK_SHREDDED',
    dekId,
  });
});
