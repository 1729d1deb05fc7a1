/** Removes the previous wraps that rows keep from before their last rewrap. @module */
import { FieldEncryptionError } from '../errors/errors.js';
import {
  isLive,
  type DekRow,
  type LiveDekRow,
  isSameMek,
  type MekReference,
  describeMek,
} from '../format/dek-row.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { readPastMoment, requireBoolean } from '../guards/guards.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import { readAnyMek, type NamedMek } from '../provider/named-mek.js';
import { rowAhead } from '../rotation/rotation.js';
import { requireOpens } from '../run/change-row.js';
import { requireKnownMek, type UnknownMekOptions } from '../run/known-meks.js';
import {
  type EncryptionContext,
  runParts,
  type RunContext,
  readRunOptions,
  type RunOptions,
  type RunRequest,
} from '../run/run-context.js';
import {
  type MaintenanceEvent,
  type MaintenanceSummary,
  maintainRows,
  type NextRow,
} from './maintain-rows.js';

export interface PrunePreviousWrapsOptions extends RunOptions, UnknownMekOptions {
  /**
   * Removes only wraps that were displaced before this time, by the row's `rewrappedAt`: the end of the soak.
   * Pass the same time again to continue a stopped run. Text must have the format of `toISOString()`.
   */
  readonly rewrappedBefore: Date | string;
  /**
   * Removes only wraps under this MEK version. Where provider and MEK name are both passed, the provider need
   * not be configured any more. @default all
   */
  readonly mek?: NamedMek;
}

interface PruneRequest extends RunRequest {
  readonly rewrappedBefore: string;
  readonly mek: MekReference | undefined;
  readonly allowUnknown: boolean;
}

/**
 * Removes `previousWrap` from the DEK rows of a product, after the soak of a rotation. Until then a rollback
 * needs no key provider and a broken wrap can be repaired; afterwards the earlier MEK version is not needed
 * for either.
 *
 * For each row it first unwraps the DEK with the row's primary wrap and checks the commitment. If that fails,
 * the row is `failed` and keeps its previous wrap: a rotation to another version, or a rollback, repairs the
 * row from it. The row's epoch does not change.
 *
 * Nothing happens before the first `next()`; stop it and run it again as you do with `rewrapAllDeks`. Another
 * run of a finished one with the same `rewrappedBefore` writes nothing. It needs no lease, and may run beside
 * traffic.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns Events as they happen: a row is `changed` once it is durably stored without its previous wrap, and
 *   `skipped` where the wrap must not be removed. The last event is `finished` and carries the summary.
 * @throws TypeError or RangeError for invalid options, and for a `mek` that the product never used.
 * @throws FieldEncryptionError `ROTATION_UNFINISHED`: finish the rotation first; `ROTATION_SUPERSEDED`: one
 *   began meanwhile, prune after its soak; `ROTATION_RECORD_MISSING`: restore it. Errors of the store where
 *   it cannot list: run it again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, EnvKeyProvider, prunePreviousWraps } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('hex') })],
 *   dekStore: new MemoryDekStore(),
 * });
 * const twoWeeksMs = 14 * 24 * 3_600_000;
 * const rewrappedBefore = new Date(Date.now() - twoWeeksMs);
 * const options = { rewrappedBefore, allowEmpty: true }; // this example has stored nothing
 * for await (const event of prunePreviousWraps(encryptor, options)) {
 *   if (event.type === 'failed') console.error(event.dekId, event.error);
 *   if (event.type === 'finished') console.log(event.summary.complete); // true
 * }
 * ```
 */
export async function* prunePreviousWraps(
  encryption: EncryptionContext,
  options: PrunePreviousWrapsOptions,
): AsyncGenerator<MaintenanceEvent, MaintenanceSummary, void> {
  const { configured, clock } = runParts(encryption);
  const request = readPruneOptions(options, configured, clock.wallMs());
  const rotation = new SettledRotation();
  return yield* maintainRows({
    run: 'prunePreviousWraps',
    encryption,
    request,
    requireAllowed: (context) => rotation.require(context),
    requireSensible: async (context) => {
      const { mek, allowUnknown } = request;
      if (mek && !allowUnknown) await requireKnownMek(context, 'mek', mek);
    },
    nextRow: (context) => nextRow(context, request, rotation),
  });
}

function nextRow(context: RunContext, request: PruneRequest, rotation: SettledRotation): NextRow {
  return async (row) => {
    if (!isLive(row)) return 'shredded';
    if (!row.previousWrap) return undefined;
    if (!isSelected(row, request)) return 'not-selected';
    await rotation.requireReached(context, row);
    // The wrap that remains must hold the DEK.
    await requireOpens(context, row);
    return withoutPreviousWrap(row);
  };
}

function isSelected(
  { previousWrap, rewrappedAt }: LiveDekRow,
  { mek, rewrappedBefore }: PruneRequest,
): boolean {
  // The soak of a row without `rewrappedAt` is unknown.
  if (!previousWrap || rewrappedAt === undefined || rewrappedAt >= rewrappedBefore) return false;
  return mek === undefined || isSameMek(previousWrap, mek);
}

function withoutPreviousWrap(row: LiveDekRow): DekRow {
  const pruned = { ...row } as { -readonly [Name in keyof LiveDekRow]: LiveDekRow[Name] };
  delete pruned.previousWrap;
  return pruned as LiveDekRow;
}

/**
 * @param nowMs - Wraps that are displaced from this time on have had no soak.
 * @throws TypeError or RangeError for invalid options.
 */
function readPruneOptions(
  options: PrunePreviousWrapsOptions,
  providers: ConfiguredProviders,
  nowMs: number,
): PruneRequest {
  const { own, request } = readRunOptions(options, ['rewrappedBefore', 'mek', 'allowUnknown']);
  const { allowUnknown = false } = own;
  requireBoolean('allowUnknown', allowUnknown);
  const rewrappedBefore = readPastMoment(own.rewrappedBefore, {
    name: 'rewrappedBefore',
    meaning: 'wraps displaced before it are removed',
    nowMs,
  });
  const mek = own.mek === undefined ? undefined : readAnyMek('mek', own.mek, providers);
  return { ...request, rewrappedBefore, mek, allowUnknown };
}

class SettledRotation {
  /** Epoch of the rotation that was found first; `undefined` for a product without rows. */
  #epoch: number | undefined;

  /**
   * @throws FieldEncryptionError `ROTATION_UNFINISHED`; `ROTATION_SUPERSEDED` where another one has begun
   *   since; `ROTATION_RECORD_MISSING`.
   */
  async require({ records }: Pick<RunContext, 'records'>): Promise<void> {
    const record = (await records.readUnlessNew())?.record;
    if (!record) return;
    this.#epoch ??= record.epoch;
    if (record.epoch !== this.#epoch) throw superseded(this.#epoch, record);
    if (record.state !== 'complete') throw unfinished(record);
  }

  /**
   * @throws FieldEncryptionError `ROTATION_SUPERSEDED` where the row is above the rotation because another
   *   one began; `ROTATION_RECORD_BEHIND` where no record explains its epoch.
   */
  async requireReached(context: Pick<RunContext, 'records'>, row: LiveDekRow): Promise<void> {
    if (this.#epoch === undefined || row.epoch <= this.#epoch) return;
    await context.records.readForRow(row);
    await this.require(context);
    throw rowAhead(row, this.#epoch);
  }
}

function unfinished(record: RotationRecord): FieldEncryptionError {
  return new FieldEncryptionError(
    'ROTATION_UNFINISHED',
    `The rotation to ${describeMek(record)} with epoch ${String(record.epoch)}, begun ${record.startedAt}, is not finished, and may need the previous wraps: finish it before you prune`,
  );
}

function superseded(epoch: number, record: RotationRecord): FieldEncryptionError {
  return new FieldEncryptionError(
    'ROTATION_SUPERSEDED',
    `Pruning at epoch ${String(epoch)} stopped because the rotation record is at epoch ${String(record.epoch)} now, with the target ${describeMek(record)}: wraps already pruned stay removed; prune again after the soak of that rotation`,
  );
}
