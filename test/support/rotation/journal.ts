import { ok } from 'node:assert/strict';
import type { DekRow, RotationRecord, StoredItem } from '../../../src/adapters.js';
import { isFieldEncryptionError } from '../../../src/index.js';
import type { Call } from './intercepted.js';
import type { Snapshot } from './snapshot.js';

/** The outcome of a call where it was executed, whether or not its caller receives it. */
export type Result =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

export interface Execution extends Call {
  /** The code that it failed with; `undefined` where it did not. */
  readonly code: string | undefined;
  /** As it was before the call. */
  readonly record: RotationRecord | undefined;
}

interface RowWrite {
  readonly row: DekRow;
}

/** What every process did to a store, in the order in which it happened. */
export class Journal {
  readonly executions: Execution[] = [];
  /** DEKs created under an older epoch than the record's: their writers still have to handle them. */
  readonly lateCreates = new Set<string>();
  record: RotationRecord | undefined;
  readonly #epochsAtRead = new Map<string, number>();
  readonly #writes = new Set<string>();
  readonly #rows = new Map<string, DekRow>();

  constructor({ record, rows }: Snapshot) {
    this.record = record;
    for (const { row } of rows.values()) this.#rows.set(row.id, row);
  }

  /** @throws AssertionError for what no process may do. */
  add(call: Call, result: Result): void {
    const code = result.ok ? undefined : codeOf(result.error);
    this.executions.push({ ...call, code, record: this.record });
    if (!result.ok || call.subject !== 'store') return;
    const written = writtenBy(call);
    if (written?.type === 'rotation') this.record = written;
    else if (written) this.#addRow(call, written);
    this.#addReads(call, result.value);
  }

  count(matches: (execution: Execution) => boolean): number {
    return this.executions.filter(matches).length;
  }

  /** Compare-and-sets of rows, or of the record, that someone else was faster with. */
  lost(method: 'replace' | 'replaceRotation', process?: string): number {
    return this.count(
      (each) =>
        each.method === method &&
        each.code === 'ETAG_MISMATCH' &&
        (process === undefined || each.process === process),
    );
  }

  /** Rows written by a process, or by any, however the caller was answered. */
  writes(method: 'create' | 'replace', process?: string): readonly (Execution & RowWrite)[] {
    return this.executions.flatMap((each) => {
      const isIt = each.method === method && each.code === undefined;
      if (!isIt || (process !== undefined && each.process !== process)) return [];
      return [{ ...each, row: each.args[0] as DekRow }];
    });
  }

  /** Whether any process ever wrote the row at the epoch. */
  wrote(dekId: string, epoch: number): boolean {
    return this.#writes.has(`${dekId} ${String(epoch)}`);
  }

  #addRow(call: Call, row: DekRow): void {
    const { method } = call;
    const recordEpoch = this.record?.epoch ?? 0;
    const before = this.#rows.get(row.id);
    this.#rows.set(row.id, row);
    this.#writes.add(`${row.id} ${String(row.epoch)}`);
    if (method === 'create' && row.epoch < recordEpoch) this.lateCreates.add(row.id);
    if (method !== 'replace' || keepsWrap(row, before)) return;
    this.#requireEpochAtRead(call, row);
  }

  /** I4: no process moves a row that was read when the epoch was over already. */
  #requireEpochAtRead({ process, args }: Call, row: DekRow): void {
    const epochAtRead = this.#epochsAtRead.get(`${process} ${row.id} ${String(args[1])}`);
    ok(epochAtRead !== undefined, `${process} wrote ${row.id} over an etag that it never read`);
    ok(
      epochAtRead <= row.epoch,
      `I4: ${process} wrote ${row.id} at epoch ${String(row.epoch)}, having read it at epoch ${String(epochAtRead)} of the record`,
    );
  }

  #addReads({ process }: Call, answer: unknown): void {
    for (const { value, etag } of itemsIn(answer)) {
      const key = `${process} ${(value as DekRow).id} ${etag}`;
      if (this.#epochsAtRead.has(key)) continue;
      this.#epochsAtRead.set(key, this.record?.epoch ?? 0);
    }
  }
}

/** Shred and retire move nothing. */
function keepsWrap(row: DekRow, before: DekRow | undefined): boolean {
  if (row.state === 'shredded') return true;
  if (!before || before.state === 'shredded') return false;
  return row.wrappedDek === before.wrappedDek && row.epoch === before.epoch;
}

function codeOf(error: unknown): string {
  return isFieldEncryptionError(error) ? error.code : String(error);
}

/** The row or record that a call writes. */
export function writtenBy({ method, args }: Call): DekRow | RotationRecord | undefined {
  const writes = ['create', 'replace', 'createRotation', 'replaceRotation'];
  return writes.includes(method) ? (args[0] as DekRow | RotationRecord) : undefined;
}

function itemsIn(answer: unknown): readonly StoredItem[] {
  if (typeof answer !== 'object' || answer === null) return [];
  if (answer instanceof Map) return [...(answer as Map<string, StoredItem>).values()];
  if (Array.isArray(answer)) return answer as StoredItem[];
  if ('items' in answer) return (answer as { items: readonly StoredItem[] }).items;
  return 'etag' in answer ? [answer as StoredItem] : [];
}
