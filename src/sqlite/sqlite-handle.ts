/** What the SQLite stores need of a driver, so that they depend on none. @module */

/** All that is ever bound: a boolean aborts the process with libsql 0.5. */
export type SqliteValue = number | string;

export interface SqliteStatement {
  run(...values: SqliteValue[]): { readonly changes: bigint | number };
  all(...values: SqliteValue[]): unknown[];
}

/**
 * An open database of better-sqlite3, libsql or `node:sqlite` (`DatabaseSync`).
 *
 * It stays yours: the stores never close it. They set `busy_timeout`, `journal_mode` and
 * `synchronous` on it, and each of their writes is a transaction of its own. Hold none open on it
 * across an `await`: their writes are refused meanwhile, since yours might be rolled back.
 */
export interface SqliteHandle {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
}
