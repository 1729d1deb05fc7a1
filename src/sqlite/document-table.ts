/** The table of one collection's documents, and its SQL. @module */

/** Statements of one table; the key is the text of `documentKeyText`. */
export class DocumentTable {
  readonly createTable: string;
  readonly create: string;
  readonly get: string;
  readonly replace: string;
  readonly delete: string;
  readonly listFirst: string;
  readonly listAfter: string;
  readonly count: string;

  constructor(name: string) {
    const table = `"${name}"`;
    const read = `SELECT document_key, etag, document FROM ${table}`;
    this.createTable = `CREATE TABLE IF NOT EXISTS ${table} (
      document_key TEXT NOT NULL PRIMARY KEY, etag TEXT NOT NULL, document TEXT NOT NULL
    )`;
    this.create = `INSERT INTO ${table} (etag, document, document_key) VALUES (?, ?, ?)
      ON CONFLICT DO NOTHING`;
    this.get = `${read} WHERE document_key = ?`;
    this.replace = `UPDATE ${table} SET etag = ?, document = ?
      WHERE document_key = ? AND etag = ?`;
    this.delete = `DELETE FROM ${table} WHERE document_key = ? AND etag = ?`;
    this.listFirst = `${read} ORDER BY document_key LIMIT ?`;
    this.listAfter = `${read} WHERE document_key > ? ORDER BY document_key LIMIT ?`;
    this.count = `SELECT COUNT(*) AS total FROM ${table}`;
  }
}
