/** Rotates the MEK: wraps every DEK anew while traffic goes on. @module */
import { systemClock, type Clock } from '../clock.js';
import { requireStrongMek } from '../weak-keys.js';
import { readEncryption } from '../encryption-parts.js';
import type { DekCache } from '../dek/dek-cache.js';
import { makeRoundTrip } from '../dek/mek-round-trip.js';
import { readRecoveryKey } from '../dek/recovery-key.js';
import { ToldRewrap } from '../diagnostics/told-rewrap.js';
import { requireIdentifier, requireIntegerBetween } from '../guards.js';
import { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyProvider } from '../provider/key-provider.js';
import { VaultBudget } from '../provider/vault-budget.js';
import type { DekStore } from '../store/dek-store.js';
import { originOf } from '../store/store-origin.js';
import type { DekOpening } from './dek-opening.js';
import { epochsSeenBy } from './epochs-seen.js';
import { RecordReader } from './record-reader.js';
import { rehearseRewrap } from './rewrap-dry-run.js';
import type { RewrapEvent, RewrapSummary } from './rewrap-event.js';
import {
  readRewrapOptions,
  type RewrapAllDeksOptions,
  type CheckedRewrapOptions,
} from './rewrap-options.js';
import { runRewrap } from './rewrap-run.js';
import { requireWayBack } from './rollback-proof.js';
import { chargedDekStore } from './charged-dek-store.js';
import { RunCharge } from './run-charge.js';
import { DEFAULT_FENCE_TTL_MS, LEAST_FENCE_TTL_MS, MOST_FENCE_TTL_MS } from './rotation-record.js';

/** What a rotation or a census works on; a `FieldEncryptor` is one. */
export interface RewrapEncryption {
  readonly product: string;
  /** Of every MEK version that rows still name, and of the target. */
  readonly keyProviders: readonly KeyProvider[];
  readonly dekStore: DekStore;
  /**
   * Told of each new wrap, so that its keys stay usable; used over this `dekStore` object alone. Other
   * processes need no signal.
   */
  readonly dekCache?: DekCache;
  /** An RSA public key, PEM: each DEK is wrapped for it too, and can be recovered without the MEK. */
  readonly recoveryKey?: string;
  /** Only for a product that has no rotation record yet. @default 30 000 */
  readonly fenceTtlMs?: number;
  /** Refuses a rotation record below this epoch: it was put back to an older one. @default 1 */
  readonly minimumEpoch?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/**
 * Rotates the MEK: wraps every DEK of a product under another MEK version, beside live traffic and
 * without touching a document.
 *
 * Nothing happens before the first `next()`, and nothing goes on when you stop pulling, but for the
 * rows under way. Stop at any point, by leaving the loop, by the signal, or by a crash: whatever was
 * reported as done is durable, nothing is half done, and running it again with the same target goes on
 * where it stopped. A finished rotation that is run again writes nothing.
 *
 * What it does, in order: has the target wrap and unwrap a random key; begins (from here on new DEKs
 * are wrapped with the target); waits one `fenceTtlMs`, and longer where reads of the store lag, until
 * no writer acts on what it knew before; rewraps row by row, in as many scans as it takes until one
 * finds nothing to do; scans once more to verify; and writes into the rotation record that it is
 * complete, only if every live row is on the target and nothing failed.
 *
 * For each DEK: unwrap with the row's own MEK version, check the commitment, wrap with the target,
 * unwrap that again, and write over the etag that was read. The wrap before stays in the row as
 * `previousWrap`, so the earlier MEK version must not be disabled for ever by this alone.
 *
 * Live traffic asks the same key service: `maxVaultOpsPerSecond` is what both may take together. When the
 * service throttles, with or without it, all workers wait as long as it asks, fewer of them go on, and
 * a call is tried six times before its row fails. A dry run estimates in its summary what the rotation
 * will take.
 *
 * To go back, use `rollbackRotation`. This never disables a MEK version, and it does not help against a
 * DEK that leaked: its documents have to be encrypted again.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns Events as they happen. The last one is `finished` and carries the summary, which the
 * generator also returns: look at `complete`, and at the `failed` events before it.
 * @throws TypeError or RangeError for options that make no sense.
 * @throws FieldEncryptionError `ROTATION_UNFINISHED`: finish the other rotation or take it over;
 * `ROTATION_SUPERSEDED`: someone took over this one; `ROTATION_RECORD_MISSING`: restore it;
 * `KEY_PROVIDER_NOT_CONFIGURED`; `KEY_WEAK` for a target that is no random key. Errors of the provider on the target (nothing was written), and of
 * the store where it cannot list: run it again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const [key, previous] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
 * const provider = new EnvKeyProvider({ key, previousKeys: [previous] });
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett', keyProviders: [provider], dekStore: new MemoryDekStore(),
 * });
 * const target = { mekVersion: await provider.currentVersion() };
 * for await (const event of rewrapAllDeks(encryptor, { target })) {
 *   if (event.type === 'failed') console.error(event.dekId, event.error);
 *   if (event.type === 'finished') console.log(event.summary.complete); // true
 * }
 * ```
 */
export function rewrapAllDeks(
  encryption: RewrapEncryption,
  options: RewrapAllDeksOptions,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  return rotate(encryption, (providers) => readRewrapOptions(options, providers));
}

/** @internal A rotation, whoever reads its options, and however its DEKs are opened. */
export async function* rotate(
  encryption: RewrapEncryption,
  readOptions: (providers: ConfiguredProviders) => CheckedRewrapOptions,
  opening?: DekOpening,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  const own = readEncryption(encryption);
  const { product, keyProviders, dekStore, dekCache, clock = systemClock } = own;
  const { fenceTtlMs = DEFAULT_FENCE_TTL_MS } = own;
  requireIdentifier('product', product);
  requireIntegerBetween('fenceTtlMs', fenceTtlMs, LEAST_FENCE_TTL_MS, MOST_FENCE_TTL_MS);
  const recoveryKey = readRecoveryKey(own.recoveryKey);
  const configured = new ConfiguredProviders(keyProviders, { product, clock });
  const options = readOptions(configured);
  const { target, dryRun, signal } = options;
  dekCache?.belongTo(originOf(dekStore), product);
  const budget = new VaultBudget(options.limits, options.concurrency, clock);
  const providers = budget.over(configured);
  const request = { ...options, concurrency: budget };
  const charge = new RunCharge();
  const store = chargedDekStore(dekStore, { product, clock }, charge);
  const parts = { product, providers, dekStore: store, dekCache, clock, target, signal };
  const context = { ...parts, recoveryKey, ...(opening && { opening }) };
  const records = new RecordReader({
    ...context,
    firstMek: () => Promise.resolve(target),
    fenceTtlMs,
    epochs: epochsSeenBy(encryption),
  });

  const told = new ToldRewrap({ product, target, dryRun });
  try {
    signal?.throwIfAborted();
    requireStrongMek(configured, target, 'target');
    await makeRoundTrip(providers, target, { signal });
    if (request.rollback) await requireWayBack(context, records);
    await opening?.requireUseful(context);
    const events = dryRun
      ? rehearseRewrap(context, records, request, { charge, budget })
      : runRewrap(context, records, request);
    const run = yield* charge.inEvents(events, told.tell);
    const summary = budget.inSummary(charge.inSummary(run));
    const finished = charge.inEvent<RewrapEvent>({ type: 'finished', summary });
    told.tell(finished);
    yield finished;
    return summary;
  } catch (error) {
    told.fail(error, signal);
    throw error;
  } finally {
    told.end();
  }
}
