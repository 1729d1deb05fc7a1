import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, it } from 'vitest';
import { authenticateRecords, type DekStore } from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import {
  dekStoreContract,
  injectFaults,
  MemoryDekStore,
  type DekStoreSubject,
} from '../../src/testing/index.js';
import { PREVIOUS_RECORD_KEY, RECORD_KEY } from '../support/records.js';
import { someOfEachRule } from '../support/contract-cases.js';

function authenticated(store: DekStore): DekStore {
  return authenticateRecords(store, {
    recordKey: RECORD_KEY,
    previousRecordKeys: [PREVIOUS_RECORD_KEY],
  });
}

function makeMemorySubject(): DekStoreSubject {
  let isDown = false;
  const memory = injectFaults(new MemoryDekStore(), () =>
    isDown ? { before: new Error('the store is down') } : undefined,
  );
  const store = authenticated(memory);
  return { store, reopen: () => authenticated(memory), breakReads: () => void (isDown = true) };
}

function makeSqliteSubject(): DekStoreSubject {
  const directory = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
  const handles: Database.Database[] = [];
  const open = (): Database.Database => {
    const handle = new Database(join(directory, 'store.db'));
    handles.push(handle);
    return handle;
  };
  const reopen = (): DekStore => authenticated(new SqliteDekStore(open()));
  return {
    store: reopen(),
    reopen,
    breakReads: () => void open().exec('DROP TABLE dek_store'),
    dispose: () => {
      for (const handle of handles) handle.close();
      rmSync(directory, { recursive: true });
    },
  };
}

describe('authenticateRecords(MemoryDekStore)', () => {
  for (const { rule, name, run } of dekStoreContract(makeMemorySubject)) it(`${rule} ${name}`, run);
});

describe('authenticateRecords(SqliteDekStore)', () => {
  const cases = someOfEachRule(dekStoreContract(makeSqliteSubject));
  for (const { rule, name, run } of cases) it(`${rule} ${name}`, run);
});
