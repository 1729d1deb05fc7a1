/** Stores in a SQLite file, for any driver with the interface of better-sqlite3. @module */
export { SqliteDekStore, type SqliteDekStoreOptions } from './sqlite-dek-store.js';
export { SqliteDocumentStore, type SqliteDocumentStoreOptions } from './sqlite-document-store.js';
export type { SqliteHandle, SqliteStatement, SqliteValue } from './sqlite-handle.js';
