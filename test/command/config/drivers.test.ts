import { createRequire, isBuiltin } from 'node:module';
import { systemClock } from '@bytelyst/field-encrypt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../command/config/config-file.js';
import { openProduct } from '../../../command/config/open-product.js';
import { CONFIG_FILE, ConfigFolder, DEFINITION } from './config-folder.js';

let made: ConfigFolder;

beforeEach(() => {
  made = new ConfigFolder();
});

afterEach(() => {
  made[Symbol.dispose]();
});

async function open(dekStore: object, documentStore?: object) {
  const notes = { definition: DEFINITION, documentStore };
  const product = { dekStore, ...(documentStore && { collections: { notes } }) };
  made.write(CONFIG_FILE, { products: { notelett: product } });
  const config = await loadConfig({ folder: made.path, env: {} });
  return openProduct(config, undefined, { clock: systemClock });
}

/** A driver that says which of its files it opened, over the one that is installed. */
function installDriver(name: string): void {
  const main = `
    const Database = require(${JSON.stringify(createRequire(import.meta.url).resolve('libsql'))});
    module.exports = class extends Database {
      constructor(file) { super(file); (globalThis.openedFiles ??= []).push('${name}'); }
    };`;
  made.write(`node_modules/${name}/package.json`, { name, version: '1.0.0', main: 'main.cjs' });
  made.write(`node_modules/${name}/main.cjs`, main);
}

function openedFiles(): readonly string[] {
  const holder = globalThis as { openedFiles?: string[] };
  const files = holder.openedFiles ?? [];
  delete holder.openedFiles;
  return files;
}

describe('the driver of SQLite', () => {
  it('is the first that is installed beside the configuration, and opens each file once', async () => {
    made.database('keys.db');
    installDriver('better-sqlite3');
    const file = { type: 'sqlite', file: 'keys.db' };
    const product = await open(file, { ...file, table: 'notes' });
    await product.search();
    await product.collection('notes');
    expect(openedFiles()).toEqual(['better-sqlite3']);
    await product.close();
  });

  it('is that of this package where none is installed beside the configuration', async () => {
    made.database('keys.db');
    const product = await open({ type: 'sqlite', file: 'keys.db', driver: 'libsql' });
    const { dekStore } = await product.search();
    expect(await dekStore.count({ product: 'notelett' })).toBe(0);
    await product.close();
  });

  it('is refused where it is not installed', async () => {
    made.database('keys.db');
    const product = await open({ type: 'sqlite', file: 'keys.db', driver: 'better-sqlite3' });
    await expect(product.search()).rejects.toThrow(
      `products.notelett.dekStore.driver: better-sqlite3 is not installed in ${made.path}: run npm install better-sqlite3`,
    );
  });

  it.skipIf(isBuiltin('node:sqlite'))('is refused where Node does not have it', async () => {
    made.database('keys.db');
    const product = await open({ type: 'sqlite', file: 'keys.db', driver: 'node:sqlite' });
    await expect(product.search()).rejects.toThrow(
      `products.notelett.dekStore.driver: Node ${process.versions.node} has no node:sqlite: use Node 22.13 or later, or better-sqlite3`,
    );
  });

  it('is refused where it cannot be loaded', async () => {
    made.database('keys.db');
    made.write(
      'node_modules/better-sqlite3/index.js',
      'throw new Error("no binary for this platform")',
    );
    const product = await open({ type: 'sqlite', file: 'keys.db' });
    await expect(product.search()).rejects.toThrow(
      'products.notelett.dekStore: the driver better-sqlite3 cannot be loaded: no binary for this platform',
    );
  });

  it('is one for all stores in a file: two copies of SQLite release the locks of each other', async () => {
    made.database('keys.db');
    installDriver('better-sqlite3');
    const file = { type: 'sqlite', file: 'keys.db' };
    const product = await open(file, { ...file, table: 'notes', driver: 'libsql' });
    await product.search();
    await expect(product.collection('notes')).rejects.toThrow(
      'products.notelett.collections.notes.documentStore.driver: the file is already open with better-sqlite3: use one driver for all stores in a file',
    );
    await product.close();
    openedFiles();
  });
});

describe('a file of SQLite', () => {
  it('is refused where it is not there, and not created', async () => {
    const product = await open({ type: 'sqlite', file: 'none.db' });
    await expect(product.search()).rejects.toThrow(
      `products.notelett.dekStore.file: ${made.path}/none.db is not there: SQLite would create an empty one; correct the path, which is relative to the configuration file`,
    );
  });

  it('is refused where it is a folder', async () => {
    const product = await open({ type: 'sqlite', file: '.' });
    await expect(product.search()).rejects.toThrow(
      `products.notelett.dekStore.file: ${made.path} is no file; correct the path, which is relative to the configuration file`,
    );
  });

  it('is refused where no file can have its name', async () => {
    const product = await open({ type: 'sqlite', file: 'keys\0.db' });
    await expect(product.search()).rejects.toThrow(
      `products.notelett.dekStore.file: ${made.path}/keys\0.db is not there`,
    );
  });

  it('is refused where it is something else', async () => {
    made.write(
      'keys.db',
      'something else that is long enough to be no header of SQLite'.repeat(20),
    );
    const product = await open({ type: 'sqlite', file: 'keys.db' });
    await expect(product.search()).rejects.toThrow(
      'products.notelett.dekStore.file: the file is not a SQLite database, or is damaged',
    );
  });
});
