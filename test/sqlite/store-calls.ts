/** Every kind of call of the SQLite stores, each on one handle that stores and application share. @module */
import { SqliteDekStore, SqliteDocumentStore, type SqliteHandle } from '../../src/sqlite/index.js';
import type { ManualClock } from '../../src/testing/index.js';
import { sampleRow } from '../../src/testing/sample-items.js';

export const ROW = sampleRow();
const OTHER_ROW = sampleRow({ generation: 2 });

export interface SharedStores {
  readonly deks: SqliteDekStore;
  readonly notes: SqliteDocumentStore;
}

export function storesOn(handle: SqliteHandle, clock?: ManualClock): SharedStores {
  return {
    deks: new SqliteDekStore(handle, { ...(clock && { clock }) }),
    notes: new SqliteDocumentStore(handle, {
      table: 'notes',
      key: ['id'],
      ...(clock && { clock }),
    }),
  };
}

/** What the calls below find. */
export interface Found {
  readonly rowEtag: string;
  readonly noteEtag: string;
}

export async function fill({ deks, notes }: SharedStores): Promise<Found> {
  const { etag: rowEtag } = await deks.create(ROW);
  const { etag: noteEtag } = await notes.create({ id: 'n1' });
  return { rowEtag, noteEtag };
}

type Call = (stores: SharedStores, found: Found) => Promise<unknown>;

export const WRITES: readonly (readonly [string, Call])[] = [
  ['create of a row', ({ deks }) => deks.create(OTHER_ROW)],
  ['replace of a row', ({ deks }, { rowEtag }) => deks.replace({ ...ROW, epoch: 2 }, rowEtag)],
  ['create of a document', ({ notes }) => notes.create({ id: 'n2' })],
  ['replace of a document', ({ notes }, { noteEtag }) => notes.replace({ id: 'n1' }, noteEtag)],
  ['delete of a document', ({ notes }, { noteEtag }) => notes.delete({ id: 'n1' }, noteEtag)],
];

export const READS: readonly (readonly [string, Call])[] = [
  ['get of a row', ({ deks }) => deks.get(ROW.id)],
  ['getMany', ({ deks }) => deks.getMany([ROW.id])],
  ['listScope', ({ deks }) => deks.listScope(ROW.scopeId)],
  ['list of rows', ({ deks }) => deks.list({ product: ROW.product })],
  ['count of rows', ({ deks }) => deks.count({ product: ROW.product })],
  ['get of a document', ({ notes }) => notes.get({ id: 'n1' })],
  ['list of documents', ({ notes }) => notes.list()],
  ['count of documents', ({ notes }) => notes.count()],
];
