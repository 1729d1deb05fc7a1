/** What happens to master keys: moved, deleted, purged, restored. @module */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KeyVaultServer } from '../support/azure/key-vault-server.js';
import { putBack, storedRows, type StoredRow } from './dek-container.js';
import type { Situation } from './situations.js';
import type { StoryWorld } from './story-world.js';

const KEY = 'notelett-mek';
const NEWER_KEY = 'notelett-mek-2';

/** Rows as they were before the newest key, by world. */
const snapshots = new WeakMap<StoryWorld, readonly StoredRow[]>();

export const keySituations: Readonly<Record<string, Situation>> = {
  'second-vault': async (world) => {
    const { identityProvider } = world.azure.vault;
    const vault = await KeyVaultServer.start({ identityProvider });
    world.atEnd(() => vault.stop());
    const known = await world.shell.valueOf('E2E_VAULTS');
    const vaults = `${String(known)} kv2=${vault.vaultHostUrl}`;
    world.shell.export({ NEW_VAULT: 'kv2', E2E_VAULTS: vaults });
  },

  'mek-deleted': async (world) => {
    world.clients.expectRefusals();
    await world.clients.stop();
    world.azure.vault.deleteKey(KEY);
  },

  /** Recorded answers: the vault of the test servers stays where it is. */
  'vault-deleted': (world) => {
    world.shell.export({
      PRINCIPAL_ID: '11111111-2222-3333-4444-555555555555',
      EVENTS_ENDPOINT: 'https://events.example/keys',
    });
  },

  'service-is-back': (world) => {
    world.clients.start();
  },

  'mek-purged-with-backup': async (world) => {
    await world.clients.stop();
    const KEY_BACKUP = join(world.folder, 'notelett-mek.keybackup');
    world.shell.export({ KEY_BACKUP });
    await run(
      world,
      `az keyvault key backup --vault-name "$VAULT" --name ${KEY} --file "$KEY_BACKUP"`,
    );
    purge(world, KEY);
  },

  /** One row is of a replica that had no recovery key. */
  'mek-purged-without-backup': async (world) => {
    const publicKey = await useRecoveryKey(world);
    await world.clients.stop();
    await deploy(world, { FIELD_ENCRYPT_RECOVERY_KEY: undefined });
    await world.clients.createNote('w1');
    await deploy(world, { FIELD_ENCRYPT_RECOVERY_KEY: publicKey });
    purge(world, KEY);
  },

  /** After a move to it, which was pruned; one note is newer than the snapshot of the rows. */
  'newest-key-purged': async (world) => {
    await world.clients.stop();
    snapshots.set(world, await storedRows(world));
    const address = `${String(await world.shell.valueOf('AZURE_KEYVAULT_URL'))}/keys/${KEY}`;
    const version = await world.azure.vault.createKey(NEWER_KEY, { size: 2048 });
    const keys = {
      FIELD_ENCRYPT_MEK_NAME: NEWER_KEY,
      FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS: address,
    };
    await deploy(world, keys);
    world.shell.export(keys);
    await run(
      world,
      `npx encrypt-migrate rewrap-deks --product notelett --key-provider akv/${NEWER_KEY} --new-mek-version ${version}
       npx encrypt-migrate prune --product notelett --soak 0s --yes`,
    );
    await world.clients.createNote('w1');
    purge(world, NEWER_KEY);
  },

  'snapshot-restored': async (world) => {
    await putBack(world, snapshots.get(world) ?? []);
  },
};

function purge(world: StoryWorld, name: string): void {
  world.azure.vault.deleteKey(name);
  world.azure.vault.purgeKey(name);
}

async function deploy(
  world: StoryWorld,
  changes: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  world.deployment.setEnv(changes);
  if (!(await world.deployment.rolledOut())) throw new Error('The backend did not start');
}

async function run(world: StoryWorld, code: string): Promise<void> {
  const { exitCode, printed } = await world.shell.run(code);
  if (exitCode !== 0) throw new Error(`A situation ended with ${String(exitCode)}: ${printed}`);
}

/** Whose private half is in a file with a passphrase, as in a safe. @returns The public half. */
async function useRecoveryKey(world: StoryWorld): Promise<string> {
  const passphrase = randomBytes(12).toString('base64url');
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 3072,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
  });
  const file = join(world.folder, 'recovery.pem');
  writeFileSync(file, privateKey, { mode: 0o600 });
  await deploy(world, { FIELD_ENCRYPT_RECOVERY_KEY: publicKey });
  world.shell.export({
    FIELD_ENCRYPT_RECOVERY_KEY: publicKey,
    RECOVERY_PASSPHRASE: passphrase,
  });
  await run(world, 'npx encrypt-migrate add-recovery-wraps --product notelett --yes');
  return publicKey;
}
