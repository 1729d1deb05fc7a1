/** Says whether a MEK version may be disabled. @module */
import { systemClock, type Clock } from '../clock.js';
import { readEncryption } from '../encryption-parts.js';
import { MekStillNeededError } from '../errors.js';
import { requireIdentifier } from '../guards.js';
import { ConfiguredProviders } from '../provider/configured-providers.js';
import { describeMek, mekIn, type MekReference } from '../provider/key-wrap.js';
import { dekRowPages } from '../rotation/dek-row-pages.js';
import { countDown, fenceMs } from '../rotation/fence.js';
import { epochsSeenBy } from '../rotation/epochs-seen.js';
import { RecordReader, type RecordCopy } from '../rotation/record-reader.js';
import type { RewrapEncryption } from '../rotation/rewrap-all-deks.js';
import { DEFAULT_FENCE_TTL_MS } from '../rotation/rotation-record.js';
import { chargedDekStore } from '../rotation/charged-dek-store.js';
import { RunCharge } from '../rotation/run-charge.js';
import type { Census } from '../rotation/take-census.js';
import type { DekStore } from '../store/dek-store.js';
import {
  readRetirementOptions,
  type AssertRetirableOptions,
  type RetirementRequest,
} from './retirement-options.js';
import { currentTargetReason, fenceReason, type RetirementReason } from './retirement-reason.js';
import { RetirementScan } from './retirement-scan.js';

/** What was found of a MEK version that nothing needs any more. */
export interface RetirementReport {
  readonly product: string;
  readonly mek: MekReference;
  /** Of the rotation that is complete, and its target. */
  readonly epoch: number;
  readonly target: MekReference;
  /** When the last row left the version, by stored times; absent where the record has none. */
  readonly leftAt?: string;
  /** Until writers could no longer go by an older rotation record. */
  readonly waitedMs: number;
  /** Of the last scan. */
  readonly census: Census;
  /** Request units; absent where the store reported none. */
  readonly requestCharge?: number;
}

interface RetirementContext {
  readonly product: string;
  readonly dekStore: Required<DekStore>;
  readonly records: RecordReader;
  readonly clock: Clock;
  readonly request: RetirementRequest;
}

/**
 * Makes sure that nothing of a product needs a MEK version any more, before it is disabled.
 *
 * Reads the rotation record and every row; waits one whole `fenceTtlMs` of its own, and longer where
 * reads of the store lag, so that no writer can still wrap with it; then reads every row twice more.
 * It writes nothing, unwraps nothing, and disables nothing. What already stands against it before the
 * wait is reported without waiting.
 *
 * The answer is about this product and this moment. Ask for every product whose rows share the MEK, and
 * see to it that nobody rotates or rolls back to it afterwards. Disable the version first, and delete it
 * only much later: while it can be enabled again, whatever was missed can be saved.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns What was found, once nothing stands against it.
 * @throws MekStillNeededError `MEK_STILL_NEEDED` with everything that stands against it in `reasons`, not
 * just the first: rows and previous wraps under it, rows that are elsewhere or cannot be read, an
 * unfinished rotation, being its target, a record that changed during the wait, and backups until a date.
 * @throws TypeError or RangeError for options that make no sense. FieldEncryptionError
 * `ROTATION_RECORD_MISSING`; errors of the store; the signal's reason.
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
 *   const { leftAt } = await assertRetirable(encryptor, { mek, backupWindowMs });
 *   console.log(`not needed since ${leftAt}`);
 * } catch (error) {
 *   if (!(error instanceof MekStillNeededError)) throw error;
 *   for (const { type, message } of error.reasons) console.log(type, message);
 * }
 * ```
 */
export async function assertRetirable(
  encryption: RewrapEncryption,
  options: AssertRetirableOptions,
): Promise<RetirementReport> {
  const charge = new RunCharge();
  const context = contextOf(encryption, options, charge);
  context.request.signal?.throwIfAborted();
  const { product, records, request } = context;
  const anchor = await records.readUnlessNew();
  const { mek } = request;
  if (!anchor) throw stillNeeded(context, [currentTargetReason(false)]);
  await requireUnneeded(context, anchor);
  const waitedMs = await waitForWriters(context, anchor);
  await requireUnneeded(context, anchor);
  // The scan before may have passed by what its writer was just about to create.
  const { census, leftAt } = await requireUnneeded(context, anchor);
  const { epoch } = anchor.record;
  const target = mekIn(anchor.record);
  const report = { product, mek, epoch, target, ...(leftAt !== undefined && { leftAt }), waitedMs };
  return charge.inSummary<RetirementReport>({ ...report, census });
}

function contextOf(
  encryption: RewrapEncryption,
  options: AssertRetirableOptions,
  charge: RunCharge,
): RetirementContext {
  const parts = readEncryption(encryption);
  const { product, keyProviders, clock = systemClock } = parts;
  const { fenceTtlMs = DEFAULT_FENCE_TTL_MS } = parts;
  requireIdentifier('product', product);
  const providers = new ConfiguredProviders(keyProviders, { product, clock });
  const request = readRetirementOptions(options, providers);
  const dekStore = chargedDekStore(parts.dekStore, { product, clock }, charge);
  const firstMek = (): ReturnType<typeof providers.currentMek> => providers.currentMek();
  const records = new RecordReader({
    product,
    dekStore,
    clock,
    firstMek,
    fenceTtlMs,
    epochs: epochsSeenBy(encryption),
    signal: request.signal,
  });
  return { product, dekStore, records, clock, request };
}

/** @throws MekStillNeededError for whatever it finds, or if the record is no longer the anchor. */
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
  const copy = await records.readUnlessNew();
  const hasChanged = copy?.etag !== anchor.etag;
  const seen = found.reasons(clock.wallMs(), backupWindowMs);
  // What a rotation that began meanwhile has written is above the anchor's epoch, and as it is to be.
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

/** As long as a fence, and begun after the record was read: nobody acts on an older one any more. */
async function waitForWriters(
  { dekStore, clock, request: { signal } }: RetirementContext,
  { record }: RecordCopy,
): Promise<number> {
  const lagMs = await dekStore.readLagMs({ signal });
  const waitMs = lagMs + fenceMs(record) + lagMs;
  const waiting = countDown(waitMs, clock, signal);
  while (!(await waiting.next()).done);
  return waitMs;
}
