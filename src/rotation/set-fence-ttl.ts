/** Changes how long writers may act on a cached copy of the rotation record. @module */
import { ownCallOptions, type CallOptions, unlessAborted } from '../async/abort.js';
import type { RecordCopy } from '../dek/record-reader.js';
import { contended } from '../errors/errors.js';
import {
  LEAST_FENCE_TTL_MS,
  MOST_FENCE_TTL_MS,
  type RotationRecord,
  withFenceTtl,
  withoutDrain,
} from '../format/rotation-record.js';
import { requireFunction, requireIntegerBetween } from '../guards/guards.js';
import { auditedCall } from '../run/audited-call.js';
import {
  type EncryptionContext,
  readRunOptions,
  runContext,
  runParts,
  type RunContext,
} from '../run/run-context.js';
import { isSameRecord, requireRecord, storeRecord } from '../run/rotation-record.js';
import type { FenceEvent } from '../run/run-event.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import { MOST_ATTEMPTS, untilDone } from '../store/compare-and-set.js';

export interface SetFenceTtlOptions extends CallOptions {
  /**
   * Called at least once per second while processes may still act by the earlier, longer time; an error in it
   * rejects the call.
   */
  readonly onWait?: (event: FenceEvent) => void;
}

export interface FenceTtlReport {
  readonly product: string;
  readonly fenceTtlMs: number;
  /** What the record had before this call. */
  readonly previousFenceTtlMs: number;
  /** Request units; absent where the store reported none. */
  readonly requestCharge?: number;
}

/**
 * Sets `fenceTtlMs` of a product: how long every process may act on a cached copy of the rotation record or
 * of a row, and so how long the fence of a rotation lasts.
 *
 * Every process obeys the record, so this takes effect without a deployment. A longer time holds at once. A
 * shorter one is stored together with the earlier one as `drainTtlMs`; until that has been waited out, each
 * rotation, retirement and check still waits for the earlier one. The call waits itself. Stop it at any
 * point, and call it again to continue; a call with the time that the record already has writes nothing.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @param fenceTtlMs - 1 000 to 600 000 milliseconds. A short time makes rotations short, and writers read the
 *   record more often.
 * @throws TypeError or RangeError for an invalid time or option. FieldEncryptionError
 *   `ROTATION_RECORD_MISSING`: the product has none, so check its name; `CONTENDED`: call it again. Errors of
 *   the store; the signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, setFenceTtl } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 * });
 * await encryptor.encryptDocument(note, { id: '1', body: 'Hi' });
 * const { previousFenceTtlMs } = await setFenceTtl(encryptor, 60_000);
 * console.log(previousFenceTtlMs); // 30000
 * ```
 */
export async function setFenceTtl(
  encryption: EncryptionContext,
  fenceTtlMs: number,
  options: SetFenceTtlOptions = {},
): Promise<FenceTtlReport> {
  requireIntegerBetween('fenceTtlMs', fenceTtlMs, LEAST_FENCE_TTL_MS, MOST_FENCE_TTL_MS);
  const { onWait, signal } = ownCallOptions(options, ['onWait']);
  if (onWait !== undefined) requireFunction('onWait', onWait);
  const { request } = readRunOptions({ signal });
  const context = runContext(runParts(encryption), request);
  const call = { ...context, name: 'setFenceTtl', facts: { fenceTtlMs } };
  return unlessAborted(signal, () => auditedCall(call, () => setIt(context, fenceTtlMs, onWait)));
}

async function setIt(
  context: RunContext,
  fenceTtlMs: number,
  onWait: SetFenceTtlOptions['onWait'],
): Promise<FenceTtlReport> {
  const { product, charge } = context;
  const previousFenceTtlMs = (await recordOf(context)).record.fenceTtlMs;
  await untilDone('Setting the fence', async () => {
    const copy = await recordOf(context);
    const next = withFenceTtl(copy.record, fenceTtlMs);
    return isSameRecord(copy.record, next) || store(context, copy, next);
  });
  await waitOut(context, onWait);
  return charge.inSummary<FenceTtlReport>({ product, fenceTtlMs, previousFenceTtlMs });
}

/** Only the record that was read before the wait is replaced: any change since may need another wait. */
async function waitOut(context: RunContext, onWait: SetFenceTtlOptions['onWait']): Promise<void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await recordOf(context);
    if (copy.record.drainTtlMs === undefined) return;
    for await (const event of waitForWriters(context, copy.record)) onWait?.(event);
    if (await store(context, copy, withoutDrain(copy.record))) return;
  }
  throw contended('Waiting out the earlier fence', MOST_ATTEMPTS);
}

async function store(
  context: RunContext,
  copy: RecordCopy,
  next: RotationRecord,
): Promise<RotationRecord | undefined> {
  const stored = await storeRecord(context, copy, next);
  if (stored) await context.audit?.rotationChanged(copy.record, stored);
  return stored;
}

async function recordOf(context: RunContext): Promise<RecordCopy> {
  context.signal?.throwIfAborted();
  return requireRecord(context);
}
