/** Folders with a configuration and with SQLite files. @module */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SqliteHandle } from '@bytelyst/field-encrypt/sqlite';

/** The folder of this package. */
export const ROOT = join(import.meta.dirname, '../../..');

export const CONFIG_FILE = 'encrypt-migrate.config.json';

/** As the document store makes it. */
const TABLE_OF_NOTES = `CREATE TABLE "notes" (
  document_key TEXT NOT NULL PRIMARY KEY, etag TEXT NOT NULL, document TEXT NOT NULL
)`;

export class ConfigFolder implements Disposable {
  readonly path: string;

  constructor() {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), 'field-encrypt-config-')));
  }

  /** @returns The path of the file. */
  write(name: string, content: unknown): string {
    const file = join(this.path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  }

  /** A database without a row; the application has made its table of notes. */
  database(name: string): string {
    const file = this.write(name, '');
    const handle = rawDatabase(file);
    handle.exec(TABLE_OF_NOTES);
    handle.close();
    return file;
  }

  /** Makes a package that is installed here one of the folder's. */
  install(
    name: string,
    from = name === '@bytelyst/field-encrypt' ? ROOT : installedAt(name),
  ): void {
    const link = join(this.path, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(from, link);
  }

  /**
   * Installs the built package and nothing else that it could use.
   *
   * @returns The folder of the package.
   */
  installCopy(folder: string): string {
    const modules = join(this.path, folder, 'node_modules');
    const copy = join(modules, '@bytelyst/field-encrypt');
    mkdirSync(copy, { recursive: true });
    cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
    symlinkSync(installedAt('lru-cache'), join(modules, 'lru-cache'));
    return copy;
  }

  files(): readonly string[] {
    // With `withFileTypes`, links are not followed: that to the library leads back to its own `node_modules`.
    const entries = readdirSync(this.path, { recursive: true, withFileTypes: true });
    return entries.map(({ parentPath, name }) => join(parentPath, name)).sort();
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function installedAt(name: string): string {
  return join(ROOT, 'node_modules', name);
}

export interface RawHandle extends SqliteHandle {
  close(): unknown;
}

/** The file, past the library. */
export function rawDatabase(file: string): RawHandle {
  const Database = createRequire(import.meta.url)('libsql') as new (file: string) => RawHandle;
  return new Database(file);
}

/** A product over one SQLite file, with its MEK in `MEK`. */
export const PRODUCT = {
  providers: [{ type: 'env', key: { env: 'MEK' } }],
  dekStore: { type: 'sqlite', file: 'keys.db' },
};

export const DOCUMENTS = { type: 'sqlite', file: 'notes.db', table: 'notes' };
export const DEFINITION = { key: ['workspaceId', 'id'], fields: ['title', 'tags[]'] };
