import { deepEqual, equal, ok } from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { DekRow, KeyWrap, LiveDekRow, RotationRecord } from '../../../src/adapters.js';
import type { MekReference } from '../../../src/index.js';
import { dekInRecoveryWrap, without } from '../recovery-pairs.js';
import type { Journal } from './journal.js';
import { commitmentTo, openWrap } from './meks.js';
import type { RowItem, Snapshot } from './snapshot.js';

const STATES = ['fencing', 'rewrapping', 'complete'];

/**
 * What must hold of rows and record after every step, by any process: I2, I4, I5, I6, and that a
 * rotation is complete only over rows that are. Only changed rows are checked again.
 */
export class Invariants {
  readonly #journal: Pick<Journal, 'lateCreates'>;
  readonly #deks = new Map<string, string>();
  /** The MEK version that each epoch stands for. */
  readonly #targets = new Map<number, string>();
  #rows: ReadonlyMap<string, RowItem> = new Map();
  #record: RotationRecord | undefined;

  constructor(journal: Pick<Journal, 'lateCreates'>) {
    this.#journal = journal;
  }

  /** The bytes of every DEK there ever was, in hex. */
  get deks(): ReadonlyMap<string, string> {
    return this.#deks;
  }

  /** @returns The rows that changed since the last time. */
  check({ rows, record }: Snapshot): ReadonlySet<string> {
    this.#checkRecord(record);
    for (const id of this.#rows.keys()) ok(rows.has(id), `I5: the row ${id} is gone`);
    const changed = [...rows.values()].filter(
      ({ row, etag }) => this.#rows.get(row.id)?.etag !== etag,
    );
    for (const { row } of changed) this.#checkRow(row, this.#rows.get(row.id)?.row);
    this.#rows = rows;
    for (const { row } of rows.values()) this.#checkSettled(row);
    return new Set(changed.map(({ row }) => row.id));
  }

  #checkRecord(record: RotationRecord | undefined): void {
    const before = this.#record;
    this.#record = record;
    if (!record) {
      equal(before, undefined, 'I5: the rotation record is gone');
      return;
    }
    for (const each of [...record.history, record]) {
      const target = mekOf(each);
      equal(this.#targets.get(each.epoch) ?? target, target, 'I4: an epoch changed its target');
      this.#targets.set(each.epoch, target);
    }
    if (!before) return;
    ok(record.epoch >= before.epoch, 'I4: the epoch of the record fell');
    if (record.epoch > before.epoch) return;
    ok(STATES.indexOf(record.state) >= STATES.indexOf(before.state), 'I4: the rotation went back');
  }

  #checkRow(row: DekRow, before: DekRow | undefined): void {
    if (before) checkSuccession(row, before);
    const recordEpoch = this.#record?.epoch ?? 0;
    ok(row.epoch <= recordEpoch, `I4: the epoch of ${row.id} is above the record's`);
    if (row.state === 'shredded') return;
    equal(mekOf(row), this.#targets.get(row.epoch), `I4: ${row.id} is not on its epoch's target`);
    this.#checkDek(row);
    if (before) checkPreviousWrap(row, before as LiveDekRow);
  }

  /** I2 and I6: whatever became of the row, its DEK is in it. */
  #checkDek(row: LiveDekRow): void {
    const dek = dekIn(row, row.id);
    if (!this.#deks.has(row.id)) {
      ok(![...this.#deks.values()].includes(dek), 'I2: two rows hold one DEK');
    }
    equal(this.#deks.get(row.id) ?? dek, dek, `I2: the DEK of ${row.id} changed`);
    this.#deks.set(row.id, dek);
    equal(
      row.commitment,
      commitmentTo(Buffer.from(dek, 'hex'), row.id),
      'I2: the commitment is wrong',
    );
    const { previousWrap, recoveryWrap } = row;
    if (recoveryWrap) equal(dekInRecoveryWrap(row), dek, 'I6: the recovery wrap holds another DEK');
    if (previousWrap) equal(dekIn(previousWrap, row.id), dek, 'I6: the last good wrap is lost');
  }

  /** While the record says complete, it is: but for a create that came too late for the rotation. */
  #checkSettled(row: DekRow): void {
    const record = this.#record;
    if (record?.state !== 'complete' || row.state === 'shredded') return;
    if (row.epoch === record.epoch && mekOf(row) === mekOf(record)) return;
    ok(this.#journal.lateCreates.has(row.id), `I11: complete, but for ${row.id}`);
  }
}

function mekOf({ keyProvider, mekName, mekVersion }: MekReference): string {
  return `${keyProvider}/${mekName}/${mekVersion}`;
}

function dekIn(wrap: KeyWrap, dekId: string): string {
  try {
    return openWrap(wrap).toString('hex');
  } catch {
    throw new Error(`I6: a wrap of ${dekId} does not open`);
  }
}

/** What no write to a row changes, rewrap and shred included. */
function checkSuccession(row: DekRow, before: DekRow): void {
  ok(before.state !== 'shredded', `I5: the tombstone ${row.id} was written over`);
  ok(row.epoch >= before.epoch, `I4: the epoch of ${row.id} fell`);
  deepEqual(identityOf(row), identityOf(before), 'I5: the row became another');
  if (row.state === 'active') equal(before.state, 'active', 'I5: a retired row is active again');
}

function identityOf(row: DekRow): unknown {
  const { id, scopeId, scopeKind, scope, type, schema, product, generation, createdAt } = row;
  return { id, scopeId, scopeKind, scope, type, schema, product, generation, createdAt };
}

/**
 * Kept byte for byte where only the epoch moved, the row was pruned, or its recovery wrap was added or
 * opened; the wrap before otherwise.
 */
function checkPreviousWrap(row: LiveDekRow, before: LiveDekRow): void {
  if (row.wrappedDek === before.wrappedDek && mekOf(row) === mekOf(before)) {
    if (before.previousWrap && !row.previousWrap) {
      deepEqual(row, without(before, 'previousWrap'), 'more than the previous wrap was pruned');
      return;
    }
    const isAdded = row.recoveryWrap?.recoveryKeyId !== before.recoveryWrap?.recoveryKeyId;
    const [now, then] = isAdded ? [row, before].map((each) => without(each, 'recoveryWrap')) : [];
    const kept = stillActive({ ...(now ?? row), epoch: before.epoch }, before);
    deepEqual(kept, then ?? before, 'I7: more was written');
    return;
  }
  if (row.recoveryWrap && isDeepStrictEqual(row.previousWrap, before.previousWrap)) {
    deepEqual(row.recoveryWrap, before.recoveryWrap, 'I6: the last good wrap is lost');
    return;
  }
  const { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion, epoch } = before;
  const expected = { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion, epoch };
  deepEqual(row.previousWrap, expected, 'I6: the previous wrap is not the wrap before');
}

/** The row without its retirement, if that is what was written: re-encryption will. */
function stillActive(row: LiveDekRow, before: LiveDekRow): unknown {
  if (row.state !== 'retired' || before.state === 'retired') return row;
  const { retiredAt, ...rest } = row;
  ok(retiredAt);
  return { ...rest, state: 'active' };
}
