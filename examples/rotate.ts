/** Rotates the MEK of a SQLite file to the key in the environment, as a cron job would. */
import { existsSync } from 'node:fs';
import { initEncryption, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const ROWS_A_LINE = 250;
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopped.abort(new Error(`Stopped by ${signal}: run it again to go on`));
  });
}

try {
  process.exitCode = (await rotate(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function rotate([file = '', ...others]: readonly string[]): Promise<boolean> {
  // SQLite would make the file, and rotating nothing succeeds.
  if (others.length > 0 || !existsSync(file)) throw new Error('Usage: rotate.ts <existing file>');
  const encryptor = await initEncryption({ dekStore: new SqliteDekStore(new Database(file)) });
  const [provider] = encryptor.keyProviders;
  if (!provider) throw new Error('Encryption is switched off: there is nothing to rotate to');
  const target = { keyProvider: provider.id, mekVersion: await provider.currentVersion() };
  for await (const event of rewrapAllDeks(encryptor, { target, signal: stopped.signal })) {
    if (event.type === 'failed') console.error(`Failed: ${event.dekId}: ${String(event.error)}`);
    const isOneOfMany = 'dekId' in event && event.counts.scanned % ROWS_A_LINE !== 0;
    if (!isOneOfMany) console.log(JSON.stringify(event));
    if (event.type === 'finished') return event.summary.complete;
  }
  return false;
}
