import { readRotationItem } from '../../../src/store/dek-store.js';
import type { DekRow, RotationRecord } from '../../../src/adapters.js';
import type { DekStore } from '../../../src/index.js';
import { PRODUCT } from '../encryptor.js';

export interface RowItem {
  readonly row: DekRow;
  readonly etag: string;
}

/** All that a store holds of the product. */
export interface Snapshot {
  readonly rows: ReadonlyMap<string, RowItem>;
  readonly record: RotationRecord | undefined;
  /** Equal for two snapshots if nothing was written between them. */
  readonly etags: string;
}

export async function snapshotOf(store: DekStore): Promise<Snapshot> {
  const { items } = await store.list({ product: PRODUCT }, { pageSize: 10_000 });
  const rotation = await readRotationItem(store, PRODUCT);
  const rows = items.map(({ value, etag }) => ({ row: value as DekRow, etag }));
  return {
    rows: new Map(rows.map((item) => [item.row.id, item])),
    record: rotation?.value as RotationRecord | undefined,
    etags: [rotation?.etag, ...rows.map(({ row, etag }) => `${row.id} ${etag}`)].join('\n'),
  };
}
