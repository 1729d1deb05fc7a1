import { readFileSync } from 'node:fs';
import Database from 'libsql';
import { expect, it } from 'vitest';
import { SqliteDekStore } from '../../../src/sqlite/index.js';
import { decryptAny, encryptAny, KEY, setup } from '../../support/encryptor.js';
import { failure } from '../../support/failure.js';
import { PREVIOUS_RECORD_KEY } from '../../support/records.js';
import { accepting, required, reseal } from '../../support/resealing.js';

const PAGE = readFileSync(new URL('../../../docs/records.md', import.meta.url), 'utf8');

it('a lost record key is replaced as docs/records.md describes', async () => {
  const database = new Database(':memory:');
  const dekStore = new SqliteDekStore(database);
  const before = setup({ dekStore, recordKey: PREVIOUS_RECORD_KEY });
  const stored = await encryptAny(before.encryptor, { ...KEY, body: 'text' });
  const { clock } = before;
  const operator = setup({ dekStore, clock, ...accepting });
  expect(await failure(decryptAny(operator.encryptor, stored))).toMatchObject({
    code: 'RECORD_KEY_UNKNOWN',
  });
  const [, statement = ''] = /```sql\n(.*?)```/s.exec(PAGE) ?? [];
  database.exec(statement);
  expect(await decryptAny(operator.encryptor, stored)).toMatchObject({ body: 'text' });
  expect((await reseal(operator)).summary).toMatchObject({ complete: true, changed: 1 });
  const after = setup({ dekStore, clock, ...required });
  expect(await decryptAny(after.encryptor, stored)).toMatchObject({ body: 'text' });
  database.close();
});
