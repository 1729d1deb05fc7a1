/** One table through a synchronous driver that other processes may be writing to. @module */
import type { Clock } from '../clock.js';
import { isBusy, sqliteFailed, stayedBusy } from './sqlite-failure.js';
import type { SqliteHandle, SqliteStatement, SqliteValue } from './sqlite-handle.js';

export interface SqliteConnectionOptions {
  readonly handle: SqliteHandle;
  readonly table: string;
  /** Creates the table unless it exists. */
  readonly createTable: string;
  readonly clock: Clock;
}

export type SqliteRow = Readonly<Record<string, unknown>>;

/** A driver waits for a lock with the event loop standing still: so it waits 20 ms, and we the rest. */
const SETTINGS = ['busy_timeout=20', 'journal_mode=WAL', 'synchronous=FULL'];
const PATIENCE_MS = 5_000;
const FIRST_DELAY_MS = 5;
const LONGEST_DELAY_MS = 100;
const LONGEST_RUN_MS = 20;

export class SqliteConnection {
  readonly #options: SqliteConnectionOptions;
  readonly #statements = new Map<string, SqliteStatement>();
  #isReady = false;
  #pauseAtMs: number;
  #pause: Promise<void> | undefined;

  constructor(options: SqliteConnectionOptions) {
    this.#options = options;
    this.#pauseAtMs = options.clock.monotonicMs() + LONGEST_RUN_MS;
  }

  /** Every row of the answer: a statement read only in part could hold its snapshot. */
  async all(
    sql: string,
    values: readonly SqliteValue[],
    signal: AbortSignal | undefined,
  ): Promise<readonly SqliteRow[]> {
    return this.#whenFree(() => this.#statement(sql).all(...values) as SqliteRow[], signal);
  }

  /** One statement, one transaction of its own. @returns How many rows it changed. */
  async run(
    sql: string,
    values: readonly SqliteValue[],
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const write = (): number => Number(this.#statement(sql).run(...values).changes);
    return this.#whenFree(() => this.#inTransaction(write), signal);
  }

  /**
   * The lock is asked for by `exec`, which leaves nothing behind when it is refused. A prepared
   * statement that was refused stays open with libsql: other writes would then be acknowledged
   * without being committed, and rolled back when that statement runs again.
   */
  #inTransaction<T>(write: () => T): T {
    const { handle } = this.#options;
    handle.exec('BEGIN IMMEDIATE');
    try {
      const result = write();
      handle.exec('COMMIT');
      return result;
    } catch (error) {
      rollBack(handle);
      throw error;
    }
  }

  async #whenFree<T>(work: () => T, signal: AbortSignal | undefined): Promise<T> {
    const { clock, table } = this.#options;
    await this.#pauseNowAndThen();
    const startedMs = clock.monotonicMs();
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
      signal?.throwIfAborted();
      try {
        this.#prepareDatabase();
        return work();
      } catch (error) {
        if (!isBusy(error)) throw sqliteFailed(table, error);
        const isOutOfPatience = clock.monotonicMs() - startedMs >= PATIENCE_MS;
        if (isOutOfPatience) throw stayedBusy(table, PATIENCE_MS, error);
      }
      await clock.sleep(delayMs * (0.5 + clock.jitter()), signal);
    }
  }

  /**
   * Nothing here awaits I/O, so a loop of calls would otherwise keep timers and sockets waiting. All
   * callers pause together: one that went on would keep the event loop from turning.
   */
  async #pauseNowAndThen(): Promise<void> {
    if (this.#options.clock.monotonicMs() >= this.#pauseAtMs) this.#pause ??= this.#takePause();
    await this.#pause;
  }

  async #takePause(): Promise<void> {
    const { clock } = this.#options;
    try {
      await clock.sleep(0);
    } finally {
      this.#pauseAtMs = clock.monotonicMs() + LONGEST_RUN_MS;
      this.#pause = undefined;
    }
  }

  /** Part of every attempt until it succeeds once: many processes may be opening a new file. */
  #prepareDatabase(): void {
    if (this.#isReady) return;
    const { handle, createTable } = this.#options;
    for (const setting of SETTINGS) handle.exec(`PRAGMA ${setting}`);
    handle.exec(createTable);
    this.#isReady = true;
  }

  #statement(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#options.handle.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function rollBack(handle: SqliteHandle): void {
  try {
    handle.exec('ROLLBACK');
  } catch {
    // SQLite has done it by itself: a full disk, an I/O error.
  }
}
