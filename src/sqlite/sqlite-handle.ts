/** The driver interface that the SQLite stores need, so that they depend on no driver. @module */

/** The only types that are bound: a boolean aborts the process with libsql 0.5. */
export type SqliteValue = number | string;

export interface Query {
  readonly sql: string;
  readonly values: readonly SqliteValue[];
}

export interface SqliteStatement {
  run(...values: SqliteValue[]): { readonly changes: bigint | number };
  all(...values: SqliteValue[]): unknown[];
  /** Reads the handle's own `busy_timeout`, so that it can be restored. */
  get?(...values: SqliteValue[]): unknown;
}

/**
 * An open database of better-sqlite3, libsql or `node:sqlite` (`DatabaseSync`).
 *
 * It stays yours, and you may keep using it: the stores never close it, never end a transaction of yours, and
 * never include your statements in theirs. Their writes run in transactions of their own; calls that wait at
 * the same time share one. Each read sees what is committed. They set `journal_mode=WAL` and
 * `synchronous=FULL` on it; between calls, `busy_timeout` is as you set it.
 *
 * - While a transaction of yours is open, writes are refused at once with `STORE_FAILED`: keep none open
 *   across an `await` of a store.
 * - While a statement of yours is open (an iterator that was not read to its end, or, with libsql, a
 *   statement that was refused the lock), calls use a second connection to the same file, which the first
 *   read after that closes. An in-memory database cannot be opened twice.
 * - A read-only handle reads; writes are refused with `STORE_FAILED`.
 */
export interface SqliteHandle {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
}
