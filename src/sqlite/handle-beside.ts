/** A second connection to the file of a handle, for as long as that one cannot be used. @module */
import type { SqliteHandle } from './sqlite-handle.js';
import { SqliteSession, type SqliteRow } from './sqlite-session.js';

interface ClosableHandle extends SqliteHandle {
  close(): unknown;
}

type OpenDatabase = new (file: string, options: object) => ClosableHandle;

/** Kept while it is needed: with libsql, a connection that was closed keeps its files until it is collected. */
export class BesideHandle {
  readonly #handle: SqliteHandle;
  readonly #createTable: string;
  #opened: ClosableHandle | undefined;
  #session: SqliteSession | undefined;

  constructor(handle: SqliteHandle, createTable: string) {
    this.#handle = handle;
    this.#createTable = createTable;
  }

  /** @returns `undefined` for a database in memory, and where the driver opens no second handle. */
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
  let beside: ClosableHandle | undefined;
  try {
    const { constructor } = handle as unknown as { readonly constructor: OpenDatabase };
    beside = new constructor(fileOf(handle), optionsOf(handle));
    if (pragma(handle, 'query_only')['query_only'] === 1) beside.exec('PRAGMA query_only=ON');
    // One that needs a key, say, cannot be read.
    beside.exec('SELECT 1 FROM sqlite_master LIMIT 0');
    return beside;
  } catch {
    if (beside) closeQuietly(beside);
    return undefined;
  }
}

/** Drivers spell it in two ways, and refuse the other one's. */
function optionsOf(handle: object): object {
  const { readonly } = handle as { readonly readonly?: unknown };
  return typeof readonly === 'boolean' ? { readonly, fileMustExist: true } : {};
}

/** @throws TypeError for a database in memory. */
function fileOf(handle: SqliteHandle): string {
  const { file } = pragma(handle, 'database_list');
  if (typeof file === 'string' && file !== '') return file;
  throw new TypeError('A database in memory has no file');
}

/** The first row: of all databases of a handle, the main one. */
function pragma(handle: SqliteHandle, name: string): SqliteRow {
  const [row] = handle.prepare(`PRAGMA ${name}`).all();
  return row as SqliteRow;
}

function closeQuietly(beside: ClosableHandle): void {
  try {
    beside.close();
  } catch {
    // It holds nothing: each of its transactions has ended.
  }
}
