/** What is in the file as plain SQL sees it, without the library. @module */
import { createHash } from 'node:crypto';
import Database from 'libsql';

/** A digest of each stored note, by its key. */
export type StoredBytes = ReadonlyMap<string, string>;

interface NoteRow {
  readonly document_key: string;
  readonly etag: string;
  readonly document: string;
}

export function readStoredBytes(file: string): StoredBytes {
  const rows = query<NoteRow>(file, 'SELECT document_key, etag, document FROM notes');
  return new Map(rows.map((row) => [row.document_key, digestOf(row)]));
}

/** Notes that are gone count as changed; new ones do not count. */
export function countChanged(before: StoredBytes, after: StoredBytes): number {
  return [...before].filter(([key, digest]) => after.get(key) !== digest).length;
}

/** What an operator asks after a rotation. */
export function countKeysUnder(mekVersion: string, file: string): number {
  const sql = 'SELECT COUNT(*) AS total FROM dek_store WHERE type = ? AND mek_version = ?';
  return query<{ total: number }>(file, sql, ['dek', mekVersion])[0]?.total ?? 0;
}

function query<Row>(file: string, sql: string, values: readonly string[] = []): Row[] {
  const database = new Database(file);
  try {
    return database.prepare(sql).all(...values) as Row[];
  } finally {
    database.close();
  }
}

function digestOf({ etag, document }: NoteRow): string {
  return createHash('sha256').update(etag).update('\n').update(document).digest('base64');
}
