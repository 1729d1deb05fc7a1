/** What one run, or one call, writes to the audit trail. @module */
import type { Clock } from '../async/clock.js';
import type { DefinitionRecord } from '../format/definition-record.js';
import type { MekReference } from '../format/dek-row.js';
import type { RotationRecord } from '../format/rotation-record.js';
import type { AuditWhat } from './audit-event.js';
import { type AuditOptions, AuditTrail, readAuditOptions } from './audit-trail.js';
import {
  AuditedOperation,
  type AuditEnd,
  type Facts,
  type FailedItem,
} from './audited-operation.js';

/** Most DEKs that one event names; those of one call stay together. */
const MOST_DEKS = 1_000;

interface ShredBatch {
  readonly dekIds: string[];
  readonly written: Promise<void>;
}

/** An unfinished rotation that another one replaces, or continues. */
interface EarlierRotation extends MekReference {
  readonly epoch: number;
  readonly startedAt: string;
}

/** A lease whose owner is gone. */
interface EarlierLease {
  readonly owner: string;
  readonly kind: string;
  readonly heartbeatAt: string;
}

export class AuditLog {
  readonly trail: AuditTrail;
  #operation: AuditedOperation | undefined;
  /** Something was shredded or changed, or is about to be. */
  hasChanged = false;
  /** Waits for the write before it, and takes what comes in the meantime. */
  #batch: ShredBatch | undefined;
  #lastBatch: Promise<unknown> = Promise.resolve();

  private constructor(trail: AuditTrail) {
    this.trail = trail;
  }

  /** @throws TypeError or RangeError for invalid options. */
  static of(options: AuditOptions, source: { product: string; clock: Clock }): AuditLog {
    return new AuditLog(new AuditTrail(readAuditOptions(options), source));
  }

  /** @throws FieldEncryptionError where the start cannot be recorded: nothing may be done then. */
  async begin(name: string, facts: Facts): Promise<void> {
    this.#operation = await AuditedOperation.begin(this.trail, { kind: 'run', name, facts });
  }

  /** @throws FieldEncryptionError where the event cannot be recorded. */
  async write(what: AuditWhat, facts: Facts): Promise<void> {
    if (what === 'deks.shredded' || what === 'record.changed') this.hasChanged = true;
    if (this.#operation) return this.#operation.write(what, facts);
    const { parentId } = this.trail.options;
    await this.trail.write(what, { ...(parentId !== undefined && { parentId }), ...facts });
  }

  itemFailed(item: FailedItem): void {
    this.#operation?.itemFailed(item);
  }

  /** @throws FieldEncryptionError where the end cannot be recorded: what was done is done. */
  async end(how: AuditEnd, facts: Facts): Promise<void> {
    await this.#operation?.end(how, facts);
  }

  /**
   * Call it before DEKs are shredded: each DEK that an event names is shredded, or was about to be when the
   * process ended. What comes while an event is written shares the next event.
   *
   * @throws FieldEncryptionError where the event cannot be recorded: nothing may be shredded then.
   */
  async shredding(dekIds: readonly string[]): Promise<void> {
    if (dekIds.length === 0) return;
    const size = (this.#batch?.dekIds.length ?? 0) + dekIds.length;
    const batch = this.#batch && size <= MOST_DEKS ? this.#batch : this.#newBatch();
    batch.dekIds.push(...dekIds);
    await batch.written;
  }

  #newBatch(): ShredBatch {
    const dekIds: string[] = [];
    const written = this.#lastBatch.then(() => {
      if (this.#batch === batch) this.#batch = undefined;
      return this.write('deks.shredded', { dekIds });
    });
    const batch = { dekIds, written };
    this.#batch = batch;
    this.#lastBatch = written.catch(() => undefined);
    return batch;
  }

  /** Call it once the record is written. @param before - As it was read; absent where there was none. */
  rotationChanged(before: RotationRecord | undefined, after: RotationRecord): Promise<void> {
    const was = before && { before: settingsOf(before) };
    return this.write('record.changed', { record: 'rotation', ...was, after: settingsOf(after) });
  }

  /** Call it once the record is written. */
  definitionsChanged(
    before: DefinitionRecord | undefined,
    { collection, paths }: DefinitionRecord,
  ): Promise<void> {
    const known = before?.paths ?? [];
    return this.write('record.changed', {
      record: 'definitions',
      collection,
      ...(before && { before: { paths: known } }),
      after: { paths },
      added: paths.filter((path) => !known.includes(path)),
      removed: known.filter((path) => !paths.includes(path)),
    });
  }

  /** Call it once the earlier rotation, or its record, is this run's. */
  rotationTakenOver(reason: 'joined' | 'take-over', earlier: EarlierRotation): Promise<void> {
    const { epoch, startedAt, keyProvider, mekName, mekVersion } = earlier;
    const target = { keyProvider, mekName, mekVersion };
    return this.write('operation.taken-over', { reason, earlier: { epoch, target, startedAt } });
  }

  leaseTakenOver(collection: string, { owner, kind, heartbeatAt }: EarlierLease): Promise<void> {
    const earlier = { collection, owner, kind, heartbeatAt };
    return this.write('operation.taken-over', { reason: 'lease', earlier });
  }
}

function settingsOf(record: RotationRecord): Facts {
  const { epoch, state, fenceTtlMs, drainTtlMs, generationFloor } = record;
  const { keyProvider, mekName, mekVersion } = record;
  return {
    epoch,
    target: { keyProvider, mekName, mekVersion },
    state,
    fenceTtlMs,
    ...(drainTtlMs !== undefined && { drainTtlMs }),
    generationFloor,
  };
}
