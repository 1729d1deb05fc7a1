/** Loads a SQLite driver that is installed beside the configuration or beside this package. @module */
import { createRequire, isBuiltin } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SqliteHandle } from '@bytelyst/field-encrypt/sqlite';
import { UsageError } from '../command-line/usage-error.js';
import { ownFolder } from './package-copy.js';
import { DRIVERS, type Driver } from './settings.js';

export interface ClosableHandle extends SqliteHandle {
  close(): unknown;
}

type OpenFile = new (file: string) => ClosableHandle;

export interface LoadedDriver {
  readonly name: Driver;
  readonly open: (file: string) => ClosableHandle;
}

export interface DriverPlace {
  /** The path of the settings. */
  readonly path: string;
  /** The folder of the configuration. */
  readonly folder: string;
}

/** @returns The first driver that is installed, or nothing. */
export function installedDriver(folder: string): Driver | undefined {
  return DRIVERS.find((name) => locate(name, folder) !== undefined);
}

/**
 * @param driver - As it is configured.
 * @throws UsageError where it is not installed, or cannot be loaded.
 */
export async function loadDriver(
  { path, folder }: DriverPlace,
  driver: Driver | undefined,
): Promise<LoadedDriver> {
  const name = driver ?? installedDriver(folder);
  const location = name && locate(name, folder);
  if (name === undefined || location === undefined) throw notInstalled(path, folder, driver);
  const Database = await importDriver(path, name, location);
  return { name, open: (file) => new Database(file) };
}

async function importDriver(path: string, name: Driver, location: string): Promise<OpenFile> {
  try {
    const loaded = (await import(location)) as Readonly<Record<string, unknown>>;
    return (loaded['DatabaseSync'] ?? loaded['default']) as OpenFile;
  } catch (error) {
    const [line] = String(error instanceof Error ? error.message : error).split('\n', 1);
    throw new UsageError(`${path}: the driver ${name} cannot be loaded: ${String(line)}`);
  }
}

/** @returns What `import()` takes. */
function locate(name: Driver, folder: string): string | undefined {
  if (name === 'node:sqlite') return isBuiltin(name) ? name : undefined;
  for (const start of [folder, ownFolder()]) {
    try {
      return pathToFileURL(createRequire(join(start, 'any.js')).resolve(name)).href;
    } catch {
      // The next place is asked.
    }
  }
  return undefined;
}

function notInstalled(path: string, folder: string, driver: Driver | undefined): UsageError {
  if (driver === 'node:sqlite') {
    return new UsageError(
      `${path}.driver: Node ${process.versions.node} has no node:sqlite: use Node 22.13 or later, or better-sqlite3`,
    );
  }
  const missing = driver === undefined ? 'no SQLite driver is' : `${driver} is not`;
  const where = driver === undefined ? path : `${path}.driver`;
  return new UsageError(
    `${where}: ${missing} installed in ${folder}: run npm install ${driver ?? 'better-sqlite3'}`,
  );
}
