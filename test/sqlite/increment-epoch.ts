/**
 * One of many processes that add 1 to the epoch of one row, again and again:
 * node --import tsx increment-epoch.ts <file> <rounds>
 */
import { once } from 'node:events';
import Database from 'libsql';
import type { ActiveDekRow } from '../../src/adapters.js';
import { StoreError } from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { sampleRow } from '../../src/testing/sample-items.js';

const [path = '', rounds = '0'] = process.argv.slice(2);

function isLostRace(error: unknown): boolean {
  return error instanceof StoreError && !error.retryable && error.code !== 'STORE_FAILED';
}

async function createOrLose(store: SqliteDekStore): Promise<boolean> {
  try {
    await store.create(sampleRow());
    return true;
  } catch (error) {
    if (!isLostRace(error)) throw error;
    return false;
  }
}

async function increment(store: SqliteDekStore): Promise<void> {
  for (;;) {
    const item = await store.get(sampleRow().id);
    if (item === undefined) throw new Error('the row is absent');
    const row = item.value as ActiveDekRow;
    try {
      await store.replace({ ...row, epoch: row.epoch + 1 }, item.etag);
      return;
    } catch (error) {
      if (!isLostRace(error)) throw error;
    }
  }
}

process.send?.('ready');
await once(process, 'message');
const store = new SqliteDekStore(new Database(path));
const hasCreated = await createOrLose(store);
for (let round = 0; round < Number(rounds); round += 1) await increment(store);
process.send?.(hasCreated ? 'created' : 'joined');
process.disconnect();
