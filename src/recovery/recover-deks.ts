/** Recovers the DEKs when every version of the MEK is lost. @module */
import { readOptions } from '../guards/guards.js';
import {
  rotate,
  readRewrapOptions,
  type RewrapAllDeksOptions,
} from '../rotation/rewrap-all-deks.js';
import type {
  RewrapEvent,
  RewrapSummary,
  DekLossReason,
  RewrapStepEvent,
} from '../rotation/rewrap-event.js';
import type { EncryptionContext, RunOptions } from '../run/run-context.js';
import type { FinishedEvent } from '../run/run-event.js';
import { readPrivateRecoveryKey } from './private-recovery-key.js';
import { RecoveryOpening } from './recovery-opening.js';

export interface RecoverySummary extends RewrapSummary {
  /** The id of the passed private key. */
  readonly recoveryKeyId: string;
  /** DEKs from their recovery wraps, over all passes; in a dry run: DEKs that would be recovered. */
  readonly recovered: number;
  /** DEKs that nothing available opens, in the last pass; the rest of `failed` may succeed in a later run. */
  readonly lost: number;
  /** The lost DEKs by reason. */
  readonly losses: Readonly<Record<DekLossReason, number>>;
}

/**
 * The events of a rewrap; in `failed` events, `loss` says that the DEK is lost, and which document it belongs
 * to.
 */
export type RecoveryEvent = FinishedEvent<RecoverySummary> | RewrapStepEvent;

/**
 * Recovers the DEKs when every version of the MEK is lost: unwraps each from its recovery wrap and wraps it
 * under a new MEK, without reading or writing a document.
 *
 * It is a rotation like `rewrapAllDeks`, with the same order and fence, and as safe to stop and run again;
 * only the source of the DEKs differs. The recovery wrap is opened with the private key, and the result is
 * checked against the row's commitment. Where no recovery wrap opens, the row's own wraps are tried, as one
 * of their MEK versions may still exist. A DEK that neither opens is lost, and a `failed` event with `loss`
 * says which document it belongs to and why. Each scan reports it again, so that the last one has the whole
 * list. A DEK whose MEK is only disabled or unreachable is `failed` without `loss`.
 *
 * The record becomes complete only if every live row is on the target. With lost rows it stays unfinished,
 * which does no harm: new DEKs are under the target, and recovered documents are readable. Find a backup of
 * the lost rows, or `shred` their documents, and run it again to finish.
 *
 * The row keeps its recovery wrap, byte for byte, and its `previousWrap`. The primary wrap, which no provider
 * could open, is replaced once the new one was unwrapped again.
 *
 * @param encryption - A `FieldEncryptor`, or its parts. A provider that no longer exists may be left out.
 * @returns Events as they happen, as in `rewrapAllDeks`; the last one carries the summary.
 * @throws TypeError or RangeError for invalid options, including a private key that cannot be read.
 *   FieldEncryptionError `RECOVERY_KEY_UNKNOWN`: the key belongs to no row, and nothing was written: find the
 *   right one. Otherwise what `rewrapAllDeks` throws.
 *
 * @example
 * ```ts
 * import { generateKeyPairSync, randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, recoverDeks } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * // In earnest: made offline, with openssl, and kept there.
 * const { publicKey, privateKey } = generateKeyPairSync('rsa', {
 *   modulusLength: 3072,
 *   publicKeyEncoding: { type: 'spki', format: 'pem' },
 *   privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
 * });
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const newProvider = (): EnvKeyProvider => new EnvKeyProvider({ key: randomBytes(32).toString('hex') });
 * const shared = { product: 'notelett', dekStore: new MemoryDekStore(), fenceTtlMs: 1_000 };
 * const before = createFieldEncryptor({
 *   ...shared, recoveryKey: publicKey, keyProviders: [newProvider()],
 * });
 * const stored = await before.encryptDocument(note, { id: '1', body: 'Hi' });
 *
 * const provider = newProvider(); // that first MEK is gone
 * const after = createFieldEncryptor({ ...shared, recoveryKey: publicKey, keyProviders: [provider] });
 * const target = { mekVersion: await provider.currentVersion() };
 * for await (const event of recoverDeks(after, { privateKey, target })) {
 *   if (event.type === 'failed') console.error(event.dekId, event.loss?.scope, event.error);
 *   if (event.type === 'finished') console.log(event.summary.recovered, event.summary.lost); // 1 0
 * }
 * console.log((await after.decryptDocument(note, stored)).body); // Hi
 * ```
 */
export async function* recoverDeks(
  encryption: EncryptionContext,
  options: RecoverDeksOptions,
): AsyncGenerator<RecoveryEvent, RecoverySummary, void> {
  const { privateKey, passphrase, ...rotation } = readOptions(options, OPTIONS);
  const recoveryKey = readPrivateRecoveryKey(privateKey, passphrase);
  const events = rotate(
    'recoverDeks',
    encryption,
    (all) => readRewrapOptions(rotation, all),
    new RecoveryOpening(recoveryKey),
  );
  return yield* counted(events, recoveryKey.id);
}

async function* counted(
  events: AsyncGenerator<RewrapEvent, RewrapSummary, void>,
  recoveryKeyId: string,
): AsyncGenerator<RecoveryEvent, RecoverySummary, void> {
  let [recovered, losses] = [0, { ...NO_LOSSES }];
  let summary: RecoverySummary | undefined;
  for await (const event of events) {
    // Each pass reports again what the previous one could not move.
    if (event.type === 'pass') losses = { ...NO_LOSSES };
    if (event.type === 'failed' && event.loss) losses[event.loss.reason] += 1;
    const isOpened = event.type === 'changed' || event.type === 'would-change';
    if (isOpened && event.recovered) recovered += 1;
    if (event.type === 'finished') {
      const lost = Object.values(losses).reduce((sum, count) => sum + count, 0);
      summary = { ...event.summary, recoveryKeyId, recovered, lost, losses };
      yield { ...event, summary };
    } else {
      yield event;
    }
  }
  return summary as RecoverySummary;
}

const OPTIONS: readonly (keyof RecoverDeksOptions)[] = [
  'privateKey',
  'passphrase',
  'target',
  'concurrency',
  'dryRun',
  'maxFailures',
  'allowEmpty',
  'takeOver',
  'signal',
  'maxVaultOpsPerSecond',
  'reserveForTraffic',
];

/** Each new wrap is unwrapped again before it replaces the old one, as with `verify: 'all'`. */
export interface RecoverDeksOptions
  extends RunOptions, Pick<RewrapAllDeksOptions, 'takeOver' | 'target'> {
  /**
   * The private recovery key, PEM: PKCS#8 or PKCS#1, encrypted or not. It is in memory only during the run.
   */
  readonly privateKey: string;
  /** The passphrase of an encrypted private key. */
  readonly passphrase?: string;
}

const NO_LOSSES: Readonly<Record<DekLossReason, number>> = {
  'no-recovery-wrap': 0,
  'other-recovery-key': 0,
  'broken-recovery-wrap': 0,
  'commitment-mismatch': 0,
  'unreadable-row': 0,
};
