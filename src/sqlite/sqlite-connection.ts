/** One table through a synchronous driver that the application and other processes use too. @module */
import type { Clock } from '../async/clock.js';
import { BesideHandle } from './handle-beside.js';
import { stateOf } from './handle-state.js';
import { failureOf, insideTransaction, isBusy, stayedBusy } from './sqlite-failure.js';
import type { SqliteHandle, SqliteValue } from './sqlite-handle.js';
import { SqliteSession, type SqliteRow } from './sqlite-session.js';

export type { SqliteRow } from './sqlite-session.js';

export interface SqliteConnectionOptions {
  readonly handle: SqliteHandle;
  readonly table: string;
  /** Creates the table unless it exists. */
  readonly createTable: string;
  readonly clock: Clock;
}

const PATIENCE_MS = 5_000;
const FIRST_DELAY_MS = 5;
const LONGEST_DELAY_MS = 100;
const LONGEST_RUN_MS = 20;

export class SqliteConnection {
  readonly #options: SqliteConnectionOptions;
  readonly #own: SqliteSession;
  readonly #beside: BesideHandle;
  #pauseAtMs: number;
  #pause: Promise<void> | undefined;

  constructor(options: SqliteConnectionOptions) {
    this.#options = options;
    this.#own = new SqliteSession(options.handle, options.createTable);
    this.#beside = new BesideHandle(options.handle, options.createTable);
    this.#pauseAtMs = options.clock.monotonicMs() + LONGEST_RUN_MS;
  }

  /** What is committed now, whatever the application has open on the handle. */
  async all(
    sql: string,
    values: readonly SqliteValue[],
    signal: AbortSignal | undefined,
  ): Promise<readonly SqliteRow[]> {
    return this.#whenFree(() => this.#read(sql, values), signal);
  }

  /** One statement, one transaction of its own. @returns How many rows it changed. */
  async run(
    sql: string,
    values: readonly SqliteValue[],
    signal: AbortSignal | undefined,
  ): Promise<number> {
    return this.#whenFree(() => this.#write(sql, values), signal);
  }

  /** A statement that the application left open would show what was stored when it began. */
  #read(sql: string, values: readonly SqliteValue[]): readonly SqliteRow[] {
    if (stateOf(this.#options.handle) !== 'free') {
      return this.#beside.session()?.read(sql, values) ?? this.#own.readAmidst(sql, values);
    }
    this.#beside.close();
    return this.#own.read(sql, values);
  }

  #write(sql: string, values: readonly SqliteValue[]): number {
    try {
      return this.#own.write(sql, values);
    } catch (error) {
      const state = stateOf(this.#options.handle);
      if (state === 'transaction') throw insideTransaction(this.#options.table, error);
      const session = state === 'statements' ? this.#beside.session() : undefined;
      if (session === undefined) throw error;
      return session.write(sql, values);
    }
  }

  async #whenFree<T>(attempt: () => T, signal: AbortSignal | undefined): Promise<T> {
    await this.#pauseNowAndThen();
    const { clock, table } = this.#options;
    const startedMs = clock.monotonicMs();
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
      signal?.throwIfAborted();
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error)) throw failureOf(table, error, this.#own.isReady);
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
}
