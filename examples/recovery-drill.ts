/** Tries the recovery key on a SQLite file, as an operator would once a quarter: nothing is written. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { EnvKeyProvider, recoverDeks } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

try {
  process.exitCode = (await drill(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @returns Whether every DEK would be recovered, if the MEK were lost today. */
async function drill([file = '', key = '', ...others]: readonly string[]): Promise<boolean> {
  if (others.length > 0 || !existsSync(file) || !existsSync(key)) {
    throw new Error('Usage: recovery-drill.ts <existing file> <private recovery key>');
  }
  const { FIELD_ENCRYPT_PRODUCT: product = '', RECOVERY_PASSPHRASE: passphrase } = process.env;
  // No MEK of the product is here: what opens, the recovery key opened.
  const provider = new EnvKeyProvider({ id: 'drill', key: randomBytes(32).toString('base64') });
  const encryption = {
    product,
    keyProviders: [provider],
    dekStore: new SqliteDekStore(new Database(file)),
  };
  const run = recoverDeks(encryption, {
    privateKey: readFileSync(key, 'utf8'),
    ...(passphrase !== undefined && { passphrase }),
    target: { mekVersion: await provider.currentVersion() },
    dryRun: true,
    // An unfinished rotation is no reason to put the drill off, as nothing is written.
    takeOver: true,
  });
  for await (const event of run) {
    if (event.type === 'failed') {
      const scope = event.loss?.scope?.join('/') ?? 'an unknown document';
      console.error(`Would be lost: ${event.dekId} of ${scope}: ${String(event.error)}`);
    }
    if (event.type !== 'finished') continue;
    const { recovered, failed, recoveryKeyId } = event.summary;
    console.log(`${recoveryKeyId} opens ${String(recovered)} DEKs, and ${String(failed)} not`);
    return failed === 0;
  }
  return false;
}
