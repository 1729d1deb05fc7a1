/** The modes of the command in their order of use, on a Key Vault and a Cosmos DB for tests, over HTTPS. */
import { randomBytes } from 'node:crypto';
import type { Container } from '@azure/cosmos';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AzureEmulators } from '../../examples/azure/emulators.js';
import { CommandWorld, noteOf, PRODUCT, type CommandOutcome } from '../support/command-world.js';
import { PAIR } from '../support/recovery-pairs.js';

const MEK = 'notelett-mek';
const NOTES = 6;
const DATABASE = 'notelett';

let azure: AzureEmulators;
let world: CommandWorld;
let notes: Container;
let deks: Container;
let copy: Container;
const recordKey = randomBytes(32).toString('base64');
const versions = { old: '', new: '' };

beforeAll(async () => {
  azure = await AzureEmulators.start();
  const { database } = await azure.cosmos.client().databases.createIfNotExists({ id: DATABASE });
  const partitionKey = { paths: ['/workspaceId'] };
  await database.containers.createIfNotExists({ id: 'notes', partitionKey });
  await database.containers.createIfNotExists({
    id: 'dek_copy',
    partitionKey: { paths: ['/scopeId'] },
  });
  [notes, deks, copy] = ['notes', 'dek_store', 'dek_copy'].map((id) => database.container(id)) as [
    Container,
    Container,
    Container,
  ];
  for (let at = 0; at < NOTES; at += 1) await notes.items.create(noteOf(at));
  [versions.old = ''] = azure.vault.versionsOf(MEK);
  versions.new = await azure.vault.rotateKey(MEK);
  world = await CommandWorld.make({ config: configuration });
  world.write('recovery.pem', PAIR.privateKey);
  world.write('recovery-public.pem', PAIR.publicKey);
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await azure.stop();
});

function configuration(): object {
  const account = {
    type: 'cosmos',
    endpoint: { env: 'COSMOS_ENDPOINT' },
    key: { env: 'COSMOS_KEY' },
    database: DATABASE,
  };
  const provider = {
    type: 'azure-key-vault',
    vaultUrl: { env: 'AZURE_KEYVAULT_URL' },
    mekName: MEK,
    mekVersion: versions.old,
    insecureAllowLoopback: true,
  };
  return {
    products: {
      [PRODUCT]: {
        providers: [provider],
        dekStore: { ...account, container: 'dek_store', readLagMs: 0 },
        recordKey: { env: 'RECORD_KEY' },
        recoveryKey: { file: 'recovery-public.pem' },
        fenceTtlMs: 1_000,
        collections: {
          notes: {
            definition: { key: ['workspaceId', 'id'], fields: ['body', 'tags[]'] },
            documentStore: { ...account, container: 'notes', partitionKey: 'workspaceId' },
          },
        },
        copies: { drill: { dekStore: { ...account, container: 'dek_copy', readLagMs: 0 } } },
        retention: { soak: '24h', backupWindow: '30d' },
      },
    },
  };
}

function run(...args: readonly string[]): Promise<CommandOutcome> {
  azure.vault.clearRequests();
  azure.cosmos.clearRequests();
  return world.run(args, { env: { ...azure.variables(), RECORD_KEY: recordKey } });
}

async function done(...args: readonly string[]): Promise<Report> {
  const outcome = await run(...args, '--json');
  expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
  return JSON.parse(outcome.stdout) as Report;
}

interface Report {
  readonly result: {
    readonly runs: readonly { readonly summary: Readonly<Record<string, unknown>> }[];
  };
}

function requestsTo(container: string): number {
  return azure.cosmos.requests.filter((each) => each.container === container).length;
}

function writes(): number {
  const { cosmos } = azure;
  return cosmos.count('create', 'replace', 'delete', 'upsert', 'patch', 'batch');
}

/** The operator's own query. */
async function rowsNotOn(version: string): Promise<number> {
  const query = {
    query:
      'SELECT VALUE COUNT(1) FROM c WHERE c.mekVersion != @version AND c.type = "dek" AND c.product = @product',
    parameters: [
      { name: '@version', value: version },
      { name: '@product', value: PRODUCT },
    ],
  };
  const { resources } = await deks.items.query<number>(query).fetchAll();
  return resources[0] ?? NaN;
}

describe('on Azure', () => {
  it('config check reads the configuration', async () => {
    await done('config', 'check');
  });

  it('encrypt counts in a dry run, and then encrypts', async () => {
    const dry = await done('encrypt', '--allow-empty', '--dry-run');
    expect(dry.result.runs[0]?.summary).toMatchObject({ wouldChange: NOTES });
    expect(writes()).toBe(0);
    const report = await done('encrypt', '--allow-empty', '--yes');
    expect(report.result.runs[0]?.summary).toMatchObject({ changed: NOTES, complete: true });
    expect(await rowsNotOn(versions.old)).toBe(0);
  });

  it('definitions records what the configuration seals', async () => {
    await done('definitions', '--register', '--yes');
    await done('definitions');
    expect(writes()).toBe(0);
  });

  it('status asks the vault for nothing', async () => {
    await done('status');
    expect(azure.vault.requests).toEqual([]);
    expect(writes()).toBe(0);
  });

  it('preflight finds nothing against a rotation, and writes nothing', async () => {
    const outcome = await run('preflight', '--new-mek-version', versions.new);
    expect(outcome, outcome.stdout).toMatchObject({ code: 0 });
    expect(writes()).toBe(0);
    expect(azure.vault.count('create') + azure.vault.count('update')).toBe(0);
  });

  it('rewrap-deks reads no document', async () => {
    const dry = await done('rewrap-deks', '--new-mek-version', versions.new, '--dry-run');
    expect(dry.result.runs[0]?.summary).toMatchObject({ wouldChange: NOTES });
    expect(writes()).toBe(0);
    const args = ['--old-mek-version', versions.old, '--new-mek-version', versions.new];
    const report = await done('--mode', 'rewrap-deks', ...args, '--max-vault-ops', '200');
    expect(report.result.runs[0]?.summary).toMatchObject({ changed: NOTES, complete: true });
    expect(requestsTo('notes')).toBe(0);
    expect(await rowsNotOn(versions.new)).toBe(0);
  });

  it('verify proves it, with every wrap opened', async () => {
    const outcome = await run('verify', '--new-mek-version', versions.new, '--open-wraps');
    expect(outcome, outcome.stdout).toMatchObject({ code: 0 });
    expect(writes()).toBe(0);
    expect(azure.vault.count('unwrapKey')).toBeGreaterThanOrEqual(NOTES);
  });

  it('retire-check says from when', async () => {
    const { code, stdout } = await run('retire-check', '--mek-version', versions.old, '--json');
    expect(code).toBe(3);
    expect(azure.vault.requests).toEqual([]);
    const { result } = JSON.parse(stdout) as { readonly result: { readonly from?: string } };
    expect(result.from).toMatch(/^\d{4}-\d{2}-\d{2}T/);
  });

  it('rollback goes back, and rewrap-deks forward again', async () => {
    await done('rollback', '--to-mek-version', versions.old, '--yes');
    expect(await rowsNotOn(versions.old)).toBe(0);
    await done('rewrap-deks', '--new-mek-version', versions.new);
    expect(await rowsNotOn(versions.new)).toBe(0);
  });

  it('add-recovery-wraps and reseal find everything done', async () => {
    for (const mode of ['add-recovery-wraps', 'reseal']) {
      const report = await done(mode, '--yes');
      expect(report.result.runs[0]?.summary).toMatchObject({ changed: 0, complete: true });
    }
  });

  it('recovery-drill recovers a copy without the vault, and import-rows takes a row from a copy', async () => {
    const { resources } = await deks.items
      .query<{ id: string; scopeId: string; type: string }>('SELECT * FROM c')
      .fetchAll();
    for (const item of resources) await copy.items.create(item);
    const row = resources.find(({ type }) => type === 'dek');
    if (!row) throw new Error('There is no row');
    await deks.item(row.id, row.scopeId).delete();
    const found = await run('doctor');
    expect(found, found.stdout).toMatchObject({ code: 3 });
    expect(found.stdout).toContain('encrypt-migrate import-rows');
    await done('import-rows', '--from', 'drill', '--dek-id', row.id, '--yes');
    expect(await run('doctor')).toMatchObject({ code: 0 });
    await done('recovery-drill', '--copy', 'drill', '--private-key', 'recovery.pem', '--yes');
    expect(azure.vault.requests).toEqual([]);
  });

  it('prune removes the earlier wraps', async () => {
    const report = await done('prune', '--rewrapped-before', new Date().toISOString(), '--yes');
    expect(report.result.runs[0]?.summary).toMatchObject({ changed: NOTES });
  });

  it('re-encrypt gives fresh DEKs, and shreds the old ones', async () => {
    const moment = new Date().toISOString();
    await done('re-encrypt', '--created-before', moment, '--shred', '--yes');
    const { resources } = await deks.items
      .query<{ state: string }>("SELECT c.state FROM c WHERE c.type = 'dek'")
      .fetchAll();
    const states = resources.map(({ state }) => state);
    expect(states.filter((state) => state === 'shredded')).toHaveLength(NOTES);
    expect(states.filter((state) => state === 'active')).toHaveLength(NOTES);
  });

  it('recover and adopt-restore work on the live store', async () => {
    const recovery = ['--private-key', 'recovery.pem', '--new-mek-version', versions.new];
    await done('recover', ...recovery, '--yes');
    await done('adopt-restore', '--epoch-seen', '20', '--check-documents', '--yes');
    await done('rewrap-deks', '--new-mek-version', versions.new);
    await done('verify', '--new-mek-version', versions.new);
  });

  it('remove-encryption stores everything in clear', async () => {
    await done('remove-encryption', '--yes');
    const { resources } = await notes.items.readAll<{ id: string; body: unknown }>().fetchAll();
    const bodies = resources.map(({ id, body }) => [id, body]).sort();
    expect(bodies).toEqual(
      Array.from({ length: NOTES }, (_, at) => [noteOf(at).id, noteOf(at).body]),
    );
  });

  it('a vault or a store that does not answer is exit code 4', async () => {
    const env = { ...azure.variables(), RECORD_KEY: recordKey };
    const nowhere = 'https://localhost:1';
    const args = ['rewrap-deks', '--new-mek-version', versions.old];
    const noVault = await world.run(args, { env: { ...env, AZURE_KEYVAULT_URL: nowhere } });
    expect(noVault, noVault.stderr).toMatchObject({ code: 4 });
    const noStore = await world.run(['status'], { env: { ...env, COSMOS_ENDPOINT: nowhere } });
    expect(noStore, noStore.stderr).toMatchObject({ code: 4 });
  });
});
