/** Rotates the MEK: rewraps every DEK beside live traffic. @module */
import { unwrapDekBytes, makeRoundTrip } from '../dek/dek-wraps.js';
import { hasCode, type TamperedError } from '../errors/errors.js';
import {
  isLive,
  type LiveDekRow,
  describeMek,
  isSameMek,
  wrapIn,
  type MekReference,
} from '../format/dek-row.js';
import { requireBoolean, requireOneOf } from '../guards/guards.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import { readConfiguredMek, requireMekVersion, type NamedMek } from '../provider/named-mek.js';
import { dekRowPages, rowIn } from '../run/change-row.js';
import {
  type EncryptionContext,
  runContext,
  runParts,
  type RunContext,
  readRunOptions,
  type RunOptions,
  type RunRequest,
} from '../run/run-context.js';
import type { RunName } from '../run/run-event.js';
import { finishRun } from '../run/run-publisher.js';
import type { StoredItem } from '../store/dek-store.js';
import { requireStrongMek } from '../store/weak-keys.js';
import type { RewrapEvent, RewrapStepEvent, RewrapSummary } from './rewrap-event.js';
import { readShard, type RewrapShard, dryRunRewrap, runRewrap } from './rewrap-run.js';
import type { DekOpening, VerifyMode } from './row-rewrapper.js';

/** The exact MEK version to rotate to. There is no "latest". */
export type RewrapTarget = NamedMek;

export interface RewrapAllDeksOptions extends RunOptions {
  readonly target: RewrapTarget;
  /** Rewraps only rows of this MEK version; the others are reported as skipped. @default all */
  readonly sourceVersion?: string;
  /**
   * Whether each new wrap is unwrapped again before it replaces the old one (`'all'`), only the first
   * (`'first'`), or none (`'none'`). The latter two save calls, and rely on the previous wrap that each row
   * keeps.
   *
   * @default 'all'
   */
  readonly verify?: VerifyMode;
  /** Starts although a rotation to another target is unfinished. @default false */
  readonly takeOver?: boolean;
  /**
   * This process is one of several that share the rotation: it rewraps its part of the rows, then helps with
   * what the others have not done, and ends when nothing is left of the whole. A dry run reads its part
   * alone.
   *
   * @default all rows
   */
  readonly shard?: RewrapShard;
}

/** `target` is the version to go back to; `verify` applies to rows that have to be rewrapped. */
export interface RollbackRotationOptions extends Omit<RewrapAllDeksOptions, 'sourceVersion'> {
  /**
   * Unwraps each previous wrap before it is restored, at the price of one provider call for each row. A row
   * whose previous wrap is broken is rewrapped instead. @default false
   */
  readonly verifyFlips?: boolean;
}

export interface RewrapRequest extends RunRequest {
  readonly target: MekReference;
  readonly takeOver: boolean;
  readonly shard: RewrapShard | undefined;
  readonly verify: VerifyMode;
  readonly sourceVersion: string | undefined;
  /** Only in a rollback: a previous wrap under the target is restored without the provider. */
  readonly rollback?: { readonly verifyFlips: boolean };
}

const OF_A_ROLLBACK = ['target', 'verify', 'takeOver', 'shard'] as const;

/** @throws TypeError or RangeError for invalid options. */
export function readRewrapOptions(
  options: RewrapAllDeksOptions,
  providers: ConfiguredProviders,
): RewrapRequest {
  const { own, request } = readRunOptions(options, [...OF_A_ROLLBACK, 'sourceVersion']);
  const { sourceVersion } = own;
  const rotation = readRotation(own, providers);
  if (sourceVersion !== undefined) requireMekVersion('sourceVersion', sourceVersion);
  return { ...request, ...rotation, sourceVersion };
}

/** @throws TypeError or RangeError for invalid options. */
export function readRollbackOptions(
  options: RollbackRotationOptions,
  providers: ConfiguredProviders,
): RewrapRequest {
  const { own, request } = readRunOptions(options, [...OF_A_ROLLBACK, 'verifyFlips']);
  const { verifyFlips = false } = own;
  requireBoolean('verifyFlips', verifyFlips);
  const rotation = readRotation(own, providers);
  return { ...request, ...rotation, sourceVersion: undefined, rollback: { verifyFlips } };
}

function readRotation(
  own: RollbackRotationOptions,
  providers: ConfiguredProviders,
): Pick<RewrapRequest, 'shard' | 'takeOver' | 'target' | 'verify'> {
  const { verify = 'all', takeOver = false } = own;
  const shard = own.shard === undefined ? undefined : readShard(own.shard);
  requireOneOf('verify', verify, ['all', 'first', 'none']);
  requireBoolean('takeOver', takeOver);
  return { target: readConfiguredMek('target', own.target, providers), verify, takeOver, shard };
}

export interface RotationContext extends RunContext {
  readonly target: MekReference;
  readonly request: RewrapRequest;
  /** @default each row's own wrap */
  readonly opening?: DekOpening | undefined;
}

/**
 * Rotates the MEK: wraps every DEK of a product under another MEK version, beside live traffic, and changes
 * no document.
 *
 * Nothing happens before the first `next()`, and when you stop pulling only the rows in flight are finished.
 * Stop at any point, by leaving the loop, by the signal, or by a crash: whatever was reported as done is
 * durable, no row is half done, and another run with the same target continues from there. Another run of a
 * finished rotation writes nothing.
 *
 * The steps, in order: wraps and unwraps a random key with the target; begins (from here on new DEKs are
 * wrapped with the target); waits one `fenceTtlMs`, and longer where reads of the store lag, until no writer
 * acts on what it read before; rewraps row by row, in as many scans as needed until one finds nothing to do;
 * scans once more to verify; and marks the rotation record as complete, only if every live row is on the
 * target and nothing failed.
 *
 * For each DEK: unwraps it with the row's own MEK version, checks the commitment, wraps it with the target,
 * unwraps that again, and replaces the row under the etag that was read. The row keeps the old wrap as
 * `previousWrap`. A complete rotation alone is therefore not enough to disable the earlier MEK version
 * permanently.
 *
 * Live traffic uses the same key service: `maxVaultOpsPerSecond` is the limit for both together. When the
 * service throttles, with or without that limit, all workers wait as long as it asks, fewer of them continue,
 * and a call is tried six times before its row fails. The summary of a dry run estimates what the rotation
 * will take.
 *
 * To go back, use `rollbackRotation`. This function never disables a MEK version, and it does not help
 * against a DEK that leaked: encrypt its documents again with `reencryptDocuments`.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns Events as they happen. The last one is `finished` and carries the summary, which the generator
 *   also returns: check `complete`, and the `failed` events before it.
 * @throws TypeError or RangeError for invalid options.
 * @throws FieldEncryptionError `ROTATION_UNFINISHED`: finish the other rotation or take it over;
 *   `ROTATION_SUPERSEDED`: another process took over this one; `ROTATION_RECORD_MISSING`: restore it;
 *   `KEY_PROVIDER_NOT_CONFIGURED`; `KEY_WEAK` for a target that is not a random key. Errors of the provider
 *   on the target (nothing was written), and of the store where it cannot list: run it again. The signal's
 *   reason when it aborts.
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
 * const options = { target, allowEmpty: true }; // this example has stored nothing
 * for await (const event of rewrapAllDeks(encryptor, options)) {
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

/** @internal Any rotation: the caller decides how its options are read, and how its DEKs are opened. */
export async function* rotate(
  run: RunName,
  encryption: EncryptionContext,
  readOptions: (providers: ConfiguredProviders) => RewrapRequest,
  opening?: DekOpening,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  const parts = runParts(encryption);
  const { configured } = parts;
  const request = readOptions(configured);
  const { target, dryRun } = request;
  const context = { ...runContext(parts, request, target), target, request, opening };
  const facts = { run, target };
  return yield* finishRun<RewrapStepEvent, RewrapSummary>(context, facts, async function* () {
    requireStrongMek(configured, target, 'target');
    await requireTarget(context);
    return yield* dryRun ? dryRunRewrap(context, run) : runRewrap(context, run);
  });
}

/** Checks the target before anything is written. @throws The failure of the target. */
async function requireTarget(context: RotationContext): Promise<void> {
  const { providers, target, signal, request, opening } = context;
  await makeRoundTrip(providers, target, { signal });
  if (request.rollback) await requireRollbackTarget(context);
  await opening?.requireUseful(context);
}

/** One broken row proves nothing against the version; this many do. */
const MOST_BROKEN = 8;

/**
 * Unwraps one wrap that is stored under the target: a new key with the same name would pass the round trip
 * alone. Where no row is left under it, the record must name it.
 *
 * @throws The failure of the unwrap; RangeError for a version that the product never used.
 */
async function requireRollbackTarget(context: RotationContext): Promise<void> {
  const { dekStore, product, signal, target } = context;
  const broken: TamperedError[] = [];
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    for (const item of items) {
      const row = rowUnder(target, item, product);
      if (!row) continue;
      const failure = await failureOf(context, row);
      if (!failure) return;
      if (broken.push(failure) === MOST_BROKEN) throw failure;
    }
  }
  if (broken[0]) throw broken[0];
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

/** Returns a failure of the row alone. @throws A failure of the target, or of the connection to it. */
async function failureOf(
  context: RotationContext,
  row: LiveDekRow,
): Promise<TamperedError | undefined> {
  try {
    (await unwrapDekBytes(context, row, { signal: context.signal })).fill(0);
    return undefined;
  } catch (error) {
    if (hasCode(error, 'TAMPERED')) return error as TamperedError;
    throw error;
  }
}

async function requireNamed({ records, product, target }: RotationContext): Promise<void> {
  const record = (await records.readUnlessNew())?.record;
  const named = record ? [record, ...record.history] : [];
  if (named.some((each) => isSameMek(each, target))) return;
  throw new RangeError(
    `The product "${product}" was never on ${describeMek(target)}: no row is under it, and the rotation record does not name it; rotate to it with rewrapAllDeks`,
  );
}
