/** The table of DEK rows and other items, and its SQL. @module */
import { ownProperties } from '../guards/guards.js';
import type { DekRowFilter } from '../store/dek-store.js';
import { ROTATION_ID } from '../format/rotation-record.js';
import { NO_ROW_MARK, NO_ROW_TYPES } from '../format/item-shape.js';
import type { Query } from './sqlite-handle.js';
import { columnText } from './stored-json.js';

/** The end of a page: the primary key of its last item, as it is in the columns. */
export type PageEnd = readonly [scopeId: string, id: string];

/** A stored item; properties without a column are in its JSON alone. */
export interface TableItem {
  readonly id: string;
  readonly scopeId: string;
  readonly type: string;
  readonly product: string;
  readonly state?: string;
  readonly mekVersion?: string;
}

const READ = 'scope_id, id, etag, item';
const TYPES = NO_ROW_TYPES.map((type) => `'${type}'`).join(', ');
/** A row whose type was edited must not be hidden from a rotation: its scope shows that it is a row. */
const ROWS = `(type NOT IN (${TYPES}) OR instr(scope_id, '${NO_ROW_MARK}') = 0)`;

/** The statements of one table. They bind only integers and text without U+0000. */
export class DekTable {
  readonly #name: string;

  constructor(name: string) {
    this.#name = `"${name}"`;
  }

  get createTable(): string {
    return `CREATE TABLE IF NOT EXISTS ${this.#name} (
      scope_id TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, product TEXT NOT NULL,
      state TEXT, mek_version TEXT, etag TEXT NOT NULL, item TEXT NOT NULL,
      PRIMARY KEY (scope_id, id)
    ) WITHOUT ROWID`;
  }

  create(item: TableItem, etag: string, json: string): Query {
    const sql = `INSERT INTO ${this.#name}
      (type, product, state, mek_version, etag, item, scope_id, id)
      VALUES (?, ?, NULLIF(?, ''), NULLIF(?, ''), ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
    return { sql, values: [...columnsOf(item), etag, json, ...keyOf(item.scopeId, item.id)] };
  }

  replace(item: TableItem, oldEtag: string, etag: string, json: string): Query {
    const sql = `UPDATE ${this.#name} SET type = ?, product = ?, state = NULLIF(?, ''),
      mek_version = NULLIF(?, ''), etag = ?, item = ? WHERE scope_id = ? AND id = ? AND etag = ?`;
    const key = keyOf(item.scopeId, item.id);
    return { sql, values: [...columnsOf(item), etag, json, ...key, columnText(oldEtag)] };
  }

  get(scopeId: string, id: string): Query {
    const sql = `SELECT ${READ} FROM ${this.#name} WHERE scope_id = ? AND id = ?`;
    return { sql, values: keyOf(scopeId, id) };
  }

  getMany(keys: readonly PageEnd[]): Query {
    const sql = `SELECT ${READ} FROM ${this.#name} WHERE (scope_id, id) IN
      (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))`;
    return { sql, values: [JSON.stringify(keys.map(([scopeId, id]) => keyOf(scopeId, id)))] };
  }

  listScope(scopeId: string): Query {
    const sql = `SELECT ${READ} FROM ${this.#name} WHERE scope_id = ? ORDER BY id`;
    return { sql, values: [columnText(scopeId)] };
  }

  delete(scopeId: string, id: string, etag: string): Query {
    const sql = `DELETE FROM ${this.#name} WHERE scope_id = ? AND id = ? AND etag = ?`;
    return { sql, values: [...keyOf(scopeId, id), columnText(etag)] };
  }

  listItems(scopeId: string, limit: number, after?: PageEnd): Query {
    const onlyAfter = after ? ' AND (scope_id, id) > (?, ?)' : '';
    return {
      sql: `SELECT ${READ} FROM ${this.#name} WHERE scope_id = ?${onlyAfter} ORDER BY id LIMIT ?`,
      values: [columnText(scopeId), ...(after ?? []), limit],
    };
  }

  list(filter: DekRowFilter, limit: number, after?: PageEnd): Query {
    const { sql, values } = rowsOf(filter);
    const onlyAfter = after ? ' AND (scope_id, id) > (?, ?)' : '';
    return {
      sql: `SELECT ${READ} FROM ${this.#name} WHERE ${sql}${onlyAfter}
        ORDER BY scope_id, id LIMIT ?`,
      values: [...values, ...(after ?? []), limit],
    };
  }

  listProducts(limit: number): Query {
    const sql = `SELECT product FROM ${this.#name} WHERE id = ? AND type = ? LIMIT ?`;
    return { sql, values: [ROTATION_ID, ROTATION_ID, limit] };
  }

  count(filter: DekRowFilter): Query {
    const { sql, values } = rowsOf(filter);
    return { sql: `SELECT COUNT(*) AS total FROM ${this.#name} WHERE ${sql}`, values };
  }
}

function rowsOf({ product, mekVersion, idFrom, idBefore }: DekRowFilter): Query {
  const conditions: [string, string | undefined][] = [
    ['product = ?', product],
    ['mek_version = ?', mekVersion],
    ['id >= ?', idFrom],
    ['id < ?', idBefore],
  ];
  const asked = conditions.filter((each): each is [string, string] => each[1] !== undefined);
  const sql = [ROWS, ...asked.map(([condition]) => condition)];
  return { sql: sql.join(' AND '), values: asked.map(([, text]) => columnText(text)) };
}

function keyOf(scopeId: string, id: string): readonly string[] {
  return [columnText(scopeId), columnText(id)];
}

/** An empty text stands for an absent property: tombstones have no `mekVersion`, leases no `state`. */
function columnsOf(item: TableItem): readonly string[] {
  const { type, product, state = '', mekVersion = '' } = ownProperties(item);
  return [type, product, state, mekVersion].map(columnText);
}
