/** What a drill finds: safes, a vault for drills, and an account that was restored. @module */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDekContainer } from '@bytelyst/field-encrypt/azure/cosmos';
import type { Database } from '@azure/cosmos';
import { CosmosServer } from '../support/azure/cosmos-server.js';
import { KeyVaultServer } from '../support/azure/key-vault-server.js';
import type { Situation } from './situations.js';
import type { StoryWorld } from './story-world.js';

/** @returns The public half; the private one is in a file with a passphrase, as in a safe. */
function recoveryKeyInSafe({ folder, shell }: StoryWorld): string {
  const passphrase = randomBytes(12).toString('base64url');
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 3072,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
  });
  const file = join(folder, 'recovery-private.pem');
  writeFileSync(file, privateKey, { mode: 0o600 });
  shell.export({
    FIELD_ENCRYPT_RECOVERY_KEY: publicKey,
    RECOVERY_PRIVATE_KEY: file,
    RECOVERY_PASSPHRASE: passphrase,
  });
  return publicKey;
}

async function run({ shell }: StoryWorld, code: string): Promise<void> {
  const { exitCode, printed } = await shell.run(code);
  if (exitCode !== 0) throw new Error(`A situation ended with ${String(exitCode)}: ${printed}`);
}

async function copyItems(from: Database, to: Database, name: string): Promise<void> {
  const { resources } = await from
    .container(name)
    .items.readAll<Record<string, unknown>>()
    .fetchAll();
  for (const item of resources) {
    const own = Object.entries(item).filter(([property]) => !/^_(?!enc)/.test(property));
    await to.container(name).items.create(Object.fromEntries(own));
  }
}

/** Of one moment: no client writes meanwhile. */
async function restoredAccount({ azure, clients }: StoryWorld): Promise<CosmosServer> {
  const account = await CosmosServer.start();
  account.account.consistency = 'Strong';
  const { database } = await account.client().databases.create({ id: 'notelett' });
  await ensureDekContainer(database);
  await database.containers.create({ id: 'notes', partitionKey: '/workspaceId' });
  await clients.stop();
  const live = azure.cosmos.client().database('notelett');
  for (const name of ['dek_store', 'notes']) await copyItems(live, database, name);
  clients.start();
  return account;
}

export const drillSituations: Readonly<Record<string, Situation>> = {
  'a-quarter-of-drills': async (world) => {
    const { azure, deployment, shell, folder } = world;
    deployment.setEnv({ FIELD_ENCRYPT_RECOVERY_KEY: recoveryKeyInSafe(world) });
    await deployment.rolledOut();
    await run(world, 'npx encrypt-migrate add-recovery-wraps --product notelett --yes');
    const KEY_BACKUP = join(folder, 'notelett-mek.keybackup');
    shell.export({ KEY_BACKUP });
    await run(
      world,
      'az keyvault key backup --vault-name "$VAULT" --name "$FIELD_ENCRYPT_MEK_NAME" --file "$KEY_BACKUP"',
    );
    const { identityProvider } = azure.vault;
    const vault = await KeyVaultServer.start({ identityProvider });
    world.atEnd(() => vault.stop());
    const vaults = `${String(await shell.valueOf('E2E_VAULTS'))} drill=${vault.vaultHostUrl}`;
    shell.export({ DRILL_VAULT: 'drill', REGION: 'westeurope', E2E_VAULTS: vaults });
  },
  'the-account-is-restored': async (world) => {
    const account = await restoredAccount(world);
    world.atEnd(() => account.stop());
    world.shell.export({ E2E_ACCOUNTS: `notelett-drill=${account.endpoint}` });
    // Since the moment of the copy: clients delete nothing while commands run.
    let deletions = 2;
    await world.clients.traffic.byClients(1, () => deletions-- <= 0, 'delete');
  },
};
