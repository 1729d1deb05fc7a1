/** Reports what a rotation would do with a row, opens its DEK, and writes nothing. @module */
import {
  type DekRow,
  isLive,
  type LiveDekRow,
  isSameMek,
  mekIn,
  type MekReference,
} from '../format/dek-row.js';
import { hasCode, TamperedError } from '../errors/errors.js';
import type { Settled } from '../run/passes.js';
import { changeRow, rowIn } from '../run/change-row.js';
import type { KeyOperation, KeyProvider } from '../provider/key-provider.js';
import type { StoredItem } from '../store/dek-store.js';
import { type OpenedDek, openDek, opensFromPrevious, rewrapKind } from './row-rewrapper.js';
import type { RowOutcome } from './rewrap-event.js';
import { requireRotatable, superseded, decide, rowAhead, type Destination } from './rotation.js';
import type { RotationContext } from './rewrap-all-deks.js';

/**
 * What the same call without `dryRun` will take, provided that no other process writes meanwhile and nothing
 * is throttled. It leaves out rows that failed in the dry run: each scan tries them again.
 */
export interface RewrapEstimate {
  /** Rows to rewrap. */
  readonly rows: number;
  /**
   * Operations of key services: the round trip at the beginning, and for each row an unwrap, a wrap, and the
   * unwrap that `verify` requires; before the beginning, one unwrap for each MEK version to leave. A rollback
   * unwraps one stored wrap of its target instead, and needs none for rows that flip; a recovery needs none for unwraps with its private key. Operations that a provider runs in this
   * process do not count.
   */
  readonly vaultOps: number;
  /**
   * Approximate request units; absent where the store reported none. They consist of the charge of the dry
   * run's reads for each scan (three, or two where there is nothing to write), of those before the beginning
   * once, and 11 for each written row:
   * the documented price in Cosmos DB for replacing an item of 1 KB with few indexed properties in one
   * region. The few writes of the rotation record are not included.
   */
  readonly requestUnits?: number;
  /**
   * The least time that the operations take, at the rate that the key service documents for these MEK
   * versions or at the rate of `maxVaultOpsPerSecond`: the longer of the two. The fence, the store and the
   * network are extra. Absent where neither rate is known.
   */
  readonly leastMs?: number;
}

export class RewrapDryRun {
  readonly destination: Destination;
  readonly #context: RotationContext;
  readonly estimator: RewrapEstimator;

  private constructor(context: RotationContext, destination: Destination) {
    this.destination = destination;
    this.#context = context;
    this.estimator = new RewrapEstimator(context);
  }

  /** @throws What the rotation itself would be refused with. */
  static async of(context: RotationContext): Promise<RewrapDryRun> {
    return new RewrapDryRun(context, await destinationOf(context));
  }

  /** @throws FieldEncryptionError `ROTATION_SUPERSEDED` where a row is ahead of a finished rotation. */
  async settle(item: StoredItem): Promise<Settled<RowOutcome>> {
    const kind = rewrapKind(this.#context, {
      change: async (row) => ({ outcome: await this.#outcomeOf(row) }),
      afterRead: nothing,
      beforeWrite: nothing,
    });
    const settled = await changeRow(this.#context, kind, item);
    const { outcome } = settled;
    if (outcome.type === 'failed' && hasCode(outcome.error, 'ROTATION_RECORD_BEHIND')) {
      await this.#requireSameRotation(item);
    }
    return settled;
  }

  async #requireSameRotation(item: StoredItem): Promise<void> {
    const { epoch } = this.destination;
    const { product, records } = this.#context;
    const record = (await records.readForRow(rowIn(item, product)))?.record;
    if (record && record.epoch > epoch) throw superseded(epoch, record);
  }

  async #outcomeOf(row: DekRow): Promise<RowOutcome> {
    const { id: dekId } = row;
    if (!isLive(row)) return { type: 'skipped', dekId, reason: 'shredded' };
    switch (decide(row, this.destination, this.#context.request)) {
      case 'move-epoch':
        this.estimator.addEpochMove();
        return { type: 'unchanged', dekId, epochOnly: false };
      case 'unchanged':
        return { type: 'unchanged', dekId, epochOnly: false };
      case 'other-version':
        return { type: 'skipped', dekId, reason: 'other-version' };
      case 'ahead':
        throw rowAhead(row, this.destination.epoch);
      case 'flip':
        return this.#flip(row);
      case 'rewrap':
        return this.#rewrap(row);
    }
  }

  async #rewrap(row: LiveDekRow): Promise<RowOutcome> {
    const opened = await openDek(this.#context, row);
    opened.bytes.fill(0);
    this.estimator.addRewrap(row, opened);
    const { from, repaired, recovered } = opened;
    const how = { repaired, flipped: false, ...(recovered && { recovered }) };
    return { type: 'would-change', dekId: row.id, from: mekIn(from), ...how };
  }

  /** Opens the wrap that would be restored; the rollback itself does so only with `verifyFlips`. */
  async #flip(row: LiveDekRow): Promise<RowOutcome> {
    const { id: dekId } = row;
    const verifies = this.#context.request.rollback?.verifyFlips === true;
    if (await opensFromPrevious(this.#context, row)) {
      this.estimator.addFlip(verifies);
      return { type: 'would-change', dekId, from: mekIn(row), repaired: false, flipped: true };
    }
    if (verifies) return this.#rewrap(row);
    throw new TamperedError(
      `The previous wrap of DEK row ${dekId} failed authentication, and the rollback would restore it: pass "verifyFlips: true" to rewrap such rows`,
      { dekId },
    );
  }
}

/** The destination of the rotation; refused where the rotation would be refused. */
async function destinationOf(context: RotationContext): Promise<Destination> {
  const { target, records } = context;
  const record = (await records.readUnlessNew())?.record;
  if (!record) return { epoch: 1, target, generationFloor: 1 };
  requireRotatable(context, record);
  const { generationFloor } = record;
  const epoch = isSameMek(record, target) ? record.epoch : record.epoch + 1;
  return { epoch, target, generationFloor };
}

/** A dry run reads no row again, and writes none. */
function nothing(): Promise<void> {
  return Promise.resolve();
}

/**
 * The price of replacing a row, by the documentation of Cosmos DB: 5 + 5, and the index terms of both
 * versions.
 */
const REPLACE_UNITS = 11;
/** One that writes, one that finds nothing to do, and one that verifies. */
const WRITING_SCANS = 3;
const IDLE_SCANS = 2;

interface VersionOps {
  readonly mek: MekReference;
  readonly ops: number;
}

class RewrapEstimator {
  readonly #context: RotationContext;
  readonly #versions = new Map<string, VersionOps>();
  readonly #provenUnits: number;
  #rows = 0;
  #epochMoves = 0;

  constructor(context: RotationContext) {
    this.#context = context;
    this.#add('wrapKey', context.target);
    this.#add('unwrapKey', context.target);
    for (const mek of context.proven ?? []) this.#add('unwrapKey', mek);
    this.#provenUnits = context.charge.total ?? 0;
  }

  addRewrap(row: LiveDekRow, { from, repaired, recovered }: Omit<OpenedDek, 'bytes'>): void {
    const { target, request } = this.#context;
    if (!recovered) this.#add('unwrapKey', row);
    if (repaired) this.#add('unwrapKey', from);
    this.#add('wrapKey', target);
    const isVerified = request.verify === 'all' || (request.verify === 'first' && this.#rows === 0);
    if (isVerified) this.#add('unwrapKey', target);
    this.#rows += 1;
  }

  /** @param verifies - Whether the restored wrap is unwrapped first. */
  addFlip(verifies: boolean): void {
    if (verifies) this.#add('unwrapKey', this.#context.target);
    this.#rows += 1;
  }

  addEpochMove(): void {
    this.#epochMoves += 1;
  }

  /**
   * @param chargedUnits - The charge of the dry run's scan.
   * @param callsPerSecond - The rate limit of the budget.
   */
  async estimate(): Promise<RewrapEstimate> {
    const { charge, budget } = this.#context;
    const { total: chargedUnits } = charge;
    const { callsPerSecond } = budget;
    const vaultOps = [...this.#versions.values()].reduce((sum, { ops }) => sum + ops, 0);
    const least = [...(await this.#documentedMs())];
    if (callsPerSecond !== undefined) least.push((vaultOps * 1_000) / callsPerSecond);
    return {
      rows: this.#rows,
      vaultOps,
      ...(chargedUnits !== undefined && { requestUnits: this.#requestUnits(chargedUnits) }),
      ...(least.length > 0 && { leastMs: Math.ceil(Math.max(...least)) }),
    };
  }

  #requestUnits(chargedUnits: number): number {
    const written = this.#rows + this.#epochMoves;
    const scans = written > 0 ? WRITING_SCANS : IDLE_SCANS;
    const scannedUnits = chargedUnits - this.#provenUnits;
    return this.#provenUnits + scans * scannedUnits + written * REPLACE_UNITS;
  }

  /** One time for each provider with a known quota: they may be in different vaults. */
  async #documentedMs(): Promise<Iterable<number>> {
    const { providers, signal } = this.#context;
    const byProvider = new Map<KeyProvider, number>();
    for (const { mek, ops } of this.#versions.values()) {
      const provider = providers.find(mek);
      const rate = await providers.documentedOpsPerSecond(mek, { signal });
      if (rate === undefined) continue;
      // Longer keys use more of the quota that all versions share.
      byProvider.set(provider, (byProvider.get(provider) ?? 0) + (ops * 1_000) / rate);
    }
    return byProvider.values();
  }

  #add(operation: KeyOperation, mek: MekReference): void {
    if (this.#context.providers.find(mek).localCalls?.includes(operation)) return;
    const reference = mekIn(mek);
    const key = JSON.stringify(reference);
    const ops = this.#versions.get(key)?.ops ?? 0;
    this.#versions.set(key, { mek: reference, ops: ops + 1 });
  }
}
