/** Reseals that are killed, beside a process that reads and writes. */
import { readRotationItem } from '../../src/store/dek-store.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import Database from 'libsql';
import { expect, it, onTestFinished } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import type { MaintenanceSummary } from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  MEK_HEX,
  note,
  PRODUCT,
  setup,
  type Loose,
  type SetupOptions,
} from '../support/encryptor.js';
import { PREVIOUS_RECORD_KEY, RECORD_KEY, RECORD_KEY_ID } from '../support/records.js';
import { perLane, someOf } from '../support/lane.js';

const SCRIPT = join(import.meta.dirname, 'killed-reseal-child.mjs');
const NOTES = 60;
const KILLED_AFTER = perLane([7], [1, 7, 20]);

/** @returns What it printed last; `kill me` where it was killed. */
async function reseal(file: string, records: object, killAfter?: number): Promise<string> {
  const input = JSON.stringify({ file, key: MEK_HEX, killAfter, ...records });
  const child = spawn(process.execPath, [SCRIPT, input], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  let last = '';
  for await (const line of createInterface({ input: child.stdout })) {
    last = line;
    if (line === 'kill me') child.kill('SIGKILL');
  }
  const [code, signal] = (await ended) as [number | null, string | null];
  expect([code, signal]).toEqual(last === 'kill me' ? [null, 'SIGKILL'] : [0, null]);
  return last;
}

it.each(
  someOf([
    ['turns it on', {}, { recordKey: RECORD_KEY, insecureAcceptUnauthenticatedRecords: true }],
    [
      'changes the key',
      { recordKey: PREVIOUS_RECORD_KEY },
      { recordKey: RECORD_KEY, previousRecordKeys: [PREVIOUS_RECORD_KEY] },
    ],
  ] as const),
)(
  'one that %s is finished by the next, and no call is refused meanwhile',
  async (_what, before, during) => {
    const directory = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
    const database = new Database(join(directory, 'store.db'));
    onTestFinished(() => {
      database.close();
      rmSync(directory, { recursive: true });
    });
    const dekStore = new SqliteDekStore(database);
    const process = (options: SetupOptions): ReturnType<typeof setup> =>
      setup({ dekStore, ...options });
    const stored: Loose[] = [];
    const write = async ({ encryptor }: ReturnType<typeof setup>): Promise<void> => {
      const id = `note-${String(stored.length)}`;
      stored.push(await encryptAny(encryptor, { ...KEY, id, body: `of ${id}` }));
    };
    const first = process(before);
    for (let index = 0; index < NOTES; index += 1) await write(first);
    await first.encryptor.shred(note, { ...KEY, id: String(stored.pop()?.['id']) });

    const run = { isOver: false };
    const traffic = (async () => {
      while (!run.isOver) {
        const beside = process(during);
        await write(beside);
        const any = stored[Math.floor(Math.random() * stored.length)] as Loose;
        expect((await decryptAny(beside.encryptor, any))['body']).toBe(`of ${String(any['id'])}`);
        await turn();
      }
    })();
    for (const killAfter of KILLED_AFTER) {
      expect(await reseal(join(directory, 'store.db'), during, killAfter)).toBe('kill me');
    }
    const summary = JSON.parse(
      await reseal(join(directory, 'store.db'), during),
    ) as MaintenanceSummary;
    run.isOver = true;
    await traffic;
    expect(summary).toMatchObject({ complete: true, failed: 0 });
    const sum = KILLED_AFTER.reduce((total, each) => total + each);
    expect(summary.changed).toBeLessThanOrEqual(NOTES - sum);

    const reader = process({ recordKey: RECORD_KEY });
    for (const each of stored) {
      expect((await decryptAny(reader.encryptor, each))['body']).toBe(`of ${String(each['id'])}`);
    }
    const { items } = await dekStore.list({ product: PRODUCT }, { pageSize: 10_000 });
    const record = await readRotationItem(dekStore, PRODUCT);
    const ids = [...items, record].map((item) => (item?.value as DekRow).macKeyId);
    expect(new Set(ids)).toEqual(new Set([RECORD_KEY_ID]));
    expect(items).toHaveLength(stored.length + 1);
  },
  120_000,
);
