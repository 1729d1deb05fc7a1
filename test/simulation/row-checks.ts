import { equal, ok } from 'node:assert/strict';
import type {
  DekRow,
  KeyWrap,
  LiveDekRow,
  RotationRecord,
  StoredItem,
} from '../../src/adapters.js';
import { without } from '../support/recovery-pairs.js';
import type { Witness } from '../support/rotation/event-check.js';
import { Invariants } from '../support/rotation/invariants.js';
import type { FakeDekStore } from './fake-dek-store.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';
import type { Call } from './wire.js';

type RowExecution = Witness['journal']['executions'][number];

/** What a process was given of a row, and the epoch that it can have known of then. */
interface RowRead {
  readonly epoch: number;
  readonly wrappedDek: string | undefined;
  readonly kept: string | undefined;
}

/** What must hold of rows and the record after every step, by any process. */
export class RowChecks {
  /** Rows that may be behind a finished rotation: their create came too late, or they were restored. */
  readonly lateCreates = new Set<string>();
  /** Rows that were left with one wrap. */
  readonly pruned = new Set<string>();
  readonly executions: RowExecution[] = [];
  moved = 0;
  readonly #store: FakeDekStore;
  readonly #timeline: Timeline;
  readonly #lagMs: number;
  #invariants: Invariants;
  readonly #deks = new Map<string, string>();
  readonly #epochs: { readonly epoch: number; readonly atMs: number }[] = [];
  /** By process, row and etag. */
  readonly #reads = new Map<string, RowRead>();
  readonly #written = new Set<string>();
  readonly #retiredAtMs = new Map<string, number>();
  readonly #dekOfWrap = new Map<string, string>();
  readonly #rows = new Map<string, DekRow>();
  readonly #history = new Map<string, string[]>();
  #isPaused = false;

  constructor(store: FakeDekStore, timeline: Timeline, lagMs: number) {
    this.#store = store;
    this.#timeline = timeline;
    this.#lagMs = lagMs;
    this.#invariants = new Invariants(this);
  }

  /** The bytes of every DEK there ever was, in hex. */
  get deks(): readonly string[] {
    return [...this.#deks.values(), ...this.#invariants.deks.values()];
  }

  /** Whether these are the bytes of a DEK; else they were made to try a MEK. */
  holds(dek: Uint8Array): boolean {
    return this.deks.includes(Buffer.from(dek).toString('hex'));
  }

  /** What was done to the row so far. */
  historyOf(dekId: string): readonly string[] {
    return this.#history.get(dekId) ?? [];
  }

  wrote(dekId: string, epoch: number): boolean {
    return this.#written.has(`${dekId} ${String(epoch)}`);
  }

  dekIdOf({ wrappedDek }: KeyWrap): string | undefined {
    return this.#dekOfWrap.get(wrappedDek);
  }

  get recordEpoch(): number {
    return this.#epochs.at(-1)?.epoch ?? 0;
  }

  /** The epoch that no reader of the record can have missed then. */
  epochKnownAt(atMs: number): number {
    return this.#epochs.findLast((each) => each.atMs <= atMs - this.#lagMs)?.epoch ?? 0;
  }

  /** Rows are put there from here on that no process wrote. */
  pause(): void {
    this.#isPaused = true;
  }

  /** They are what is checked from here on; the bytes of a DEK stay what they were. */
  resume(): void {
    this.#isPaused = false;
    this.#rememberDeks();
    this.#invariants = new Invariants(this);
    const { rows, record } = this.#store;
    for (const { row } of rows.values()) {
      this.#note(row);
      const isBehind = row.state !== 'shredded' && row.epoch < (record?.epoch ?? 0);
      if (isBehind) this.lateCreates.add(row.id);
    }
    this.check();
    this.#rememberDeks();
  }

  /** Last thing before a write leaves its process. */
  onSend({ process, method, args, sentAtMs }: Call): void {
    const isTombstone = (args[0] as Partial<DekRow> | undefined)?.state === 'shredded';
    if (method === 'create' && !isTombstone) {
      ok(process.mayCreate, `I5: ${process.name} makes a DEK for what began before a shred`);
      const isFresh = process.hasFreshRecord(sentAtMs);
      ok(isFresh, `I11: ${process.name} made a DEK by a record that is old`);
    }
    if (method === 'replace') {
      this.#requireFenced(process, args[0] as DekRow);
      this.#requireVerified(process, args[0] as DekRow, args[1] as string);
      this.#requireSoundPruning(process, args[0] as DekRow, args[1] as string);
    }
    if (method === 'replaceRotation') {
      this.#requireFence(process, args[0] as RotationRecord, sentAtMs);
    }
  }

  onExecuted(call: Call, value: unknown, code: string | undefined): void {
    const { process, method, args } = call;
    // What arrives after it was given up belongs to no scan any more.
    if (method === 'replace' && call.fault !== 'late') {
      this.executions.push({ process: process.name, method, args, code });
    }
    if (code !== undefined) return;
    if (method === 'create' || method === 'replace') this.#addRow(call, args[0] as DekRow);
    if (method.endsWith('Rotation') && method !== 'getRotation') {
      this.#addRecord(args[0] as RotationRecord);
    }
    if (/^(create|replace)(Rotation)?$/.test(method)) this.check();
    this.#addReads(process, value);
  }

  check(): void {
    if (this.#isPaused) return;
    const { rows, record } = this.#store;
    const bare = [...rows].map(
      ([id, { row, etag }]) => [id, { row: withoutMac(row), etag }] as const,
    );
    this.#invariants.check({ rows: new Map(bare), record, etags: '' });
  }

  /** I2, over restores as well. */
  #rememberDeks(): void {
    for (const [dekId, dek] of this.#invariants.deks) {
      equal(this.#deks.get(dekId) ?? dek, dek, `I2: the DEK of ${dekId} changed`);
      this.#deks.set(dekId, dek);
    }
  }

  #addRecord({ epoch }: RotationRecord): void {
    if (epoch > this.recordEpoch) this.#epochs.push({ epoch, atMs: this.#timeline.nowMs });
  }

  #addRow(call: Call, row: DekRow): void {
    const { process, method } = call;
    const before = this.#rows.get(row.id);
    if (hasPrevious(before) && !hasPrevious(row)) this.pruned.add(row.id);
    this.#written.add(`${row.id} ${String(row.epoch)}`);
    this.#note(row);
    this.#keepHistory(process, method, row);
    const isLive = row.state !== 'shredded';
    if (method === 'create' && isLive && call.fault !== 'late') this.#requireNotBarred(call, row);
    if (method === 'create' && isLive && row.epoch < this.recordEpoch) this.lateCreates.add(row.id);
    if (row.epoch === this.recordEpoch && this.lateCreates.delete(row.id)) this.moved += 1;
    if (row.state === 'retired' && before?.state === 'active') {
      this.#retiredAtMs.set(row.id, this.#timeline.nowMs);
    }
    if (row.state === 'shredded') this.#requireAgedRetirement(process, row.id);
    else if (method === 'replace' && !keepsWrap(row, before)) this.#requireEpochAtRead(call, row);
  }

  /** I5: a create that its own process waits for does not land behind a shred of that process. */
  #requireNotBarred({ process, sentAtMs }: Call, { id, scope }: DekRow): void {
    process.creates.add(id);
    const shreddedAtMs = process.shreddedAtMs.get(scope.at(-1) ?? '') ?? -Infinity;
    ok(sentAtMs >= shreddedAtMs, `I5: ${process.name} made ${id} behind its own shred`);
  }

  #note(row: DekRow): void {
    this.#rows.set(row.id, row);
    if (row.state === 'shredded') return;
    this.#dekOfWrap.set(row.wrappedDek, row.id);
    if (row.previousWrap) this.#dekOfWrap.set(row.previousWrap.wrappedDek, row.id);
  }

  #keepHistory({ name }: SimProcess, method: string, row: DekRow): void {
    const lines = this.#history.get(row.id) ?? [];
    const wrap = row.state === 'shredded' ? '' : ` under ${row.mekVersion}`;
    const at = String(this.#timeline.nowMs);
    lines.push(`${at} ${name} ${method}: ${row.state} at epoch ${String(row.epoch)}${wrap}`);
    this.#history.set(row.id, lines);
  }

  /** I4: no process moves a row that was read when the epoch was over already, and known to be. */
  #requireEpochAtRead({ process, args }: Call, row: DekRow): void {
    const epochAtRead = this.#readOf(process, row, args[1] as string)?.epoch;
    ok(epochAtRead !== undefined, `I4: ${process.name} wrote ${row.id} over an unknown etag`);
    ok(epochAtRead <= row.epoch, `I4: ${process.name} wrote ${row.id} after its epoch was over`);
  }

  #addReads({ name }: SimProcess, answer: unknown): void {
    const epoch = this.epochKnownAt(this.#timeline.nowMs);
    for (const { value, etag } of itemsIn(answer)) {
      const { id, wrappedDek, previousWrap } = value as Partial<LiveDekRow>;
      const key = `${name} ${String(id)} ${etag}`;
      const kept = previousWrap?.wrappedDek;
      if (!this.#reads.has(key)) this.#reads.set(key, { epoch, wrappedDek, kept });
    }
  }

  #readOf({ name }: SimProcess, { id }: DekRow, etag: string) {
    return this.#reads.get(`${name} ${id} ${etag}`);
  }

  /** I6: what replaces a wrap was opened again before, where that is asked for, or had been kept. */
  #requireVerified(process: SimProcess, row: DekRow, etag: string): void {
    const { verifies, verifiesFirst, wrapped, unwrapped } = process;
    if (!(verifies || verifiesFirst) || row.state === 'shredded') return;
    const read = this.#readOf(process, row, etag);
    if (read?.wrappedDek === row.wrappedDek) return;
    if (process.mayFlip && read?.kept === row.wrappedDek) return;
    const isFirstVerified = verifiesFirst && [...wrapped].some((wrap) => unwrapped.has(wrap));
    const isVerified = isFirstVerified || unwrapped.has(row.wrappedDek);
    ok(isVerified, `I6: a wrap of ${row.id} is stored unverified`);
  }

  /** I6: what is to be the only wrap was opened, and no rotation that may need the other is under way. */
  #requireSoundPruning(process: SimProcess, row: DekRow, etag: string): void {
    const { name, role, toldCompleteAtMs, unwrapped } = process;
    if (row.state === 'shredded' || !this.#readOf(process, row, etag)?.kept) return;
    if (row.previousWrap) return;
    ok(
      role === 'pruner' || role === 'operator',
      `I6: ${name} drops the previous wrap of ${row.id}`,
    );
    ok(unwrapped.has(row.wrappedDek), `I6: ${row.id} is pruned, and its primary wrap unopened`);
    ok(
      this.#isRecent(toldCompleteAtMs),
      `I6: ${name} prunes ${row.id}, and does not know that the rotation is complete`,
    );
  }

  /** I4 and I11: no row is moved by an old copy of the record, nor while writers may go by the one before. */
  #requireFenced(process: SimProcess, { id, epoch }: DekRow): void {
    const { name, role } = process;
    const { record } = this.#store;
    if (role !== 'rewrapper') return;
    ok(
      this.#isRecent(process.recordToldAtMs),
      `I4: ${name} moves ${id}, and has not read the record for long`,
    );
    if (record?.epoch !== epoch) return;
    ok(record.state !== 'fencing', `I11: ${name} moves ${id} before the fence is over`);
  }

  /** Told, however long it took: what was read is good for a fence. */
  #isRecent(toldAtMs: number): boolean {
    const { record } = this.#store;
    return record !== undefined && this.#timeline.nowMs - toldAtMs < longestFenceMs(record);
  }

  /** I11: a whole fence, since this very process learned of the epoch. */
  #requireFence(process: SimProcess, record: RotationRecord, sentAtMs: number): void {
    if (process.role === 're-encrypter') {
      ok(record.epoch <= this.recordEpoch, `I4: ${process.name} raised an epoch with the floor`);
      return;
    }
    // The operator who has restored writes the record as it was.
    if (record.state !== 'rewrapping' || process.role === 'operator') return;
    const sawAtMs = process.sawFencingAtMs.get(record.epoch) ?? Infinity;
    const wholeMs = longestFenceMs(record) + 2 * this.#lagMs;
    ok(sentAtMs - sawAtMs >= wholeMs, `I11: ${process.name} cut the fence short`);
  }

  /** A re-encryption destroys what was out of use for as long as any process may use older rows. */
  #requireAgedRetirement({ name, role }: SimProcess, dekId: string): void {
    if (role !== 're-encrypter') return;
    const retiredAtMs = this.#retiredAtMs.get(dekId) ?? Infinity;
    const fencesMs = this.#store.recordsSince(retiredAtMs).map(longestFenceMs);
    const wholeMs = Math.min(...fencesMs) + 2 * this.#lagMs;
    const agedMs = this.#timeline.nowMs - retiredAtMs;
    ok(agedMs >= wholeMs, `I11: ${name} shredded ${dekId} before its wait was over`);
  }
}

/** The longest time for which any process may still act on a copy of a record or of a row. */
export function longestFenceMs({ fenceTtlMs, drainTtlMs = 0 }: RotationRecord): number {
  return Math.max(fenceTtlMs, drainTtlMs);
}

interface Macs {
  readonly mac?: string;
  readonly macKeyId?: string;
}

/** Its content, whatever authenticates it. */
export function withoutMac<Row extends DekRow>(row: Row): Row {
  return without(row as Row & Macs, 'mac', 'macKeyId');
}

function hasPrevious(row: DekRow | undefined): boolean {
  return row !== undefined && row.state !== 'shredded' && row.previousWrap !== undefined;
}

/** Shred and retire move nothing. */
function keepsWrap(row: DekRow, before: DekRow | undefined): boolean {
  if (row.state === 'shredded' || !before || before.state === 'shredded') return false;
  return row.wrappedDek === before.wrappedDek && row.epoch === before.epoch;
}

function itemsIn(answer: unknown): readonly StoredItem[] {
  if (typeof answer !== 'object' || answer === null) return [];
  if (answer instanceof Map) return [...(answer as Map<string, StoredItem>).values()];
  if (Array.isArray(answer)) return answer as StoredItem[];
  if ('items' in answer) return (answer as { items: readonly StoredItem[] }).items;
  return 'etag' in answer ? [answer as StoredItem] : [];
}
