import { readRotationItem } from '../../src/store/dek-store.js';
import { createSecretKey } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { deriveCommitment } from '../../src/crypto/key-schedule.js';
import { parseDekRow, primaryWrap, isSameMek } from '../../src/format/dek-row.js';
import type {
  DekRow,
  KeyWrap,
  LiveDekRow,
  RotationRecord,
  StoredItem,
} from '../../src/adapters.js';
import type { KeyProvider } from '../../src/index.js';
import { parseRotationRecord } from '../../src/format/rotation-record.js';
import type { SqliteDekStore } from '../../src/sqlite/index.js';
import { PRODUCT } from '../support/encryptor.js';

export interface Look {
  readonly record: RotationRecord;
  /** Of the rows that were there at the first look, those at the record's epoch and target. */
  readonly moved: number;
  /** What should never be, one line each. */
  readonly problems: readonly string[];
}

interface Known {
  readonly row: DekRow;
  /** In hex; a tombstone keeps what was known. */
  readonly dek: string | undefined;
}

export const FIRST_EPOCH = 1;
/** Wall clocks are set back a little now and then. */
const CLOCK_SLACK_MS = 100;

/** Looks at all DEK rows again and again, and compares them with what it saw before. */
export class DekWatch {
  readonly #dekStore: SqliteDekStore;
  readonly #provider: KeyProvider;
  #known = new Map<string, Known>();
  #seeded: ReadonlySet<string> | undefined;
  #record: RotationRecord | undefined;
  #problems: string[] = [];

  /** @param provider - Of every key that rows may name. */
  constructor(dekStore: SqliteDekStore, provider: KeyProvider) {
    this.#dekStore = dekStore;
    this.#provider = provider;
  }

  async look(): Promise<Look> {
    this.#problems = [];
    const rows = await this.#rows();
    const record = await this.#readRecord();
    const known = new Map<string, Known>();
    for (const row of rows) known.set(row.id, await this.#compare(row, record));
    for (const id of this.#known.keys()) this.#check(known.has(id), id, 'is gone');
    this.#known = known;
    this.#seeded ??= new Set(known.keys());
    this.#checkDistinct();
    const moved = this.#countMoved(record);
    this.#checkRecord(record, moved);
    return { record, moved, problems: this.#problems };
  }

  /** The record after the rows: no row may be ahead of it. */
  async #rows(): Promise<DekRow[]> {
    const rows: DekRow[] = [];
    let continuation: string | undefined;
    do {
      const page = await this.#dekStore.list({ product: PRODUCT }, { pageSize: 500, continuation });
      rows.push(...page.items.flatMap((item) => this.#parse(item)));
      ({ continuation } = page);
    } while (continuation !== undefined);
    return rows;
  }

  #parse({ value, error }: StoredItem): DekRow | [] {
    try {
      if (error) throw error;
      return parseDekRow(value);
    } catch (reason) {
      this.#check(false, 'a row', `cannot be read: ${String(reason)}`);
      return [];
    }
  }

  async #readRecord(): Promise<RotationRecord> {
    const item = await readRotationItem(this.#dekStore, PRODUCT);
    const record = parseRotationRecord(item?.value, PRODUCT);
    const isOlder = this.#record && record.epoch < this.#record.epoch;
    this.#check(!isOlder, 'the record', 'fell back behind its epoch');
    this.#record = record;
    return record;
  }

  async #compare(row: DekRow, record: RotationRecord): Promise<Known> {
    const before = this.#known.get(row.id);
    // What is just as it was opens as it did.
    if (isDeepStrictEqual(row, before?.row)) return before as Known;
    this.#check(row.epoch <= record.epoch, row.id, 'is ahead of the record');
    if (before) this.#compareRows(before.row, row);
    if (row.state === 'shredded') return { row, dek: before?.dek };
    const dek = await this.#open(row, row);
    if (row.previousWrap) {
      const isSame = (await this.#open(row, row.previousWrap)) === dek;
      this.#check(isSame, row.id, 'holds another DEK in its previous wrap');
    }
    this.#check(before?.dek === undefined || dek === before.dek, row.id, 'has another DEK now');
    return { row, dek };
  }

  #compareRows(before: DekRow, row: DekRow): void {
    if (before.state === 'shredded') {
      this.#check(isDeepStrictEqual(row, before), row.id, 'was a tombstone, and was written');
      return;
    }
    this.#check(row.epoch >= before.epoch, row.id, 'fell back behind its epoch');
    if (row.state === 'shredded') {
      this.#check(!this.#seeded?.has(row.id), row.id, 'was never shredded');
      return;
    }
    this.#check(isDeepStrictEqual(lasting(row), lasting(before)), row.id, 'lost what it was');
    if (row.wrappedDek === before.wrappedDek) return;
    const isKept = isDeepStrictEqual(row.previousWrap, primaryWrap(before));
    this.#check(isKept, row.id, 'did not keep its last wrap');
    this.#check(row.epoch > before.epoch, row.id, 'was rewrapped within its epoch');
  }

  /** The DEK in hex, straight from the provider; checked against the commitment. */
  async #open({ id, commitment }: LiveDekRow, wrap: KeyWrap): Promise<string> {
    try {
      const dek = await this.#provider.unwrapKey(wrap);
      const isIts = deriveCommitment(createSecretKey(dek), PRODUCT, id) === commitment;
      this.#check(isIts, id, 'holds a DEK that it does not commit to');
      return Buffer.from(dek).toString('hex');
    } catch (error) {
      this.#check(false, id, `does not open: ${String(error)}`);
      return 'none';
    }
  }

  #checkDistinct(): void {
    const deks = [...this.#known.values()].flatMap(({ dek }) => dek ?? []);
    const distinct = new Set(deks).size;
    const what = `are ${String(distinct)} keys`;
    this.#check(distinct === deks.length, `${String(deks.length)} DEKs`, what);
  }

  #checkRecord({ epoch, state, ...record }: RotationRecord, moved: number): void {
    if (epoch === FIRST_EPOCH) return;
    const isDone = moved === this.#seeded?.size;
    this.#check(state !== 'complete' || isDone, 'the record', 'is complete before the rows are');
    const { startedAt, fencedAt, fenceTtlMs } = record;
    this.#check(moved === 0 || fencedAt !== undefined, 'the record', 'came to rows unfenced');
    const fenceMs = Date.parse(fencedAt ?? '9999-12-31') - Date.parse(startedAt);
    this.#check(fenceMs >= fenceTtlMs - CLOCK_SLACK_MS, 'the record', 'was fenced too early');
  }

  #countMoved(record: RotationRecord): number {
    const rows = [...(this.#seeded ?? [])].map((id) => this.#known.get(id)?.row);
    return rows.filter(
      (row) =>
        row && row.state !== 'shredded' && row.epoch === record.epoch && isSameMek(row, record),
    ).length;
  }

  #check(isRight: boolean, id: string, what: string): void {
    if (!isRight) this.#problems.push(`${id} ${what}`);
  }
}

/** What a rewrap leaves as it is. */
function lasting(row: LiveDekRow): object {
  const { id, scopeId, scopeKind, scope, product, generation, state, commitment, createdAt } = row;
  return { id, scopeId, scopeKind, scope, product, generation, state, commitment, createdAt };
}
