/** SQLite files that are open: one handle for each, whatever number of stores is in it. @module */
import { type BigIntStats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';
import type { SqliteSettings } from './settings.js';
import { loadDriver, type ClosableHandle, type LoadedDriver } from './sqlite-drivers.js';
import { at, sourceOf, ValueReader } from './value-reader.js';
import type { OpeningContext } from './opening.js';

const QUERY_ONLY = 'PRAGMA query_only = ON';

export interface OpenSqliteFile {
  readonly handle: ClosableHandle;
  /** Of the file itself, whatever its names are. */
  readonly identity: string;
  readonly file: string;
  /**
   * @param create - Creates the table.
   * @returns A handle with the table: where nothing may be written and the file has no such table, it is an
   *   empty one in memory.
   */
  handleFor(
    table: string,
    create: (handle: ClosableHandle) => Promise<unknown>,
  ): Promise<ClosableHandle>;
}

export function hasTable(handle: ClosableHandle, table: string): boolean {
  const sql = "SELECT 1 AS one FROM sqlite_master WHERE type = 'table' AND name = ?";
  return handle.prepare(sql).all(table).length > 0;
}

interface SharedFile extends OpenSqliteFile {
  readonly driver: LoadedDriver;
}

export class SqliteFiles {
  readonly #context: OpeningContext;
  readonly #open = new Map<string, Promise<SharedFile>>();
  readonly #empty: ClosableHandle[] = [];

  constructor(context: OpeningContext) {
    this.#context = context;
  }

  /** @throws UsageError where the file is not there: SQLite would create an empty one. */
  async open(path: string, { file: given, driver }: SqliteSettings): Promise<OpenSqliteFile> {
    const { env, folder } = this.#context.config;
    const reader = new ValueReader(env);
    const file = resolve(folder, reader.text(at(path, 'file'), given));
    reader.finish();
    const what = typeof given === 'string' ? file : `the file of ${sourceOf(given)}`;
    const stats = statsOf(file);
    if (!stats?.isFile()) {
      const problem = stats ? 'is no file' : 'is not there: SQLite would create an empty one';
      throw new UsageError(
        `${at(path, 'file')}: ${what} ${problem}; correct the path, which is relative to the configuration file`,
      );
    }
    const identity = `${String(stats.dev)}:${String(stats.ino)}`;
    const opened = this.#open.get(identity) ?? this.#start(path, { file, identity, driver });
    this.#open.set(identity, opened);
    const shared = await opened;
    if (driver === undefined || driver === shared.driver.name) return { ...shared, file };
    // Two copies of SQLite in one process release each other's locks on a file.
    throw new UsageError(
      `${at(path, 'driver')}: the file is already open with ${shared.driver.name}: use one driver for all stores in a file`,
    );
  }

  async close(): Promise<void> {
    for (const handle of this.#empty) handle.close();
    await closeAll(this.#open, ({ handle }) => handle.close());
  }

  async #start(
    path: string,
    { file, identity, driver }: Pick<SqliteSettings, 'driver'> & { file: string; identity: string },
  ): Promise<SharedFile> {
    const { folder } = this.#context.config;
    const loaded = await loadDriver({ path, folder }, driver);
    const handle = loaded.open(file);
    try {
      handle.exec('PRAGMA schema_version');
      if (this.#context.readOnly) handle.exec(QUERY_ONLY);
    } catch (error) {
      handle.close();
      throw notADatabase(path, error);
    }
    const handleFor: OpenSqliteFile['handleFor'] = async (table, create) => {
      if (!this.#context.readOnly || hasTable(handle, table)) return handle;
      const empty = loaded.open(':memory:');
      this.#empty.push(empty);
      await create(empty);
      empty.exec(QUERY_ONLY);
      return empty;
    };
    return { handle, identity, file, driver: loaded, handleFor };
  }
}

/** Those that failed to open are not there to be closed. */
export async function closeAll<T>(
  opened: ReadonlyMap<string, Promise<T>>,
  close: (one: T) => unknown,
): Promise<void> {
  for (const one of await Promise.allSettled(opened.values())) {
    if (one.status === 'fulfilled') close(one.value);
  }
}

function statsOf(file: string): BigIntStats | undefined {
  // Node refuses such a path with an error that does not say where it is from.
  if (file.includes('\0')) return undefined;
  return statSync(file, { throwIfNoEntry: false, bigint: true });
}

function notADatabase(path: string, error: unknown): unknown {
  const { message } = error as Error;
  if (!message.includes('not a database')) return error;
  return new UsageError(`${at(path, 'file')}: the file is not a SQLite database, or is damaged`);
}
