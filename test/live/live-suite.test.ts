import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Container } from '@azure/cosmos';
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { CosmosServer, type RecordedRequest } from '../support/azure/cosmos-server.js';
import { KeyVaultServer } from '../support/azure/key-vault-server.js';

type Variables = Readonly<Record<string, string>>;

type Child = ChildProcessByStdio<null, Readable, Readable>;

interface Outcome {
  readonly code: number | null;
  /** Of both streams. */
  readonly output: string;
}

const ROOT = join(import.meta.dirname, '../..');
const SCRIPT = join(ROOT, 'test/live/run.ts');
const OURS = /^(AZURE|COSMOS|FIELD_ENCRYPT|VITEST)_|^(NODE_ENV|NODE_OPTIONS|TEST|VITEST)$/;
const DATABASE = 'tests';
const MEK_NAME = 'notelett-test';
const CHANGES = ['create', 'delete', 'replace', 'upsert', 'create-container', 'delete-container'];

const vault = await KeyVaultServer.start();
const cosmos = await CosmosServer.start();
const inherited = Object.entries(process.env).filter(([name]) => !OURS.test(name));
const account = {
  ...Object.fromEntries(inherited),
  ...vault.environment(),
  NO_COLOR: '1',
  AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential',
  FIELD_ENCRYPT_MEK_NAME: MEK_NAME,
  COSMOS_ENDPOINT: `https://notelett.documents.azure.com:${new URL(cosmos.endpoint).port}`,
  COSMOS_DATABASE: DATABASE,
} as Variables;
const onThisMachine = {
  AZURE_KEYVAULT_URL: vault.url,
  COSMOS_ENDPOINT: cosmos.endpoint,
  COSMOS_KEY: cosmos.key,
  FIELD_ENCRYPT_TEST_ALLOW_LOOPBACK: '1',
};
const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
let runs = 0;

await vault.createKey(MEK_NAME);
await vault.rotateKey(MEK_NAME);

afterAll(async () => {
  await Promise.all([vault.stop(), cosmos.stop()]);
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  cosmos.clearScript();
  cosmos.clearRequests();
  cosmos.account.consistency = 'Strong';
  vault.clearRequests();
  vault.permissions.rotate = true;
  vault.permissions.unwrapKey = true;
});

async function runLive(variables: Variables, ...options: readonly string[]): Promise<Outcome> {
  const child = start(variables, options);
  return outcomeOf(child);
}

function start(variables: Variables, options: readonly string[]): Child {
  return launch(['--import', 'tsx', SCRIPT, ...options], variables);
}

function launch(args: readonly string[], env: Variables): Child {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function outcomeOf(child: Child): Promise<Outcome> {
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  return { code, output: stderr + stdout };
}

/** Two that are there, for one test alone. */
async function containers(): Promise<{
  readonly deks: Container;
  readonly documents: Container;
  readonly variables: Variables;
}> {
  const names = [`deks-test-${String((runs += 1))}`, `documents-test-${String(runs)}`] as const;
  const deks = await cosmos.container({ name: names[0] });
  const documents = await cosmos.container({ name: names[1], partitionKeyPath: '/workspaceId' });
  cosmos.clearRequests();
  const [COSMOS_CONTAINER, COSMOS_DOCUMENTS_CONTAINER] = names;
  return {
    deks,
    documents,
    variables: { ...account, COSMOS_CONTAINER, COSMOS_DOCUMENTS_CONTAINER },
  };
}

async function itemsIn(container: Container): Promise<readonly unknown[]> {
  const { resources } = await container.items.readAll().fetchAll();
  return resources.map(({ id }) => id);
}

function changes(): readonly RecordedRequest[] {
  return cosmos.requests.filter(({ kind }) => CHANGES.includes(kind));
}

describe('npm run test:live', () => {
  it('names every variable that is missing, and sends no request', async () => {
    const missing = ['AZURE_KEYVAULT_URL', 'FIELD_ENCRYPT_MEK_NAME', 'COSMOS_ENDPOINT'];
    const others = Object.entries(account).filter(([name]) => !missing.includes(name));
    expect(await runLive(Object.fromEntries(others))).toEqual({
      code: 1,
      output: `The live tests are not configured, and touched nothing:
- AZURE_KEYVAULT_URL is not set: it must be the address of the vault, https://…
- FIELD_ENCRYPT_MEK_NAME is not set: it must be the name of a key for tests
- COSMOS_ENDPOINT is not set: it must be the address of the Cosmos DB account, https://…
`,
    });
    expect(vault.count() + cosmos.count()).toBe(0);
  });

  it('refuses a container of DEKs that is not empty, and changes nothing', async () => {
    const { deks, variables } = await containers();
    await deks.items.create({ id: 'kept', scopeId: 'somebody' });
    cosmos.clearRequests();
    expect(await runLive(variables)).toEqual({
      code: 1,
      output: `There is 1 item in the container "${deks.id}" in the database "${DATABASE}", and the tests take empty ones alone: nothing was changed\n`,
    });
    expect(changes()).toEqual([]);
    expect(await itemsIn(deks)).toEqual(['kept']);
  });

  it('refuses a container of documents that is not empty, and changes nothing', async () => {
    const { documents, variables } = await containers();
    for (const id of ['one', 'two']) await documents.items.create({ id, workspaceId: 'w1' });
    cosmos.clearRequests();
    expect(await runLive(variables)).toEqual({
      code: 1,
      output: `There are 2 items in the container "${documents.id}" in the database "${DATABASE}", and the tests take empty ones alone: nothing was changed\n`,
    });
    expect(changes()).toEqual([]);
    expect(await itemsIn(documents)).toEqual(['one', 'two']);
  });

  it('refuses a container that other live tests have just claimed, and leaves them alone', async () => {
    const { deks, documents, variables } = await containers();
    const claim = { id: 'live-tests', scopeId: 'live-tests' };
    cosmos.script({ on: 'create', meanwhile: () => deks.items.create(claim) });
    expect(await runLive(variables)).toEqual({
      code: 1,
      output: `Other live tests have just begun on the container "${deks.id}" in the database "${DATABASE}"\n`,
    });
    expect(await itemsIn(deks)).toEqual(['live-tests']);
    expect(await itemsIn(documents)).toEqual([]);
  });

  it('refuses a vault whose key it may not use, before it asks Cosmos DB for anything', async () => {
    await vault.createKey('denied-test');
    vault.permissions.unwrapKey = false;
    const variables = { ...account, FIELD_ENCRYPT_MEK_NAME: 'denied-test' };
    const { code, output } = await runLive(variables);
    expect(code).toBe(1);
    expect(output).toContain('denied-test');
    expect(output).toContain('Key Vault Crypto Service Encryption User');
    expect(cosmos.count()).toBe(0);
  });

  it('says how to rotate a MEK of one version that works where it may not, and leaves nothing', async () => {
    const first = await vault.createKey('single-test');
    await vault.rotateKey('single-test');
    vault.updateKey('single-test', first, { enabled: false });
    vault.permissions.rotate = false;
    const { deks, documents, variables } = await containers();
    expect(await runLive({ ...variables, FIELD_ENCRYPT_MEK_NAME: 'single-test' })).toEqual({
      code: 1,
      output:
        'The MEK "single-test" has one version that can be used and the tests need two, and this identity did not get another (403 Forbidden): run "az keyvault key rotate --vault-name kv1 --name single-test" as someone who may\n',
    });
    expect([await itemsIn(deks), await itemsIn(documents)]).toEqual([[], []]);
    expect(vault.versionsOf('single-test')).toHaveLength(2);
  });

  it('makes a second version of the MEK and what is missing in Cosmos DB, and drops the latter', async () => {
    const name = `made-test-${String((runs += 1))}`;
    await vault.createKey(name);
    const outcome = await runLive(
      {
        ...account,
        FIELD_ENCRYPT_MEK_NAME: name,
        COSMOS_KEY: cosmos.key,
        COSMOS_DATABASE: name,
      },
      'key-provider',
    );
    const [, made = ''] = vault.versionsOf(name);
    expect(outcome.output).toContain(`Made the version ${made} of the MEK: it stays`);
    expect(outcome.output).toMatch(/Tests +\d+ passed \(\d+\)/);
    expect(outcome.code).toBe(0);
    expect(vault.versionsOf(name)).toHaveLength(2);
    expect(changes().filter(({ kind }) => kind === 'create-container')).toHaveLength(2);
    const { resources } = await cosmos.client().databases.readAll().fetchAll();
    expect(resources.map(({ id }) => id)).not.toContain(name);
  });

  it('fails and deletes what it made when a test fails', async () => {
    const { deks, documents, variables } = await containers();
    const isOfTest = ({ kind, container, id }: RecordedRequest): boolean =>
      kind === 'create' && container === deks.id && id !== 'live-tests';
    cosmos.script({ on: isOfTest, skip: 30, status: 403 });
    const options = ['cosmos-stores', '-t', 'listScope returns more rows'];
    const { code, output } = await runLive(variables, ...options);
    expect(output).toMatch(/Tests +1 failed/);
    expect(code).toBe(1);
    expect([await itemsIn(deks), await itemsIn(documents)]).toEqual([[], []]);
  });

  it('fails when something else was written into a container', async () => {
    const { documents, variables } = await containers();
    const item = { id: 'of-another', workspaceId: 'w2' };
    cosmos.script({ on: 'create', meanwhile: () => documents.items.create(item) });
    const { code, output } = await runLive(variables, 'key-provider');
    expect(output).toMatch(/Tests +\d+ passed \(\d+\)/);
    expect(output).toContain('Left alone, for the tests did not make them: 1 item');
    expect(code).toBe(1);
    expect(await itemsIn(documents)).toEqual(['of-another']);
  });

  it('says where it is listed what it made when it cannot be deleted', async () => {
    const { deks, variables } = await containers();
    cosmos.script({ on: 'delete', status: 403, times: Infinity });
    const options = ['cosmos-stores', '-t', 'create refuses the id of a tombstone'];
    const { code, output } = await runLive({ ...variables, TMPDIR: folder }, ...options);
    expect(code).toBe(1);
    const [, file = ''] = /what the tests made is listed in (.+)/.exec(output) ?? [];
    const [id = ''] = (await itemsIn(deks)).filter((each) => each !== 'live-tests');
    expect(readFileSync(file, 'utf8')).toContain(`"${String(id)}"]`);
  });

  it('alone starts the suites', async () => {
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const child = launch([vitest, 'run', '--config', 'vitest.live.config.ts'], account);
    const { code, output } = await outcomeOf(child);
    expect(output).toContain('Start the live tests by "npm run test:live"');
    expect(code).toBe(1);
    expect(vault.count() + cosmos.count()).toBe(0);
  });

  it('deletes what it made when it is interrupted, and nothing else', async () => {
    const { deks, documents, variables } = await containers();
    const child = start(variables, ['cosmos-stores', '-t', 'listScope returns more rows']);
    let rows = 0;
    cosmos.script({
      on: ({ kind, container }) => kind === 'create' && container === deks.id && (rows += 1) > 30,
      meanwhile: async () => {
        await documents.items.create({ id: 'of-another', workspaceId: 'w2' });
        child.kill('SIGINT');
      },
      hang: true,
    });
    const { code, output } = await outcomeOf(child);
    expect(code).toBe(130);
    expect(output).toContain(
      `Left alone, for the tests did not make them: 1 item in the container "${documents.id}"`,
    );
    expect(await itemsIn(deks)).toEqual([]);
    expect(await itemsIn(documents)).toEqual(['of-another']);
    expect(changes().filter(({ kind }) => kind === 'delete-container')).toEqual([]);
  });

  // What is stored is as in the other tests of this file, so the contract of the stores runs once.
  it.each([
    {
      way: 'by a token, under the host names of Azure',
      consistency: 'Strong',
      suites: ['key-provider', 'rotation'],
    },
    {
      way: 'by the key of the account, on this machine',
      consistency: 'Session',
      suites: ['cosmos-stores', 'rotation'],
      more: onThisMachine,
    },
  ])(
    'passes $suites by writing and deleting items alone, $way, consistency $consistency',
    async ({ consistency, suites, more = {} }) => {
      cosmos.account.consistency = consistency;
      const { deks, documents, variables } = await containers();
      const { code, output } = await runLive({ ...variables, ...more }, ...suites);
      const count = String(suites.length);
      expect(output).toMatch(new RegExp(`Test Files +${count} passed \\(${count}\\)`));
      expect(output).toMatch(/Tests +\d+ passed \(\d+\)/);
      expect(code).toBe(0);
      expect([await itemsIn(deks), await itemsIn(documents)]).toEqual([[], []]);
      const kinds = new Set(changes().map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual(['create', 'delete', 'replace']);
      expect(vault.count('create') + vault.count('rotate') + vault.count('update')).toBe(0);
    },
  );
});
