/**
 * Rotates the MEK of a SQLite file to the key in the environment, as a cron job would.
 *
 * Exit codes: 0 complete; 1 rows failed, each named, or it ended early; 2 usage or configuration; 3 a check says no, and nothing
 * was changed; 4 the key service or the store cannot be reached; 130 stopped. After 1, 4 and 130 run it again.
 */
import { existsSync } from 'node:fs';
import {
  type FieldEncryptor,
  initEncryption,
  isFieldEncryptionError,
  rewrapAllDeks,
  type RewrapEvent,
} from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const EXIT = {
  complete: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  stopped: 130,
} as const;
const ROWS_A_LINE = 250;
const FENCE_LINE_MS = 10_000;

const stopped = new AbortController();
let hasBegun = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopped.abort(new Error(`Stopped by ${signal}: run it again to continue`));
  });
}

try {
  process.exitCode = await rotate(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = exitCodeOf(error);
}

async function rotate([file = '', ...others]: readonly string[]): Promise<number> {
  // SQLite would create the file.
  if (others.length > 0 || !existsSync(file))
    throw new TypeError('Usage: rotate.ts <existing file>');
  const { signal } = stopped;
  const encryptor = await initEncryption({ dekStore: new SqliteDekStore(new Database(file)) });
  const [provider] = encryptor.keyProviders;
  if (!provider) throw new TypeError('Encryption is switched off: there is nothing to rotate to');
  const problem = await problemOf(encryptor);
  if (problem) return exitCodeOf(problem.error);
  const target = {
    keyProvider: provider.id,
    mekVersion: await provider.currentVersion({ signal }),
  };
  const isWorthALine = lineFilter();
  for await (const event of rewrapAllDeks(encryptor, { target, signal })) {
    if (event.type === 'begun') hasBegun = true;
    if (event.type === 'failed') console.error(`Failed: ${event.dekId}: ${String(event.error)}`);
    if (isWorthALine(event)) console.log(JSON.stringify(event));
    if (event.type === 'finished') return event.summary.complete ? EXIT.complete : EXIT.failed;
  }
  return EXIT.failed;
}

/** Prints every problem, and returns the first. */
async function problemOf(
  encryptor: FieldEncryptor,
): Promise<{ readonly error?: unknown } | undefined> {
  const { signal } = stopped;
  const { checks, warnings, information } = await encryptor.checkReadiness({ signal });
  for (const { message } of [...warnings, ...information]) console.error(message);
  const failed = checks.filter(({ ok }) => !ok);
  for (const { name, error } of failed) console.error(`Not ready: ${name}: ${String(error)}`);
  return failed[0];
}

function lineFilter(): (event: RewrapEvent) => boolean {
  let nextFenceMs = Infinity;
  return (event) => {
    if (event.type === 'fence') {
      if (event.remainingMs > nextFenceMs) return false;
      nextFenceMs = event.remainingMs - FENCE_LINE_MS;
      return true;
    }
    return !('dekId' in event) || event.counts.scanned % ROWS_A_LINE === 0;
  };
}

function exitCodeOf(error: unknown): number {
  if (stopped.signal.aborted) return EXIT.stopped;
  if (!isFieldEncryptionError(error) || error.code === 'CONFIGURATION_INVALID') return EXIT.usage;
  if (error.retryable) return EXIT.unreachable;
  return hasBegun ? EXIT.failed : EXIT.refused;
}
