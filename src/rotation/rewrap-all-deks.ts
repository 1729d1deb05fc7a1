/** Rotates the MEK: wraps every DEK anew while traffic goes on. @module */
import { unwrapDekBytes } from '../dek/dek-unwrapper.js';
import { makeRoundTrip } from '../dek/mek-round-trip.js';
import { hasCode } from '../errors/errors.js';
import { isLive, type LiveDekRow } from '../format/dek-row.js';
import { describeMek, isSameMek, wrapIn, type MekReference } from '../format/key-wrap.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import { type EncryptionContext, runContext, runParts } from '../run/run-context.js';
import type { RunName } from '../run/run-event.js';
import { finishRun, RunPublisher } from '../run/run-publisher.js';
import { dekRowPages, rowIn } from '../run/scanned-row.js';
import type { StoredItem } from '../store/dek-store.js';
import { requireStrongMek } from '../store/weak-keys.js';
import type { DekOpening } from './row-rewrapper.js';
import type { RewrapEvent, RewrapStepEvent, RewrapSummary } from './rewrap-event.js';
import {
  readRewrapOptions,
  type RewrapAllDeksOptions,
  type RewrapRequest,
  type RotationContext,
} from './rewrap-options.js';
import { rehearseRewrap, runRewrap } from './rewrap-run.js';

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
  encryption: EncryptionContext,
  options: RewrapAllDeksOptions,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  return rotate('rewrapAllDeks', encryption, (providers) => readRewrapOptions(options, providers));
}

/** @internal Any rotation: how its options are read, and how its DEKs are opened, is up to the caller. */
export async function* rotate(
  run: RunName,
  encryption: EncryptionContext,
  readOptions: (providers: ConfiguredProviders) => RewrapRequest,
  opening?: DekOpening,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  const parts = runParts(encryption);
  const { product, configured } = parts;
  const request = readOptions(configured);
  const { target, dryRun } = request;
  const context = { ...runContext(parts, request, target), target, request, opening };
  const publisher = new RunPublisher({ run, product, target, dryRun });
  return yield* finishRun<RewrapStepEvent, RewrapSummary>(context, publisher, async function* () {
    requireStrongMek(configured, target, 'target');
    await requireTarget(context);
    return yield* dryRun ? rehearseRewrap(context, run) : runRewrap(context, run);
  });
}

/** Before anything is written. @throws What fails on the target. */
async function requireTarget(context: RotationContext): Promise<void> {
  const { providers, target, signal, request, opening } = context;
  await makeRoundTrip(providers, target, { signal });
  if (request.rollback) await requireWayBack(context);
  await opening?.requireUseful(context);
}

interface Failure {
  readonly error: unknown;
}

/** Rows that are broken prove nothing against the version; so many of them do. */
const MOST_BROKEN = 8;

/**
 * Unwraps one wrap that is stored under the target: the round trip alone would be passed by a key of
 * the same name that was made anew. Where nothing is left under it, the record has to name it.
 *
 * @throws What the unwrap failed with; RangeError for a version that the product was never on.
 */
async function requireWayBack(context: RotationContext): Promise<void> {
  const { dekStore, product, signal, target } = context;
  const broken: Failure[] = [];
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    for (const item of items) {
      const row = rowUnder(target, item, product);
      if (!row) continue;
      const failure = await failureOf(context, row);
      if (!failure) return;
      if (broken.push(failure) === MOST_BROKEN) throw failure.error;
    }
  }
  if (broken[0]) throw broken[0].error;
  await requireNamed(context);
}

/** The row as if its wrap under the target were its primary one. */
function rowUnder(target: MekReference, item: StoredItem, product: string): LiveDekRow | undefined {
  try {
    const row = rowIn(item, product);
    if (!isLive(row)) return undefined;
    const wraps = row.previousWrap ? [row.previousWrap, row] : [row];
    const wrap = wraps.find((each) => isSameMek(each, target));
    return wrap && { ...row, ...wrapIn(wrap) };
  } catch {
    // The scans that follow report it.
    return undefined;
  }
}

/** What is wrong with the row alone. @throws What is wrong with the target, or with the way to it. */
async function failureOf(context: RotationContext, row: LiveDekRow): Promise<Failure | undefined> {
  try {
    (await unwrapDekBytes(context, row, { signal: context.signal })).fill(0);
    return undefined;
  } catch (error) {
    if (hasCode(error, 'TAMPERED')) return { error };
    throw error;
  }
}

async function requireNamed({ records, product, target }: RotationContext): Promise<void> {
  const record = (await records.readUnlessNew())?.record;
  const named = record ? [record, ...record.history] : [];
  if (named.some((each) => isSameMek(each, target))) return;
  throw new RangeError(
    `The product "${product}" was never on ${describeMek(target)}: there is no row under it, and the rotation record does not name it; rotate to it with rewrapAllDeks`,
  );
}
