/** One open database: its settings, and its statements in transactions of its own. @module */
import { isReadOnlyFailure } from './sqlite-failure.js';
import type { Query, SqliteHandle, SqliteStatement } from './sqlite-handle.js';

export type SqliteRow = Readonly<Record<string, unknown>>;

/** A driver blocks the event loop while it waits for a lock: so it waits 5 ms, and this library the rest. */
const LONGEST_WAIT_MS = 5;
const SETTINGS = ['journal_mode=WAL', 'synchronous=FULL'];

/**
 * Refused without effect where the application has a transaction open, or a statement that writes: it would
 * become part of the store's transaction, and be rolled back with it.
 */
const REQUIRE_NO_OTHER_WRITER = 'SAVEPOINT field_encrypt; RELEASE field_encrypt; BEGIN; COMMIT';
const TAKE_SNAPSHOT = 'SELECT 1 FROM sqlite_master LIMIT 0';

/**
 * Locks are requested with `exec`, which leaves nothing open when it is refused. With libsql, a refused
 * prepared statement stays open: other writes would then be acknowledged without being committed, and reads
 * would keep seeing the data from when it began.
 */
export class SqliteSession {
  readonly #handle: SqliteHandle;
  readonly #createTable: string;
  readonly #statements = new Map<string, SqliteStatement>();
  #isReady = false;

  constructor(handle: SqliteHandle, createTable: string) {
    this.#handle = handle;
    this.#createTable = createTable;
  }

  /** Whether the table is known to exist, and the file to be in WAL mode. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Reads every row of the answer: a partly read statement could hold its snapshot. */
  read(query: Query): readonly SqliteRow[] {
    return this.#withShortTimeout(() => {
      this.#setUp();
      this.#handle.exec('BEGIN');
      return this.#committed(() => {
        this.#handle.exec(TAKE_SNAPSHOT);
        return this.#rows(query);
      });
    });
  }

  /** For a busy handle, where there is no second one: it sees what the application sees. */
  readOnBusyHandle(query: Query): readonly SqliteRow[] {
    return this.#withShortTimeout(() => this.#rows(query));
  }

  /** All in one transaction, or none. @returns How many rows each changed. */
  write(queries: readonly Query[]): readonly number[] {
    return this.#withShortTimeout(() => {
      this.#setUp();
      this.#handle.exec(`${REQUIRE_NO_OTHER_WRITER}; BEGIN IMMEDIATE`);
      return this.#committed(() =>
        queries.map(({ sql, values }) => Number(this.#statement(sql).run(...values).changes)),
      );
    });
  }

  #committed<T>(work: () => T): T {
    try {
      const result = work();
      this.#handle.exec('COMMIT');
      return result;
    } catch (error) {
      rollBack(this.#handle);
      throw error;
    }
  }

  /** The timeout of the application's own statements stays as the application set it. */
  #withShortTimeout<T>(work: () => T): T {
    const timeoutMs = this.#pragma('busy_timeout', 'timeout') ?? 0;
    if (timeoutMs <= LONGEST_WAIT_MS) return work();
    this.#handle.exec(`PRAGMA busy_timeout=${String(LONGEST_WAIT_MS)}`);
    try {
      return work();
    } finally {
      this.#handle.exec(`PRAGMA busy_timeout=${String(timeoutMs)}`);
    }
  }

  /** Part of every attempt until it succeeds once: many processes may open a new file at once. */
  #setUp(): void {
    if (this.#isReady || this.#isReadOnly()) return;
    this.#handle.exec(REQUIRE_NO_OTHER_WRITER);
    try {
      for (const setting of SETTINGS) this.#handle.exec(`PRAGMA ${setting}`);
      this.#handle.exec(this.#createTable);
      this.#isReady = true;
    } catch (error) {
      if (!isReadOnlyFailure(error)) throw error;
    }
  }

  /** Some drivers do not report it: there, SQLite refuses the write. */
  #isReadOnly(): boolean {
    const { readonly } = this.#handle as { readonly readonly?: unknown };
    return readonly === true || this.#pragma('query_only', 'query_only') === 1;
  }

  #rows({ sql, values }: Query): readonly SqliteRow[] {
    return this.#statement(sql).all(...values) as SqliteRow[];
  }

  #pragma(name: string, column: string): number | undefined {
    const row = this.#statement(`PRAGMA ${name}`).get?.() as SqliteRow | undefined;
    return row && Number(row[column]);
  }

  #statement(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#handle.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function rollBack(handle: SqliteHandle): void {
  try {
    handle.exec('ROLLBACK');
  } catch {
    // SQLite has already rolled back: a full disk, or an I/O error.
  }
}
