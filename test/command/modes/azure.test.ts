/** Modes that only read, over a vault and a container: by the real SDKs on the test servers. */
import { randomUUID } from 'node:crypto';
import { registerDefinitions, rewrapAllDeks, systemClock } from '@bytelyst/field-encrypt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LoadedConfig } from '../../../command/config/config-file.js';
import { openProduct, type OpenProduct } from '../../../command/config/open-product.js';
import type { ModeOutcome } from '../../../command/modes/mode.js';
import * as preflight from '../../../command/modes/preflight.js';
import * as verify from '../../../command/modes/verify.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { KeyVaultServer } from '../../support/azure/key-vault-server.js';
import type { VaultRequest } from '../../support/azure/key-vault/request-log.js';
import { outcomeOf } from '../../support/command-mode.js';
import { noteDefinition, noteOf } from '../../support/command-world.js';

const MEK_NAME = 'notelett-mek';
const DAY_MS = 86_400_000;

let cosmos: CosmosServer;
let vault: KeyVaultServer;
let versions: { readonly old: string; readonly new: string };
let config: LoadedConfig;
let product: OpenProduct;

beforeAll(async () => {
  [cosmos, vault] = await Promise.all([CosmosServer.start(), KeyVaultServer.start()]);
  const old = await vault.createKey(MEK_NAME);
  versions = { old, new: await vault.rotateKey(MEK_NAME) };
});

afterAll(() => Promise.all([cosmos.stop(), vault.stop()]));

beforeEach(() => {
  // The clients that the configuration makes have no certificate of their own.
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
});

afterEach(async () => {
  await product.close();
  vault.permissions.get = true;
  vault.permissions.wrapKey = true;
  vault.clearScript();
  vault.updateKey(MEK_NAME, versions.new, { expiresOn: null, enabled: true });
  cosmos.account.multipleWriteRegions = false;
  vi.unstubAllEnvs();
});

/** A product with two notes under the old version. */
async function made(container: { partitionKey?: string; defaultTtl?: number } = {}): Promise<void> {
  const name = `deks-${randomUUID()}`;
  await cosmos.container();
  const { partitionKey = '/scopeId', defaultTtl } = container;
  await cosmos
    .client()
    .database('tests')
    .containers.create({
      id: name,
      partitionKey: { paths: [partitionKey] },
      ...(defaultTtl !== undefined && { defaultTtl }),
    });
  const credential = vault.credential();
  const settings = {
    providers: [
      {
        type: 'azure-key-vault',
        vaultUrl: vault.url,
        mekName: MEK_NAME,
        mekVersion: versions.old,
        insecureAllowLoopback: true,
        credential,
      },
    ],
    dekStore: {
      type: 'cosmos',
      endpoint: cosmos.endpoint,
      key: { env: 'ACCOUNT_KEY' },
      database: 'tests',
      container: name,
      readLagMs: 0,
    },
    fenceTtlMs: 1_000,
  } as const;
  config = {
    file: 'encrypt-migrate.config.mjs',
    folder: process.cwd(),
    settings: { products: { notelett: { ...settings, providers: [...settings.providers] } } },
    definitions: new Map(),
    env: { ACCOUNT_KEY: cosmos.key },
  };
  product = openProduct(config, 'notelett', { clock: systemClock });
  // The library refuses to write to it.
  if (partitionKey !== '/scopeId' || defaultTtl !== undefined) return;
  const encryptor = await product.encryptor();
  await registerDefinitions(encryptor, [noteDefinition]);
  for (const number of [1, 2]) await encryptor.encryptDocument(noteDefinition, noteOf(number));
}

async function lines(): Promise<{ outcome: ModeOutcome; of: (check: string) => object }> {
  const args = ['preflight', '--new-mek-version', versions.new];
  const outcome = await outcomeOf(preflight, { args, product, config });
  const of = (check: string): object =>
    (outcome.findings ?? []).filter((each) => each.check === check);
  return { outcome, of };
}

function isPolicy({ version }: VaultRequest): boolean {
  // The path has the word in the place of a version.
  return version.startsWith('rotation');
}

const POLICY = {
  id: 'https://localhost/keys/notelett-mek/rotationpolicy',
  lifetimeActions: [{ trigger: { timeAfterCreate: 'P90D' }, action: { type: 'Rotate' } }],
  attributes: { created: 1, updated: 1 },
};

describe('preflight in Azure', () => {
  it('reads dates, protection, and the settings of the container, and estimates the rotation', async () => {
    await made();
    vault.script({ body: JSON.stringify({ ...POLICY, lifetimeActions: [] }), on: isPolicy });
    const { outcome, of } = await lines();
    const [old, after] = [versions.old, versions.new].map((each) => `akv/${MEK_NAME}/${each}`);
    expect(of('old-version')).toMatchObject([
      { level: 'ok', message: `${String(old)} wraps and unwraps` },
    ]);
    expect(of('new-version')).toMatchObject([
      { level: 'ok', message: `${String(after)} wraps and unwraps` },
    ]);
    expect(of('version-dates')).toMatchObject([
      { level: 'ok', message: `${String(old)} is enabled, and does not expire` },
      { level: 'ok', message: `${String(after)} is enabled, and does not expire` },
    ]);
    // The test server has soft delete, and no purge protection.
    expect(of('protection')).toMatchObject([{ level: 'warn' }, { level: 'warn' }]);
    expect(of('rotation-policy')).toMatchObject([{ level: 'ok' }]);
    for (const check of ['partition-key', 'ttl', 'write-regions']) {
      expect(of(check)).toMatchObject([{ level: 'ok' }]);
    }
    expect(of('backups')).toMatchObject([
      {
        level: 'unseen',
        action: expect.stringContaining('az cosmosdb show --name localhost') as string,
      },
    ]);
    expect(outcome.result).toMatchObject({ estimate: { rows: 2, failed: 0 } });
    expect(outcome.exitCode).toBe(0);
  });

  it('makes two round trips on canary bytes, and unwraps in the estimate alone', async () => {
    await made();
    vault.clearRequests();
    const { outcome } = await lines();
    const changing = (['create', 'rotate', 'update', 'delete'] as const).map((each) =>
      vault.count(each),
    );
    expect(changing).toEqual([0, 0, 0, 0]);
    expect(vault.unauthorizedBodies).toBe(0);
    expect(outcome.exitCode).toBe(0);
  });

  it('warns of a version that expires soon, and refuses one that is disabled', async () => {
    await made();
    const expiresOn = new Date(systemClock.wallMs() + 10 * DAY_MS);
    vault.updateKey(MEK_NAME, versions.new, { expiresOn });
    const near = await lines();
    expect(near.of('version-dates')).toMatchObject([{ level: 'ok' }, { level: 'warn' }]);
    expect(near.outcome.exitCode).toBe(0);
    vault.updateKey(MEK_NAME, versions.new, { expiresOn: null, enabled: false });
    const { outcome, of } = await lines();
    expect(of('new-version')).toMatchObject([{ level: 'fail' }]);
    expect(of('version-dates')).toMatchObject([{ level: 'ok' }, { level: 'fail' }]);
    expect(outcome.exitCode).toBe(3);
  });

  it('says what it may not see, and how to see it', async () => {
    await made();
    vault.permissions.get = false;
    const { outcome, of } = await lines();
    const name = new URL(vault.url).hostname;
    const show = `Run: az keyvault key show --vault-name ${name} --name ${MEK_NAME} --version`;
    expect(of('version-dates')).toMatchObject([
      { level: 'unseen', action: `${show} ${versions.old}` },
      { level: 'unseen', action: `${show} ${versions.new}` },
    ]);
    expect(of('rotation-policy')).toMatchObject([
      {
        level: 'unseen',
        action: `Run: az keyvault key rotation-policy show --vault-name ${name} --name ${MEK_NAME}`,
      },
    ]);
    expect(of('new-version')).toMatchObject([{ level: 'ok' }]);
    expect(outcome.exitCode).toBe(0);
  });

  it('warns of a vault that makes versions by itself', async () => {
    await made();
    vault.script({ body: JSON.stringify(POLICY), on: isPolicy });
    expect((await lines()).of('rotation-policy')).toMatchObject([{ level: 'warn' }]);
  });

  it('refuses where this identity may not wrap', async () => {
    await made();
    vault.permissions.wrapKey = false;
    const { outcome, of } = await lines();
    expect(of('new-version')).toMatchObject([{ level: 'fail' }]);
    expect(of('estimate')).toMatchObject([{ level: 'fail' }]);
    expect(outcome.exitCode).toBe(3);
  });

  it.each([
    ['ttl', { defaultTtl: 60 }, 'after 60 s'],
    ['ttl', { defaultTtl: -1 }, 'a time to live of their own'],
    ['partition-key', { partitionKey: '/id' }, 'is /id, not /scopeId'],
  ])('shows the wrong %s of a container %o that the store refuses', async (check, wrong, text) => {
    await made(wrong);
    const { outcome, of } = await lines();
    expect(of(check)).toMatchObject([
      { level: 'fail', message: expect.stringContaining(text) as string },
    ]);
    expect(of('dek-store')).toMatchObject([{ level: 'fail' }]);
    expect(outcome.exitCode).toBe(3);
  });

  it('refuses an account with several write regions', async () => {
    await made();
    cosmos.account.multipleWriteRegions = true;
    await product.close();
    product = openProduct(config, 'notelett', { clock: systemClock });
    const { outcome, of } = await lines();
    expect(of('write-regions')).toMatchObject([{ level: 'fail' }]);
    expect(outcome.exitCode).toBe(3);
  });

  it('says that it cannot see the settings of a container', async () => {
    await made();
    cosmos.script({ on: 'container', status: 403, times: 10 });
    const { of } = await lines();
    for (const check of ['partition-key', 'ttl', 'write-regions']) {
      expect(of(check)).toMatchObject([{ level: 'unseen' }]);
    }
    cosmos.clearScript();
  });
});

describe('verify in Azure', () => {
  it('counts by the query of the container, and opens each wrap in the vault once', async () => {
    await made();
    const before = await outcomeOf(verify, { args: ['verify', '--sample', '0'], product, config });
    expect(before.exitCode).toBe(0);
    const target = { mekVersion: versions.new };
    for await (const event of rewrapAllDeks(await product.encryption(), { target })) {
      expect(event.type).not.toBe('failed');
    }
    vault.clearRequests();
    const args = ['verify', '--new-mek-version', versions.new, '--open-wraps'];
    const { exitCode, result, findings } = await outcomeOf(verify, { args, product, config });
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({ rowsNotOnTarget: 0, wraps: { opened: 2, vaultOps: 3 } });
    // One for each row, and before the rows one for their version.
    expect(vault.count('unwrapKey')).toBe(3);
    expect(vault.count('wrapKey')).toBe(0);
    expect(findings?.find(({ check }) => check === 'raw-count')?.message).toMatch(
      /^0 rows of container deks-.* of the database tests of https:.* not on /,
    );
  });
});
