/** Rotates the MEK: rewraps every DEK beside live traffic. @module */
import { makeRoundTrip } from '../dek/dek-wraps.js';
import { hasCode, isFieldEncryptionError } from '../errors/errors.js';
import { isLive, type LiveDekRow, isSameMek, mekIn, type MekReference } from '../format/dek-row.js';
import { requireBoolean, requireList, requireOneOf } from '../guards/guards.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import {
  readAnyMek,
  readConfiguredMek,
  requireMekVersion,
  type NamedMek,
} from '../provider/named-mek.js';
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
import { requireKnownVersion, type UnknownMekOptions } from '../run/known-meks.js';
import type { RunName } from '../run/run-event.js';
import { finishRun } from '../run/run-publisher.js';
import type { StoredItem } from '../store/dek-store.js';
import { requireStrongMek } from '../store/weak-keys.js';
import { mekUnusable, type Source } from './mek-unusable.js';
import type { RewrapEvent, RewrapStepEvent, RewrapSummary } from './rewrap-event.js';
import { readShard, type RewrapShard, dryRunRewrap, runRewrap } from './rewrap-run.js';
import { requireRollbackTarget } from './rollback-target.js';
import { MOST_BROKEN, requireRotatable } from './rotation.js';
import { type DekOpening, openDek, type VerifyMode } from './row-rewrapper.js';

/** The exact MEK version to rotate to. There is no "latest". */
export type RewrapTarget = NamedMek;

export interface RewrapAllDeksOptions extends RunOptions, UnknownMekOptions {
  readonly target: RewrapTarget;
  /** Rewraps only rows of this MEK version; the others are reported as skipped. @default all */
  readonly sourceVersion?: string;
  /**
   * MEK versions that are lost: the rotation begins although none of their rows opens. Each of these rows
   * fails, and the rotation stays unfinished until they are restored, recovered or shredded. Where provider
   * and MEK name are both passed, the provider need not be configured any more.
   *
   * @default none
   */
  readonly withoutOpening?: readonly NamedMek[];
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
export interface RollbackRotationOptions extends Omit<
  RewrapAllDeksOptions,
  'sourceVersion' | 'withoutOpening'
> {
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
  readonly allowUnknown: boolean;
  readonly withoutOpening: readonly MekReference[];
  /** Only in a rollback: a previous wrap under the target is restored without the provider. */
  readonly rollback?: { readonly verifyFlips: boolean };
}

const OF_A_ROLLBACK = ['target', 'verify', 'takeOver', 'shard', 'allowUnknown'] as const;

/** @throws TypeError or RangeError for invalid options. */
export function readRewrapOptions(
  options: RewrapAllDeksOptions,
  providers: ConfiguredProviders,
): RewrapRequest {
  const { own, request } = readRunOptions(options, [
    ...OF_A_ROLLBACK,
    'sourceVersion',
    'withoutOpening',
  ]);
  const { sourceVersion } = own;
  const rotation = readRotation(own, providers);
  if (sourceVersion !== undefined) requireMekVersion('sourceVersion', sourceVersion);
  const withoutOpening = readLostMeks(own.withoutOpening, providers);
  return { ...request, ...rotation, sourceVersion, withoutOpening };
}

function readLostMeks(meks: unknown, providers: ConfiguredProviders): readonly MekReference[] {
  if (meks === undefined) return [];
  requireList('withoutOpening', meks);
  return meks.map((mek, index) => readAnyMek(`withoutOpening[${String(index)}]`, mek, providers));
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
  const none = { sourceVersion: undefined, withoutOpening: [] };
  return { ...request, ...rotation, ...none, rollback: { verifyFlips } };
}

function readRotation(
  own: RollbackRotationOptions,
  providers: ConfiguredProviders,
): Pick<RewrapRequest, 'allowUnknown' | 'shard' | 'takeOver' | 'target' | 'verify'> {
  const { verify = 'all', takeOver = false, allowUnknown = false } = own;
  const shard = own.shard === undefined ? undefined : readShard(own.shard);
  requireOneOf('verify', verify, ['all', 'first', 'none']);
  requireBoolean('takeOver', takeOver);
  requireBoolean('allowUnknown', allowUnknown);
  const target = readConfiguredMek('target', own.target, providers);
  return { target, verify, takeOver, shard, allowUnknown };
}

export interface RotationContext extends RunContext {
  readonly target: MekReference;
  readonly request: RewrapRequest;
  /** @default each row's own wrap */
  readonly opening?: DekOpening | undefined;
  /** The versions under which a stored wrap was unwrapped before the beginning, one for each unwrap. */
  readonly proven?: readonly MekReference[];
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
 * The steps, in order: wraps and unwraps a random key with the target; opens one row of each MEK version that
 * it has to leave, unless the rotation already names the target; begins (from here on new DEKs are
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
 *   `MEK_UNUSABLE`: do for each version what the message says; `KEY_PROVIDER_NOT_CONFIGURED`; `KEY_WEAK` for a
 *   target that is not a random key. Errors of the provider before the beginning (nothing was written), and of
 *   the store where it cannot list: run it again. The signal's reason when it aborts.
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
  const { target, dryRun, sourceVersion } = request;
  const context = { ...runContext(parts, request, target), target, request, opening };
  const facts = { run, target, sourceVersion };
  return yield* finishRun<RewrapStepEvent, RewrapSummary>(context, facts, async function* () {
    requireStrongMek(configured, target, 'target');
    const whole = { ...context, proven: await requireUsable(context) };
    return yield* dryRun ? dryRunRewrap(whole, run) : runRewrap(whole, run);
  });
}

/**
 * Checks the target, and what the rows need, before anything is written.
 *
 * @returns The versions under which stored wraps were unwrapped.
 * @throws The failure of the target; FieldEncryptionError `MEK_UNUSABLE`; RangeError for a version that the
 *   product never used.
 */
async function requireUsable(context: RotationContext): Promise<readonly MekReference[]> {
  const { providers, target, signal, request, opening } = context;
  const { sourceVersion, allowUnknown } = request;
  if (sourceVersion !== undefined && !allowUnknown) {
    await requireKnownVersion(context, 'sourceVersion', sourceVersion);
  }
  await makeRoundTrip(providers, target, { signal });
  if (request.rollback) {
    await requireRollbackTarget(context);
    return [target];
  }
  if (!opening) return requireSources(context);
  await opening.requireUseful(context);
  return [];
}

/**
 * Opens one stored row of each MEK version that the rotation has to leave. A rotation that already names the
 * target is only continued: its rows that do not open are reported by the scans.
 *
 * @throws FieldEncryptionError `MEK_UNUSABLE`; what beginning the rotation would throw.
 */
async function requireSources(context: RotationContext): Promise<readonly MekReference[]> {
  const { dekStore, product, records, signal, target } = context;
  const record = (await records.readUnlessNew())?.record;
  if (!record) return [];
  requireRotatable(context, record);
  if (isSameMek(record, target)) return [];
  const sources = new Sources(context);
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    for (const item of items) await sources.add(item);
  }
  sources.requireOpen();
  return sources.unwrapped;
}

/** How many versions that do not open are counted: rows may have been forged. */
const MOST_UNUSABLE = 16;

/** The MEK versions of the rows that the rotation has to rewrap. */
class Sources {
  readonly unwrapped: MekReference[] = [];
  readonly #context: RotationContext;
  readonly #byName = new Map<string, Source>();

  constructor(context: RotationContext) {
    this.#context = context;
  }

  /** Unwraps it only where that can change what is known of its version. */
  async add(item: StoredItem): Promise<void> {
    const row = this.#rowToRewrap(item);
    if (!row) return;
    const source = this.#sourceOf(row);
    source.rows += 1;
    if (source.state !== 'unknown') return;
    try {
      const { bytes, from, repaired } = await openDek(this.#context, row);
      bytes.fill(0);
      this.unwrapped.push(mekIn(row), ...(repaired ? [mekIn(from)] : []));
      source.state = 'open';
    } catch (error) {
      this.#context.signal?.throwIfAborted();
      if (isFieldEncryptionError(error) && error.retryable) throw error;
      this.#addFailure(source, error);
    }
  }

  /** @throws FieldEncryptionError `MEK_UNUSABLE`. */
  requireOpen(): void {
    const unusable = [...this.#byName.values()].filter(({ state }) => state !== 'open');
    if (unusable.length > 0) throw mekUnusable(this.#context, unusable);
  }

  #addFailure(source: Source, error: unknown): void {
    const isOfRow = hasCode(error, 'TAMPERED');
    if (isOfRow) source.broken += 1;
    source.failure = isOfRow ? (source.failure ?? error) : error;
    if (!isOfRow || source.broken === MOST_BROKEN) source.state = 'unusable';
    const unusable = [...this.#byName.values()].filter(({ state }) => state === 'unusable');
    if (unusable.length > MOST_UNUSABLE) throw mekUnusable(this.#context, unusable);
  }

  #sourceOf(row: LiveDekRow): Source {
    const name = JSON.stringify(mekIn(row));
    const source = this.#byName.get(name) ?? {
      ...{ mek: mekIn(row), rows: 0, broken: 0, state: 'unknown' },
    };
    this.#byName.set(name, source);
    return source;
  }

  #rowToRewrap(item: StoredItem): LiveDekRow | undefined {
    const { product, target, request } = this.#context;
    const { sourceVersion, withoutOpening } = request;
    try {
      const row = rowIn(item, product);
      if (!isLive(row) || isSameMek(row, target)) return undefined;
      if (sourceVersion !== undefined && row.mekVersion !== sourceVersion) return undefined;
      return withoutOpening.some((mek) => isSameMek(mek, row)) ? undefined : row;
    } catch {
      // The scans that follow report it.
      return undefined;
    }
  }
}
