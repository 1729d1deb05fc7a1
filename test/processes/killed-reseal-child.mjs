/**
 * A child process: reseals the records of a file. Where it is to be killed it says so, and takes no
 * further event: what is under way then goes on until the signal comes.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFieldEncryptor, EnvKeyProvider, resealRecords } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const LONGEST_WAIT_MS = 60_000;

const { file, key, killAfter, ...records } = JSON.parse(process.argv[2]);
const encryptor = createFieldEncryptor({
  product: 'notelett',
  keyProviders: [new EnvKeyProvider({ key })],
  dekStore: new SqliteDekStore(new Database(file)),
  ...records,
});
let changed = 0;
for await (const event of resealRecords(encryptor, { concurrency: 4 })) {
  if (event.type === 'changed' && (changed += 1) === killAfter) {
    writeSync(1, 'kill me\n');
    await sleep(LONGEST_WAIT_MS);
  }
  if (event.type === 'failed') writeSync(2, `${event.error.message}\n`);
  if (event.type === 'finished') writeSync(1, `${JSON.stringify(event.summary)}\n`);
}
