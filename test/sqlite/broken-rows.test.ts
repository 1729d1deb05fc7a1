import Database from 'libsql';
import { expect, it } from 'vitest';
import {
  createFieldEncryptor,
  rewrapAllDeks,
  takeCensus,
  type RewrapEvent,
} from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { encryptAny, KEY, note, PRODUCT, type Loose } from '../support/encryptor.js';
import { envKeys, targetOf } from '../support/rotations.js';

async function written(): Promise<readonly [InstanceType<typeof Database>, Loose[], string]> {
  const database = new Database(':memory:');
  const dekStore = new SqliteDekStore(database);
  const keyProviders = [envKeys('a')];
  const encryptor = createFieldEncryptor({
    product: PRODUCT,
    keyProviders,
    dekStore,
    fenceTtlMs: 1_000,
  });
  const list: Loose[] = [];
  for (const id of ['n0', 'n1', 'n2', 'n3', 'n4']) {
    list.push(await encryptAny(encryptor, { ...KEY, id, body: `of ${id}` }));
  }
  const { dekId } = list[2]?.['body'] as { readonly dekId: string };
  database.prepare("UPDATE dek_store SET item = '{' WHERE id = ?").run(dekId);
  return [database, list, dekId];
}

it('a row that is not JSON fails its own document alone', async () => {
  const [database, list] = await written();
  const dekStore = new SqliteDekStore(database);
  const reader = createFieldEncryptor({ product: PRODUCT, keyProviders: [envKeys('a')], dekStore });
  const outcomes = await reader.decryptDocuments(note, list as never[]);
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, true, true]);
  expect(outcomes[2]).toMatchObject({ error: { code: 'STORE_FAILED' } });
});

it('a row that is not JSON is an event of the rewrap, and keeps it from completing', async () => {
  const [database, , dekId] = await written();
  const dekStore = new SqliteDekStore(database);
  const encryption = { product: PRODUCT, keyProviders: [envKeys('b', 'a')], dekStore };
  const failed: RewrapEvent[] = [];
  for await (const event of rewrapAllDeks(encryption, { target: await targetOf('b') })) {
    if (event.type === 'failed') failed.push(event);
    if (event.type === 'finished') {
      expect(event.summary).toMatchObject({ complete: false, changed: 4, failed: 1 });
    }
  }
  expect(failed.length).toBeGreaterThan(0);
  for (const event of failed)
    expect(event).toMatchObject({ dekId, error: { code: 'STORE_FAILED' } });
  expect(await takeCensus(encryption)).toMatchObject({
    rows: 5,
    active: 4,
    unreadable: 1,
    unreadableRows: [{ dekId }],
    settled: false,
  });
});
