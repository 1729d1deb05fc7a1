import { join } from 'node:path';
import Database from 'libsql';
import { makeMasterKeys } from './master-keys.js';
import { ScriptProcess } from './script-process.js';
import type { Observations, Setting, Variables } from './setting.js';
import { storedDigest, type StoredBytes } from './stored-bytes.js';

interface NoteRow {
  readonly document_key: string;
  readonly etag: string;
  readonly document: string;
}

/** Everything in one SQLite file; keys come and go with environment variables. */
export class SqliteSetting implements Setting {
  readonly introduction: readonly string[] = [];
  readonly cachedKeys = 500;
  readonly everywhere = 'in any file';
  readonly place: string;
  readonly #folder: string;
  readonly #keys = makeMasterKeys();

  constructor(folder: string) {
    this.#folder = folder;
    this.place = join(folder, 'notes.sqlite');
  }

  get oldKeyAlone(): Variables {
    return this.#keys.oldKeyAlone;
  }

  /** SQLite overwrites neither pages that it frees nor its log, until it has to. */
  eraseWhatWasReplaced(): Promise<void> {
    const database = new Database(this.place);
    database.exec('VACUUM');
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    database.close();
    return Promise.resolve();
  }

  addNewKey(): Promise<Variables> {
    return Promise.resolve(this.#keys.bothKeys);
  }

  withdrawOldKey(): Promise<Variables> {
    return Promise.resolve(this.#keys.newKeyAlone);
  }

  readStoredBytes(): Promise<StoredBytes> {
    const rows = this.#query<NoteRow>('SELECT document_key, etag, document FROM notes');
    return Promise.resolve(new Map(rows.map(entryOf)));
  }

  countKeysUnder(mekVersion: string): Promise<number> {
    const sql = 'SELECT COUNT(*) AS total FROM dek_store WHERE type = ? AND mek_version = ?';
    const [row] = this.#query<{ total: number }>(sql, ['dek', mekVersion]);
    return Promise.resolve(row?.total ?? 0);
  }

  countShreddedKeys(): Promise<number> {
    const [row] = this.#query<{ total: number }>(
      "SELECT COUNT(*) AS total FROM dek_store WHERE state = 'shredded'",
    );
    return Promise.resolve(row?.total ?? 0);
  }

  async findInClear(passages: readonly string[]): Promise<readonly string[]> {
    const search = new ScriptProcess('search-files.ts', [this.#folder], {});
    search.say(JSON.stringify(passages));
    const found = JSON.parse(await search.nextLine()) as string[];
    search.hangUp();
    return found;
  }

  observe(): Promise<Observations> {
    return Promise.resolve({ claims: [], figures: {} });
  }

  #query<Row>(sql: string, values: readonly string[] = []): Row[] {
    const database = new Database(this.place);
    try {
      return database.prepare(sql).all(...values) as Row[];
    } finally {
      database.close();
    }
  }
}

function entryOf({ document_key: key, etag, document }: NoteRow): [key: string, digest: string] {
  return [key, storedDigest(etag, document)];
}
