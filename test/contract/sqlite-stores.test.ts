import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, it } from 'vitest';
import { SqliteDekStore, SqliteDocumentStore, type SqliteHandle } from '../../src/sqlite/index.js';
import {
  CONTRACT_DOCUMENT_KEY,
  dekStoreContract,
  documentStoreContract,
  type DekStoreSubject,
  type DocumentStoreSubject,
} from '../../src/testing/index.js';

type OpenHandle = SqliteHandle & { close(): void };

interface NodeSqlite {
  readonly DatabaseSync: new (path: string) => OpenHandle;
}

/** A file of its own, and any number of connections to it. */
class TemporaryFile {
  readonly #directory = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
  readonly #handles: OpenHandle[] = [];
  readonly #openAt: (path: string) => OpenHandle;

  constructor(openAt: (path: string) => OpenHandle) {
    this.#openAt = openAt;
  }

  open(): OpenHandle {
    const handle = this.#openAt(join(this.#directory, 'store.db'));
    this.#handles.push(handle);
    return handle;
  }

  dispose(): void {
    for (const handle of this.#handles) handle.close();
    rmSync(this.#directory, { recursive: true });
  }
}

function makeDekSubject(file: TemporaryFile): DekStoreSubject {
  return {
    store: new SqliteDekStore(file.open()),
    reopen: () => new SqliteDekStore(file.open()),
    breakReads: () => void file.open().exec('DROP TABLE dek_store'),
    dispose: () => {
      file.dispose();
    },
  };
}

function makeDocumentSubject(file: TemporaryFile): DocumentStoreSubject {
  const key = CONTRACT_DOCUMENT_KEY;
  return {
    store: new SqliteDocumentStore(file.open(), { table: 'notes', key }),
    breakReads: () => void file.open().exec('DROP TABLE notes'),
    dispose: () => {
      file.dispose();
    },
  };
}

function describeStores(driver: string, openAt: (path: string) => OpenHandle): void {
  const dekCases = dekStoreContract(() => makeDekSubject(new TemporaryFile(openAt)));
  describe(`SqliteDekStore on ${driver}`, () => {
    for (const { rule, name, run } of dekCases) it(`${rule} ${name}`, run);
  });

  const documentCases = documentStoreContract(() => makeDocumentSubject(new TemporaryFile(openAt)));
  describe(`SqliteDocumentStore on ${driver}`, () => {
    for (const { rule, name, run } of documentCases) it(`${rule} ${name}`, run);
  });
}

describeStores('libsql', (path) => new Database(path));

const nodeSqlite = process.getBuiltinModule('node:sqlite') as NodeSqlite | undefined;
if (nodeSqlite) {
  describeStores('node:sqlite', (path) => new nodeSqlite.DatabaseSync(path));
} else {
  console.log(`skipped: Node ${process.version} has no node:sqlite`);
}
