import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { injectFaults, MemoryDekStore, MemoryDocumentStore } from '../../src/testing/index.js';
import { sampleLease, sampleRecord, sampleRow } from '../../src/testing/sample-items.js';
import { Ledger } from './ledger.js';
import { readLiveSettings } from './live-settings.js';
import { notedDekStore, notedDocumentStore } from './noted.js';

describe('the settings of the live tests', () => {
  const settings = {
    AZURE_KEYVAULT_URL: 'https://notelett.vault.azure.net',
    FIELD_ENCRYPT_MEK_NAME: 'notelett-test',
    COSMOS_ENDPOINT: 'https://notelett.documents.azure.com:443/',
  };
  const heading = 'The live tests are not configured, and touched nothing:\n- ';
  const unmarked = 'is not named for tests: "test" must stand in it, as in "notelett-test"';

  it('take names for tests where none are given', () => {
    expect(readLiveSettings(settings)).toEqual({
      vaultUrl: 'https://notelett.vault.azure.net',
      mekName: 'notelett-test',
      cosmosEndpoint: 'https://notelett.documents.azure.com:443/',
      cosmosKey: undefined,
      database: 'field-encrypt-test',
      dekContainer: 'dek-store-test',
      documentsContainer: 'documents-test',
      allowsLoopback: false,
    });
  });

  it.each(['test', 'tests', 'test-deks', 'deks_test', 'my-test-deks', 'my_tests_2'])(
    'take "%s" for a name for tests',
    (name) => {
      expect(readLiveSettings({ ...settings, COSMOS_CONTAINER: name }).dekContainer).toBe(name);
    },
  );

  it.each(['dek_store', 'latest', 'contest-deks', 'testing', 'attest', 'testament-2', 'deks2test'])(
    'refuse "%s" as a name for tests',
    (name) => {
      for (const variable of ['COSMOS_CONTAINER', 'COSMOS_DOCUMENTS_CONTAINER']) {
        expect(() => readLiveSettings({ ...settings, [variable]: name })).toThrow(
          `${heading}${variable} ${unmarked}`,
        );
      }
    },
  );

  it('refuse a MEK that is not named for tests', () => {
    expect(() => readLiveSettings({ ...settings, FIELD_ENCRYPT_MEK_NAME: 'notelett-mek' })).toThrow(
      `${heading}FIELD_ENCRYPT_MEK_NAME ${unmarked}`,
    );
  });

  it.each(['..', 'test/../deks', 'test?', 'test#', 'test deks', ''])(
    'refuse "%s" as a name of a container or database',
    (name) => {
      for (const variable of ['COSMOS_CONTAINER', 'COSMOS_DATABASE']) {
        expect(() => readLiveSettings({ ...settings, [variable]: name })).toThrow(
          `${heading}${variable} `,
        );
      }
    },
  );

  it('refuse one container for both', () => {
    const env = { ...settings, COSMOS_CONTAINER: 'test', COSMOS_DOCUMENTS_CONTAINER: 'test' };
    expect(() => readLiveSettings(env)).toThrow(
      `${heading}COSMOS_DOCUMENTS_CONTAINER must be another container than COSMOS_CONTAINER`,
    );
  });

  it('refuse a vault or account on this machine unless that is allowed', () => {
    const local = {
      AZURE_KEYVAULT_URL: 'https://localhost:8443',
      COSMOS_ENDPOINT: 'https://127.0.0.1:8081/',
    };
    const told = 'is on this machine: for an emulator, set FIELD_ENCRYPT_TEST_ALLOW_LOOPBACK=1';
    expect(() => readLiveSettings({ ...settings, ...local })).toThrow(
      `${heading}AZURE_KEYVAULT_URL ${told}\n- COSMOS_ENDPOINT ${told}`,
    );
    const allowed = { ...settings, ...local, FIELD_ENCRYPT_TEST_ALLOW_LOOPBACK: '1' };
    expect(readLiveSettings(allowed)).toMatchObject({ allowsLoopback: true });
    expect(() =>
      readLiveSettings({ ...settings, FIELD_ENCRYPT_TEST_ALLOW_LOOPBACK: 'true' }),
    ).toThrow(`${heading}FIELD_ENCRYPT_TEST_ALLOW_LOOPBACK must be "1"`);
  });

  it('refuse addresses that are more than a host, or not https', () => {
    for (const address of ['http://notelett.vault.azure.net', 'https://host/keys/test', 'host']) {
      for (const variable of ['AZURE_KEYVAULT_URL', 'COSMOS_ENDPOINT']) {
        expect(() => readLiveSettings({ ...settings, [variable]: address })).toThrow(
          `${heading}${variable} must be https:// and a host, without path or query`,
        );
      }
    }
  });
});

describe('the ledger of the live tests', () => {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-ledger-'));
  const document = { workspaceId: 'w1', id: 'n1' };
  const row = sampleRow();
  const down = () => ({ before: new Error('down') });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('has every document before it is sent, whatever becomes of it, and for every process', async () => {
    const file = join(folder, 'documents');
    const ledger = new Ledger(file);
    const memory = new MemoryDocumentStore({ key: ['workspaceId', 'id'] });
    const store = notedDocumentStore(injectFaults(memory, down), ledger, 'documents-test');
    await expect(store.create(document)).rejects.toThrow('down');
    const place = { container: 'documents-test', partition: 'w1', id: 'n1' };
    expect([ledger.has(place), new Ledger(file).has(place)]).toEqual([true, true]);
    for (const other of [{ container: 'other' }, { partition: 'w2' }, { id: 'n2' }]) {
      expect(ledger.has({ ...place, ...other })).toBe(false);
    }
  });

  it('has every row, record and lease before it is sent, by the id that Cosmos DB knows', async () => {
    const ledger = new Ledger(join(folder, 'deks'));
    const store = notedDekStore(injectFaults(new MemoryDekStore(), down), ledger, 'deks-test');
    const lease = sampleLease('sample', 'a/b');
    await expect(store.create(row)).rejects.toThrow('down');
    await expect(store.createItem(sampleRecord())).rejects.toThrow('down');
    await expect(store.createItem(lease)).rejects.toThrow('down');
    const has = (partition: string, id: string): boolean =>
      ledger.has({ container: 'deks-test', partition, id });
    expect(has(row.scopeId, row.id)).toBe(true);
    expect(has('rotation:sample', 'rotation')).toBe(true);
    expect(has('lease:sample', 'lease:a~2Fb')).toBe(true);
  });

  it('leaves out what was cut off as its process was killed', () => {
    const file = join(folder, 'cut');
    writeFileSync(file, '["test","w1","n1"]\n["test","w1","n2"]');
    const has = (id: string): boolean =>
      new Ledger(file).has({ container: 'test', partition: 'w1', id });
    expect([has('n1'), has('n2')]).toEqual([true, false]);
  });
});
