/** Gets the DEKs back when every version of the MEK is lost. @module */
import { readEncryption } from '../guards/encryption-parts.js';
import { readOptions } from '../guards/guards.js';
import { rotate } from '../rotation/rewrap-all-deks.js';
import type {
  RewrapEvent,
  RewrapSummary,
  DekLossReason,
  RewrapStepEvent,
} from '../rotation/rewrap-event.js';
import { readRewrapOptions, type RewrapAllDeksOptions } from '../rotation/rewrap-options.js';
import type { EncryptionContext } from '../run/run-context.js';
import type { FinishedEvent } from '../run/run-event.js';
import { readPrivateRecoveryKey, type PrivateRecoveryKey } from './private-recovery-key.js';
import { RecoveryOpening } from './recovery-opening.js';

export interface RecoverySummary extends RewrapSummary {
  /** Of the private key that was given. */
  readonly recoveryKeyId: string;
  /** DEKs that came out of their recovery wraps, over all passes; of a dry run: that would. */
  readonly recovered: number;
  /** DEKs that nothing at hand opens; the rest of `failed` may go well another time. Of the last pass. */
  readonly lost: number;
  /** The same, by reason. */
  readonly losses: Readonly<Record<DekLossReason, number>>;
}

/** The events of a rewrap; `failed` ones say by `loss` that the DEK is lost, and which document's it is. */
export type RecoveryEvent = FinishedEvent<RecoverySummary> | RewrapStepEvent;

/**
 * Gets the DEKs back when every version of the MEK is lost: wraps each under a new MEK, out of its
 * recovery wrap, without touching a document.
 *
 * It is a rotation like `rewrapAllDeks`, in its order, with its fence, and as safe to stop and to run
 * again; just the DEKs come from elsewhere. The recovery wrap is opened with the private key, and what
 * comes out is checked against the row's commitment. Where there is none that opens, the row's own
 * wraps are tried, as one of their MEK versions may still be there. What neither opens is lost, and a
 * `failed` event with `loss` says which document's it is and why; each scan names it again, so that the
 * last one has the whole list. A DEK whose MEK is only disabled or out of reach is `failed` without `loss`.
 *
 * The record is complete only if every live row is on the target. With rows that are lost it stays
 * unfinished, which harms nobody: new DEKs are under the target, and what was recovered reads. Find a
 * backup of the lost rows, or `shred` their documents, and run it again to finish.
 *
 * The recovery wrap stays in the row, byte for byte, and so does `previousWrap`. The primary wrap that
 * nobody could open is replaced, once the new one was unwrapped again.
 *
 * @param encryption - A `FieldEncryptor`, or its parts. A provider that is gone may be left out.
 * @returns Events as they happen, as of `rewrapAllDeks`; the last one carries the summary.
 * @throws TypeError or RangeError for options that make no sense, a private key that cannot be read
 * among them. FieldEncryptionError `RECOVERY_KEY_UNKNOWN`: it is not the key of any row, and nothing was
 * written: find the other one. And what `rewrapAllDeks` throws.
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
  const { recoveryKey, rotation } = readRecoverDeksOptions(options);
  const { product } = readEncryption(encryption);
  const opening = new RecoveryOpening({ product, recoveryKey });
  const events = rotate(
    'recoverDeks',
    encryption,
    (all) => readRewrapOptions(rotation, all),
    opening,
  );
  return yield* counted(events, recoveryKey.id);
}

async function* counted(
  events: AsyncGenerator<RewrapEvent, RewrapSummary, void>,
  recoveryKeyId: string,
): AsyncGenerator<RecoveryEvent, RecoverySummary, void> {
  const count = new RecoveryCount();
  let summary: RecoverySummary | undefined;
  for await (const event of events) {
    count.add(event);
    if (event.type === 'finished') {
      summary = count.summary(event.summary, recoveryKeyId);
      yield { ...event, summary };
    } else {
      yield event;
    }
  }
  return summary as RecoverySummary;
}

const OF_A_ROTATION = [
  'target',
  'concurrency',
  'dryRun',
  'takeOver',
  'signal',
  'maxVaultOpsPerSecond',
  'reserveForTraffic',
] as const;
const OWN = ['privateKey', 'passphrase'] as const;

/** Each new wrap is unwrapped again before it replaces the old one, as `verify: 'all'` does. */
export interface RecoverDeksOptions extends Pick<
  RewrapAllDeksOptions,
  (typeof OF_A_ROTATION)[number]
> {
  /** The private recovery key, PEM: PKCS#8 or PKCS#1, encrypted or not. It is in memory for the run alone. */
  readonly privateKey: string;
  /** What the private key is encrypted with. */
  readonly passphrase?: string;
}

/** @internal */
interface RecoveryRequest {
  readonly recoveryKey: PrivateRecoveryKey;
  /** The rest, for whoever reads the options of a rotation. */
  readonly rotation: RewrapAllDeksOptions;
}

/** @throws TypeError or RangeError for options that make no sense. */
function readRecoverDeksOptions(options: RecoverDeksOptions): RecoveryRequest {
  const own = readOptions(options, [...OWN, ...OF_A_ROTATION]);
  const { privateKey, passphrase, ...rotation } = own;
  const recoveryKey = readPrivateRecoveryKey(privateKey, passphrase);
  return { recoveryKey, rotation };
}

const NO_LOSSES: Readonly<Record<DekLossReason, number>> = {
  'no-recovery-wrap': 0,
  'other-recovery-key': 0,
  'broken-recovery-wrap': 0,
  'commitment-mismatch': 0,
  'unreadable-row': 0,
};

class RecoveryCount {
  #recovered = 0;
  #losses = { ...NO_LOSSES };

  add(event: RewrapEvent): void {
    // Each pass meets again what the one before could not move.
    if (event.type === 'pass') this.#losses = { ...NO_LOSSES };
    if (event.type === 'failed' && event.loss) this.#losses[event.loss.reason] += 1;
    const isOpened = event.type === 'changed' || event.type === 'would-change';
    if (isOpened && event.recovered) this.#recovered += 1;
  }

  summary(rewrap: RewrapSummary, recoveryKeyId: string): RecoverySummary {
    const losses = { ...this.#losses };
    const lost = Object.values(losses).reduce((sum, count) => sum + count, 0);
    return { ...rewrap, recoveryKeyId, recovered: this.#recovered, lost, losses };
  }
}
