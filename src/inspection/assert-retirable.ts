/** Checks whether a MEK version may be disabled. @module */
import { ownCallOptions, type CallOptions, unlessAborted } from '../async/abort.js';
import type { RecordCopy } from '../dek/record-reader.js';
import type { ProductOptions } from '../dek/known-product.js';
import { MekStillNeededError } from '../errors/errors.js';
import type { RetirementReason } from '../errors/retirement-reason.js';
import { describeMek, mekIn, type MekReference } from '../format/dek-row.js';
import { requireBoolean, requireFunction, requireIntegerBetween } from '../guards/guards.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import { readAnyMek, type NamedMek } from '../provider/named-mek.js';
import {
  type EncryptionContext,
  runContext,
  runParts,
  type RunContext,
  readRunOptions,
  type RunRequest,
} from '../run/run-context.js';
import type { FenceEvent } from '../run/run-event.js';
import { dekRowPages } from '../run/change-row.js';
import type { UnknownMekOptions } from '../run/known-meks.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import { currentTargetReason, fenceReason, RetirementScan } from './retirement-scan.js';
import type { Census } from './take-census.js';

/** The findings about a MEK version that nothing needs any more. */
export interface RetirementReport {
  readonly product: string;
  readonly mek: MekReference;
  /** Epoch of the complete rotation, which names the present target. */
  readonly epoch: number;
  readonly target: MekReference;
  /** When the last row left the version, by stored times; absent where the record has none. */
  readonly leftAt?: string;
  /** The length of the wait until no writer could use an older rotation record. */
  readonly waitedMs: number;
  /** The last scan. */
  readonly census: Census;
  /** Request units; absent where the store reported none. */
  readonly requestCharge?: number;
}

interface RetirementContext extends RunContext {
  readonly request: RetirementRequest;
}

/**
 * Checks that nothing of a product needs a MEK version any more, before you disable the version.
 *
 * Reads the rotation record and every row; waits one whole `fenceTtlMs` itself, and longer where reads of the
 * store lag, so that no writer can still wrap with the version; then reads every row twice more. It writes
 * nothing, unwraps nothing, and disables nothing. Reasons that exist before the wait are reported without
 * waiting.
 *
 * The result is about this product and this moment. Call it for every product whose rows share the MEK, and
 * ensure that no process rotates or rolls back to the version afterwards. Disable the version first, and
 * delete it only much later: while it can be enabled again, any row that was missed can be recovered.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns The findings, where there is no reason against it.
 * @throws MekStillNeededError `MEK_STILL_NEEDED` with every reason in `reasons`, not just the first: rows and
 *   previous wraps under it, or under the same version of another provider, rows that are elsewhere or cannot be read, an unfinished rotation, being its
 *   target, a record that changed during the wait, and backups until a date.
 * @throws TypeError or RangeError for invalid options, and for a version that the product never used.
 *   FieldEncryptionError `ROTATION_RECORD_MISSING`; errors
 *   of the store; the signal's reason.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import {
 *   assertRetirable, createFieldEncryptor, EnvKeyProvider, MekStillNeededError,
 * } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const provider = new EnvKeyProvider({ key: randomBytes(32).toString('hex') });
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett', keyProviders: [provider], dekStore: new MemoryDekStore(),
 * });
 * const mek = { mekVersion: await provider.currentVersion() };
 * try {
 *   const backupWindowMs = 35 * 24 * 3_600_000;
 *   const options = { mek, backupWindowMs, allowEmpty: true }; // this example has stored nothing
 *   const { leftAt } = await assertRetirable(encryptor, options);
 *   console.log(`not needed since ${leftAt}`);
 * } catch (error) {
 *   if (!(error instanceof MekStillNeededError)) throw error;
 *   for (const { type, message } of error.reasons) console.log(type, message);
 * }
 * ```
 */
export async function assertRetirable(
  encryption: EncryptionContext,
  options: AssertRetirableOptions,
): Promise<RetirementReport> {
  const parts = runParts(encryption);
  const request = readRetirementOptions(options, parts.configured);
  const context = { ...runContext(parts, request), request };
  return unlessAborted(request.signal, () => auditedReport(context));
}

/** The answer counts only once it is recorded. */
async function auditedReport(context: RetirementContext): Promise<RetirementReport> {
  const { audit, request } = context;
  const { mek } = request;
  try {
    const found = await report(context);
    const { epoch, leftAt } = found;
    const facts = { epoch, ...(leftAt !== undefined && { leftAt }) };
    await audit?.write('retirement.checked', { mek, retirable: true, reasons: [], ...facts });
    return found;
  } catch (error) {
    if (!(error instanceof MekStillNeededError)) throw error;
    const reasons = [...new Set(error.reasons.map(({ type }) => type))];
    const [backups] = error.reasons.filter(({ type }) => type === 'backups');
    const possibleFrom = backups && 'until' in backups ? { possibleFrom: backups.until } : {};
    await audit?.write('retirement.checked', { mek, retirable: false, reasons, ...possibleFrom });
    throw error;
  }
}

async function report(context: RetirementContext): Promise<RetirementReport> {
  const { product, records, charge, request } = context;
  const anchor = await records.readUnlessNew();
  const { mek } = request;
  if (!anchor) throw stillNeeded(context, [currentTargetReason(false)]);
  await requireUnneeded(context, anchor);
  const waitedMs = await wait(context, anchor);
  await requireUnneeded(context, anchor);
  // The previous scan may have missed what a writer was about to create.
  const { census, leftAt } = await requireUnneeded(context, anchor);
  const { epoch } = anchor.record;
  const target = mekIn(anchor.record);
  const found = { product, mek, epoch, target, ...(leftAt !== undefined && { leftAt }), waitedMs };
  return charge.inSummary<RetirementReport>({ ...found, census });
}

/** Begins after the record was read, so that afterwards no writer acts on an older one. */
async function wait(context: RetirementContext, { record }: RecordCopy): Promise<number> {
  const waiting = waitForWriters(context, record);
  for (;;) {
    const { done, value } = await waiting.next();
    if (done) return value;
    context.request.onWait?.(value);
  }
}

/** @throws MekStillNeededError for each finding, or if the record has changed since the anchor. */
async function requireUnneeded(
  context: RetirementContext,
  anchor: RecordCopy,
): Promise<RetirementScan> {
  const { product, dekStore, records, clock, request } = context;
  const { mek, backupWindowMs, signal } = request;
  const found = new RetirementScan(product, anchor.record, mek);
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    for (const item of items) found.add(item);
  }
  if (found.highestEpoch > anchor.record.epoch) {
    await records.readForRow({ epoch: found.highestEpoch });
  }
  if (!request.allowUnknown) found.requireKnown(product);
  const copy = await records.readUnlessNew();
  const hasChanged = copy?.etag !== anchor.etag;
  const seen = found.reasons(clock.wallMs(), backupWindowMs);
  // A rotation that began meanwhile wrote its rows above the anchor's epoch; those are correct.
  const isOvertaken = (copy?.record.epoch ?? 0) > anchor.record.epoch;
  const reasons: readonly RetirementReason[] = [
    ...(isOvertaken ? seen.filter(({ type }) => type !== 'rows-ahead') : seen),
    ...(hasChanged ? [fenceReason()] : []),
  ];
  if (reasons.length > 0) throw stillNeeded(context, reasons);
  return found;
}

function stillNeeded(
  { product, request: { mek } }: RetirementContext,
  reasons: readonly RetirementReason[],
): MekStillNeededError {
  const what = `The MEK version ${describeMek(mek)} of the product "${product}"`;
  const retryable = reasons.every(({ type }) => type === 'fence');
  return new MekStillNeededError(what, reasons, { retryable });
}

export interface AssertRetirableOptions extends CallOptions, ProductOptions, UnknownMekOptions {
  /**
   * The version to retire. Where provider and MEK name are both passed, the provider need not be configured
   * any more.
   */
  readonly mek: NamedMek;
  /**
   * How long a backup of the DEK store is kept, point-in-time restores included; 0 for none, up to a hundred
   * years. Rows of a restored backup need the version that they were under.
   */
  readonly backupWindowMs: number;
  /**
   * Called at least once per second during the wait, with the remaining time; an error in it rejects the
   * call.
   */
  readonly onWait?: (event: FenceEvent) => void;
}

/** @internal */
interface RetirementRequest extends RunRequest {
  readonly mek: MekReference;
  readonly backupWindowMs: number;
  readonly allowUnknown: boolean;
  readonly onWait: ((event: FenceEvent) => void) | undefined;
}

const OPTIONS = ['mek', 'backupWindowMs', 'onWait', 'allowEmpty', 'allowUnknown'] as const;
const MOST_BACKUP_WINDOW_MS = 3_155_760_000_000;

/** @throws TypeError or RangeError for invalid options. */
function readRetirementOptions(
  options: AssertRetirableOptions,
  providers: ConfiguredProviders,
): RetirementRequest {
  const own = ownCallOptions(options, OPTIONS);
  const { mek, backupWindowMs, onWait, allowEmpty = false, allowUnknown = false, signal } = own;
  requireIntegerBetween('backupWindowMs', backupWindowMs, 0, MOST_BACKUP_WINDOW_MS);
  if (onWait !== undefined) requireFunction('onWait', onWait);
  requireBoolean('allowUnknown', allowUnknown);
  const { request } = readRunOptions({ dryRun: true, allowEmpty, signal });
  const meant = readAnyMek('mek', mek, providers);
  return { ...request, mek: meant, backupWindowMs, allowUnknown, onWait };
}
