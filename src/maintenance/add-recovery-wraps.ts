/** Adds recovery wraps to rows that were created before there was a recovery key. @module */
import { readEncryption } from '../guards/guards.js';
import { isLive, type LiveDekRow } from '../format/dek-row.js';
import { unwrapDekBytes, readRecoveryKey, type RecoveryKey } from '../dek/dek-wraps.js';
import {
  type EncryptionContext,
  type RunContext,
  readRunOptions,
  type RunOptions,
} from '../run/run-context.js';
import {
  type MaintenanceEvent,
  type MaintenanceSummary,
  maintainRows,
  type NextRow,
} from './maintain-rows.js';

/**
 * Gives every DEK row a recovery wrap for the recovery key: rows that have none, and rows that have one for
 * another key, for example after the recovery key was changed.
 *
 * Run it once after `recoveryKey` was turned on everywhere. Each DEK is unwrapped with the row's own MEK
 * version and checked against the commitment; nothing else of the row changes, neither its wrap nor its
 * epoch. Rows that already have the recovery wrap are `unchanged` and cost no call for the MEK. It may run
 * during live traffic and a rotation; stop it at any point, and run it again to continue. Another run of a
 * finished one writes nothing.
 *
 * Only the private key can show that a recovery wrap opens: `recoverDeks` with `dryRun`.
 *
 * @param encryption - A `FieldEncryptor` with a `recoveryKey`, or its parts.
 * @returns Events as they happen. The last one is `finished` and carries the summary, which the generator
 *   also returns: check `complete`, and the `failed` events before it.
 * @throws TypeError or RangeError for invalid options, or without a `recoveryKey`; FieldEncryptionError
 *   `CONTENDED`: run it again. Errors of the store where it cannot list: run it again. The signal's reason
 *   when it aborts.
 *
 * @example
 * ```ts
 * import { generateKeyPairSync, randomBytes } from 'node:crypto';
 * import { addRecoveryWraps, createFieldEncryptor, EnvKeyProvider } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 }); // in production: offline
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('hex') })],
 *   dekStore: new MemoryDekStore(),
 *   recoveryKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
 * });
 * const options = { allowEmpty: true }; // this example has stored nothing
 * for await (const event of addRecoveryWraps(encryptor, options)) {
 *   if (event.type === 'failed') console.error(event.dekId, event.error);
 *   if (event.type === 'finished') console.log(event.summary.complete); // true
 * }
 * ```
 */
export async function* addRecoveryWraps(
  encryption: EncryptionContext,
  options: RunOptions = {},
): AsyncGenerator<MaintenanceEvent, MaintenanceSummary, void> {
  const { request } = readRunOptions(options);
  const recoveryKey = readRecoveryKey(readEncryption(encryption).recoveryKey);
  if (!recoveryKey) {
    throw new TypeError('"recoveryKey" is not set: pass an RSA public key as PEM');
  }
  const nextRow = (context: RunContext): NextRow => nextRowFor(context, recoveryKey);
  return yield* maintainRows({ run: 'addRecoveryWraps', encryption, request, nextRow });
}

function nextRowFor(context: RunContext, recoveryKey: RecoveryKey): NextRow {
  return async (row) => {
    if (!isLive(row)) return 'shredded';
    if (row.recoveryWrap?.recoveryKeyId === recoveryKey.id) return undefined;
    return withRecoveryWrap(context, row, recoveryKey);
  };
}

async function withRecoveryWrap(
  context: RunContext,
  row: LiveDekRow,
  recoveryKey: RecoveryKey,
): Promise<LiveDekRow> {
  const bytes = await unwrapDekBytes(context, row, { signal: context.signal });
  try {
    return { ...row, recoveryWrap: recoveryKey.wrapFor(row.recoveryWrap, bytes) };
  } finally {
    bytes.fill(0);
  }
}
