/** One table through a synchronous driver that the application and other processes use too. @module */
import type { Clock } from '../async/clock.js';
import { failureOf, insideTransaction, isBusy, stayedBusy } from './sqlite-failure.js';
import type { Query, SqliteHandle } from './sqlite-handle.js';
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
/** A transaction blocks the event loop, and keeps other processes from writing. */
const MOST_WRITES_AT_ONCE = 64;

interface WaitingWrite {
  readonly query: Query;
  readonly signal: AbortSignal | undefined;
  readonly done: (changes: number) => void;
  readonly failed: (error: unknown) => void;
}

export class SqliteConnection {
  readonly #options: SqliteConnectionOptions;
  readonly #own: SqliteSession;
  readonly #second: SecondHandle;
  #waiting: WaitingWrite[] = [];
  #pauseAtMs: number;
  #pause: Promise<void> | undefined;

  constructor(options: SqliteConnectionOptions) {
    this.#options = options;
    this.#own = new SqliteSession(options.handle, options.createTable);
    this.#second = new SecondHandle(options.handle, options.createTable);
    this.#pauseAtMs = options.clock.monotonicMs() + LONGEST_RUN_MS;
  }

  /** Reads what is committed now, whatever the application has open on the handle. */
  async all(query: Query, signal: AbortSignal | undefined): Promise<readonly SqliteRow[]> {
    return this.#whenFree(() => this.#read(query), signal);
  }

  /**
   * Writes that wait at the same time share a transaction, and so one wait for the disk.
   *
   * @returns How many rows the statement changed, once that is on disk.
   */
  async run(query: Query, signal: AbortSignal | undefined): Promise<number> {
    return this.#whenFree(() => this.#writeWithOthers(query, signal), signal);
  }

  /** A statement that the application left open would show the data from when it began. */
  #read(query: Query): readonly SqliteRow[] {
    if (stateOf(this.#options.handle) !== 'free') {
      return this.#second.session()?.read(query) ?? this.#own.readOnBusyHandle(query);
    }
    this.#second.close();
    return this.#own.read(query);
  }

  #writeWithOthers(query: Query, signal: AbortSignal | undefined): Promise<number> {
    return new Promise((done, failed) => {
      this.#waiting.push({ query, signal, done, failed });
      if (this.#waiting.length === 1) void this.#writeWaiting();
    });
  }

  async #writeWaiting(): Promise<void> {
    await this.#options.clock.sleep(0);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += MOST_WRITES_AT_ONCE) {
      this.#writeTogether(waiting.slice(from, from + MOST_WRITES_AT_ONCE));
    }
  }

  #writeTogether(group: readonly WaitingWrite[]): void {
    const wanted = group.filter(({ signal }) => !signal?.aborted);
    for (const { signal, failed } of group) if (signal?.aborted) failed(signal.reason);
    try {
      const changes = this.#write(wanted.map(({ query }) => query));
      for (const [index, { done }] of wanted.entries()) done(changes[index] as number);
    } catch (error) {
      // One that SQLite refuses for itself must not fail the others.
      if (wanted.length > 1 && !isBusy(error)) for (const one of wanted) this.#writeTogether([one]);
      else for (const { failed } of wanted) failed(error);
    }
  }

  #write(queries: readonly Query[]): readonly number[] {
    if (queries.length === 0) return [];
    try {
      return this.#own.write(queries);
    } catch (error) {
      const state = stateOf(this.#options.handle);
      if (state === 'transaction') throw insideTransaction(this.#options.table, error);
      const session = state === 'statements' ? this.#second.session() : undefined;
      if (session === undefined) throw error;
      return session.write(queries);
    }
  }

  async #whenFree<T>(attempt: () => Promise<T> | T, signal: AbortSignal | undefined): Promise<T> {
    await this.#pauseWhenDue();
    const { clock, table } = this.#options;
    const startedMs = clock.monotonicMs();
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
      signal?.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        signal?.throwIfAborted();
        if (!isBusy(error)) throw failureOf(table, error, this.#own.isReady);
        const isOutOfPatience = clock.monotonicMs() - startedMs >= PATIENCE_MS;
        if (isOutOfPatience) throw stayedBusy(table, PATIENCE_MS, error);
      }
      await clock.sleep(delayMs * (0.5 + clock.jitter()), signal);
    }
  }

  /**
   * Nothing here awaits I/O, so a loop of calls would block timers and sockets. All callers pause together:
   * one that continued would block the event loop.
   */
  async #pauseWhenDue(): Promise<void> {
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

/**
 * - `free`: no transaction, and no open statement.
 * - `transaction`: the application has one open.
 * - `statements`: the application has a statement open outside a transaction: an iterator that was not read
 *   to its end, or, with libsql, a statement that was refused the lock.
 */
type HandleState = 'free' | 'transaction' | 'statements';

/** No driver reports open statements. SQLite checks for them before it checks the file's name. */
const PROBE = 'VACUUM INTO NULL';

/** Reads and writes nothing: the probe is always refused, and the error says why. */
function stateOf(handle: SqliteHandle): HandleState {
  try {
    handle.exec(PROBE);
  } catch (error) {
    const { message } = error as Error;
    if (message.includes('within a transaction')) return 'transaction';
    if (/SQL statements in progress|busy executing a query/.test(message)) return 'statements';
  }
  return 'free';
}

interface ClosableHandle extends SqliteHandle {
  close(): unknown;
}

type OpenDatabase = new (file: string, options: object) => ClosableHandle;

/** Kept while needed: with libsql, a closed connection keeps its files open until it is garbage-collected. */
class SecondHandle {
  readonly #handle: SqliteHandle;
  readonly #createTable: string;
  #opened: ClosableHandle | undefined;
  #session: SqliteSession | undefined;

  constructor(handle: SqliteHandle, createTable: string) {
    this.#handle = handle;
    this.#createTable = createTable;
  }

  /** @returns `undefined` for an in-memory database, and where the driver opens no second handle. */
  session(): SqliteSession | undefined {
    if (this.#session) return this.#session;
    this.#opened = opened(this.#handle);
    this.#session = this.#opened && new SqliteSession(this.#opened, this.#createTable);
    return this.#session;
  }

  close(): void {
    if (this.#opened) closeQuietly(this.#opened);
    this.#opened = undefined;
    this.#session = undefined;
  }
}

function opened(handle: SqliteHandle): ClosableHandle | undefined {
  let second: ClosableHandle | undefined;
  try {
    const { constructor } = handle as unknown as { readonly constructor: OpenDatabase };
    second = new constructor(fileOf(handle), optionsOf(handle));
    if (pragma(handle, 'query_only')['query_only'] === 1) second.exec('PRAGMA query_only=ON');
    // An encrypted database, for example, cannot be read without its key.
    second.exec('SELECT 1 FROM sqlite_master LIMIT 0');
    return second;
  } catch {
    if (second) closeQuietly(second);
    return undefined;
  }
}

/** Drivers spell the option in two ways, and each refuses the other spelling. */
function optionsOf(handle: object): object {
  const { readonly } = handle as { readonly readonly?: unknown };
  return typeof readonly === 'boolean' ? { readonly, fileMustExist: true } : {};
}

/** @throws TypeError for an in-memory database. */
function fileOf(handle: SqliteHandle): string {
  const { file } = pragma(handle, 'database_list');
  if (typeof file === 'string' && file !== '') return file;
  throw new TypeError('A database in memory has no file');
}

/** The first row: the main one among the databases of a handle. */
function pragma(handle: SqliteHandle, name: string): SqliteRow {
  const [row] = handle.prepare(`PRAGMA ${name}`).all();
  return row as SqliteRow;
}

function closeQuietly(second: ClosableHandle): void {
  try {
    second.close();
  } catch {
    // It holds no lock: each of its transactions has ended.
  }
}
