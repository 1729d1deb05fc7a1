import type {
  DekRow,
  DekRowFilter,
  DekRowPage,
  DekStoreItem,
  ListDekRowsOptions,
  RotationRecord,
  StoredItem,
} from '../../src/adapters.js';
import { isDekId } from '../../src/format/key-scope.js';
import type { RowItem } from '../support/rotation/snapshot.js';
import type { Library } from './library.js';
import type { Random } from './random.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';
import type { Weather } from './weather.js';

interface Version {
  /** `undefined` where there is nothing. */
  readonly json: string | undefined;
  readonly etag: string;
  readonly atMs: number;
}

/** What a restore took away. */
export interface Forgotten {
  /** Of the record. */
  readonly epoch: number;
  /** As they were. */
  readonly rows: readonly DekRow[];
  /** Tombstones that are live rows again. */
  readonly shredded: readonly string[];
}

const NOTHING: Version = { json: undefined, etag: '', atMs: -Infinity };
const RECORD = 'rotation';

/**
 * A database whose writes are compare-and-set in one place, and whose reads may be late: a process may be
 * given what an item was up to `readLagMs` ago, but never older than what it wrote itself.
 */
export class FakeDekStore {
  staleReads = 0;
  /** Rows that were made behind the place where a listing had come to. */
  behindCursor = 0;
  readonly #library: Library;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #weather: Weather;
  readonly #items = new Map<string, Version[]>();
  readonly #sessions = new Map<string, number>();
  readonly #cursors = new Map<string, string>();
  #writes = 0;
  /** From before it nothing is given any more. */
  #barrierMs = 0;

  constructor(parts: {
    readonly library: Library;
    readonly timeline: Timeline;
    readonly random: Random;
    readonly weather: Weather;
  }) {
    this.#library = parts.library;
    this.#timeline = parts.timeline;
    this.#random = parts.random;
    this.#weather = parts.weather;
  }

  /** As it is, without any lag. */
  get rows(): Map<string, RowItem> {
    const rows = new Map<string, RowItem>();
    for (const id of this.#rowIds()) {
      const { json, etag } = this.#newest(id);
      if (json !== undefined) rows.set(id, { row: JSON.parse(json) as DekRow, etag });
    }
    return rows;
  }

  get record(): RotationRecord | undefined {
    const { json } = this.#newest(RECORD);
    return json === undefined ? undefined : (JSON.parse(json) as RotationRecord);
  }

  get writes(): number {
    return this.#writes;
  }

  row(dekId: string): DekRow | undefined {
    const { json } = this.#newest(dekId);
    return json === undefined ? undefined : (JSON.parse(json) as DekRow);
  }

  /** When the row was made, or came back. */
  appearedAtMs(dekId: string): number {
    const versions = this.#items.get(dekId) ?? [];
    const before = versions.findLastIndex(({ json }) => json === undefined);
    return versions[before + 1]?.atMs ?? Infinity;
  }

  /** When anything was last written over the row. */
  changedAtMs(dekId: string): number {
    return this.#newest(dekId).atMs;
  }

  /** Past every check, as an operator, an attacker or an accident does. */
  put(id: string, item: DekRow | RotationRecord): void {
    this.#write(id, JSON.stringify(item));
  }

  /** The record as it was last at that epoch. */
  recordAt(epoch: number): RotationRecord | undefined {
    const records = (this.#items.get(RECORD) ?? []).flatMap(({ json }) =>
      json === undefined ? [] : (JSON.parse(json) as RotationRecord),
    );
    return records.findLast((record) => record.epoch === epoch);
  }

  /** Each record that there was at any time since then. */
  recordsSince(atMs: number): readonly RotationRecord[] {
    const versions = this.#items.get(RECORD) ?? [];
    const first = versions.findLastIndex((version) => version.atMs <= atMs);
    return versions
      .slice(Math.max(0, first))
      .flatMap(({ json }) => (json === undefined ? [] : (JSON.parse(json) as RotationRecord)));
  }

  /** From a backup: rows and record as they were then. @returns What nothing in the store knows any more. */
  restore(toMs: number): Forgotten {
    const epoch = this.record?.epoch ?? 0;
    const before = this.rows;
    for (const id of [...this.#rowIds(), RECORD]) {
      const then = this.#items.get(id)?.findLast(({ atMs }) => atMs <= toMs) ?? NOTHING;
      this.#write(id, then.json);
    }
    this.#barrierMs = this.#timeline.nowMs;
    const rows = [...before.values()].map(({ row }) => row);
    const isBack = ({ id, state }: DekRow): boolean => {
      const now = this.row(id)?.state ?? 'shredded';
      return state === 'shredded' && now !== 'shredded';
    };
    return { epoch, rows, shredded: rows.filter(isBack).map(({ id }) => id) };
  }

  get(process: SimProcess, dekId: string): StoredItem | undefined {
    return this.#read(process, dekId);
  }

  getMany(process: SimProcess, dekIds: readonly string[]): ReadonlyMap<string, StoredItem> {
    const found = dekIds.map((dekId) => [dekId, this.#read(process, dekId)] as const);
    return new Map(found.filter((pair): pair is [string, StoredItem] => pair[1] !== undefined));
  }

  listScope(process: SimProcess, scopeId: string): readonly StoredItem[] {
    return this.#readAll(
      process,
      this.#rowIds().filter((id) => id.startsWith(scopeId)),
    );
  }

  list(
    process: SimProcess,
    filter: DekRowFilter,
    { pageSize = 100, continuation = '' }: ListDekRowsOptions = {},
  ): DekRowPage {
    const most = Math.min(pageSize, this.#weather.pageSize);
    const left = this.#readAll(
      process,
      this.#rowIds().filter((id) => id > continuation),
    ).filter((item) => matches(item, filter));
    const items = left.slice(0, most);
    const last = (items.at(-1)?.value as DekRow | undefined)?.id;
    this.#cursors.delete(process.name);
    if (left.length <= most || last === undefined) return { items };
    this.#cursors.set(process.name, last);
    return { items, continuation: last };
  }

  count(process: SimProcess, filter: DekRowFilter): number {
    return this.#readAll(process, this.#rowIds()).filter((item) => matches(item, filter)).length;
  }

  create(process: SimProcess, row: DekRow): StoredItem {
    const item = this.#create(process, row.id, row);
    if ([...this.#cursors.values()].some((cursor) => cursor > row.id)) this.behindCursor += 1;
    return item;
  }

  replace(process: SimProcess, row: DekRow, etag: string): StoredItem {
    return this.#replace(process, row.id, row, etag);
  }

  getItem(process: SimProcess, _scopeId: string, id: string): StoredItem | undefined {
    return this.#read(process, id);
  }

  createItem(process: SimProcess, item: DekStoreItem): StoredItem {
    return this.#create(process, item.id, item);
  }

  replaceItem(process: SimProcess, item: DekStoreItem, etag: string): StoredItem {
    return this.#replace(process, item.id, item, etag);
  }

  deleteItem(process: SimProcess, _scopeId: string, id: string, etag: string): void {
    this.#requireEtag(process, id, etag);
    this.#see(process, id, this.#write(id, undefined));
  }

  listItems(process: SimProcess, scopeId: string): DekRowPage {
    const ids = [...this.#items.keys()].filter((id) => !isDekId(id)).sort();
    const items = this.#readAll(process, ids);
    return { items: items.filter(({ value }) => (value as DekStoreItem).scopeId === scopeId) };
  }

  readLagMs(): number {
    return this.#weather.lagMs;
  }

  #create(process: SimProcess, id: string, item: object): StoredItem {
    const { json, etag } = this.#newest(id);
    if (json !== undefined) {
      this.#see(process, id, etag);
      throw new this.#library.StoreError('ALREADY_EXISTS', `The item ${id} exists`);
    }
    return this.#written(process, id, item);
  }

  #replace(process: SimProcess, id: string, item: object, etag: string): StoredItem {
    this.#requireEtag(process, id, etag);
    return this.#written(process, id, item);
  }

  #requireEtag(process: SimProcess, id: string, etag: string): void {
    const newest = this.#newest(id);
    if (newest.json !== undefined && newest.etag === etag) return;
    this.#see(process, id, newest.etag);
    throw new this.#library.StoreError('ETAG_MISMATCH', `The item ${id} was changed`);
  }

  #written(process: SimProcess, id: string, item: object): StoredItem {
    const json = JSON.stringify(item);
    const etag = this.#write(id, json);
    this.#see(process, id, etag);
    return { value: JSON.parse(json) as unknown, etag };
  }

  #write(id: string, json: string | undefined): string {
    this.#writes += 1;
    const etag = `"${String(this.#writes)}"`;
    const versions = this.#items.get(id) ?? [NOTHING];
    versions.push({ json, etag, atMs: this.#timeline.nowMs });
    this.#items.set(id, versions);
    return etag;
  }

  #newest(id: string): Version {
    return this.#items.get(id)?.at(-1) ?? NOTHING;
  }

  #rowIds(): string[] {
    return [...this.#items.keys()].filter(isDekId).sort();
  }

  #readAll(process: SimProcess, ids: readonly string[]): StoredItem[] {
    return ids.flatMap((id) => this.#read(process, id) ?? []);
  }

  #read(process: SimProcess, id: string): StoredItem | undefined {
    const versions = this.#items.get(id);
    if (!versions) return undefined;
    const newest = versions.length - 1;
    const index = this.#random.int(this.#oldestFor(process, id, versions), newest);
    if (index < newest) this.staleReads += 1;
    const { json, etag } = versions[index] as Version;
    if (!this.#weather.readsGoBack) this.#see(process, id, etag);
    return json === undefined ? undefined : { value: JSON.parse(json) as unknown, etag };
  }

  #oldestFor(process: SimProcess, id: string, versions: readonly Version[]): number {
    const newest = versions.length - 1;
    const { lagMs } = this.#weather;
    if (lagMs === 0) return newest;
    const sinceMs = Math.max(this.#timeline.nowMs - lagMs, this.#barrierMs);
    const settled = versions.findLastIndex(({ atMs }) => atMs <= sinceMs);
    return Math.max(0, settled, this.#sessions.get(`${process.name} ${id}`) ?? 0);
  }

  #see(process: SimProcess, id: string, etag: string): void {
    if (this.#weather.lagMs === 0) return;
    const index = this.#items.get(id)?.findIndex((version) => version.etag === etag) ?? 0;
    const key = `${process.name} ${id}`;
    this.#sessions.set(key, Math.max(index, this.#sessions.get(key) ?? 0));
  }
}

function matches({ value }: StoredItem, filter: DekRowFilter): boolean {
  const { id, product, ...row } = value as DekRow;
  const { mekVersion, idFrom, idBefore } = filter;
  const version = 'mekVersion' in row ? row.mekVersion : undefined;
  return (
    product === filter.product &&
    (mekVersion === undefined || version === mekVersion) &&
    (idFrom === undefined || id >= idFrom) &&
    (idBefore === undefined || id < idBefore)
  );
}
