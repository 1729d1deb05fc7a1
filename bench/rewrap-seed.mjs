/** SQLite files full of DEK rows, put together after docs/format.md: that takes seconds. @module */
import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { hkdf, tuple } from './format.mjs';
import { mekFrom, PRODUCT } from './rewrap-rotation.mjs';

const DEK_BYTES = 32;
const NOW = new Date().toISOString();

/** A file with the given number of rows and their rotation record, all under the MEK. */
export async function seedFile(file, count, mekHex) {
  const database = new Database(file);
  // The library makes the table, so that it is the one that it would use.
  await new SqliteDekStore(database).count({ product: PRODUCT });
  database.exec('BEGIN');
  insertAll(database, itemsOf(count, mekFrom(mekHex)));
  database.exec('COMMIT');
  // All of it into the one file, which can be copied then.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}

function insertAll(database, items) {
  const insert = database.prepare(`INSERT INTO dek_store
    (type, product, state, mek_version, etag, item, scope_id, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  for (const item of items) {
    const { type, product, state, mekVersion, scopeId, id } = item;
    insert.run(type, product, state, mekVersion, randomUUID(), JSON.stringify(item), scopeId, id);
  }
}

function* itemsOf(count, mek) {
  yield recordUnder(mek);
  const deks = randomBytes(DEK_BYTES * count);
  const scopes = Array.from({ length: count }, (_, index) => scopeOf(index));
  // In the order of the primary key, which is many times as fast.
  scopes.sort((one, other) => (one.scopeId < other.scopeId ? -1 : 1));
  for (const [index, scope] of scopes.entries()) {
    yield rowOf(scope, deks.subarray(DEK_BYTES * index, DEK_BYTES * (index + 1)), mek);
  }
}

function scopeOf(index) {
  const scope = ['notes', 'workspace-1', `note-${index}`];
  const named = tuple('field-encrypt/v1/scope', 'document', PRODUCT, ...scope);
  return { scopeId: createHash('sha256').update(named).digest('hex').slice(0, 32), scope };
}

function rowOf({ scopeId, scope }, dek, mek) {
  const id = `${scopeId}.1`;
  const commitment = hkdf(dek, 'field-encrypt/v1/commitment', PRODUCT, id).toString('base64url');
  const head = { id, scopeId, scopeKind: 'document', scope, type: 'dek', schema: 1 };
  const life = { product: PRODUCT, generation: 1, state: 'active', epoch: 1, createdAt: NOW };
  return { ...head, ...life, ...wrapOf(dek, mek), commitment };
}

function wrapOf(dek, { key, mekVersion }) {
  const cipher = createCipheriv('id-aes256-wrap', key, Buffer.alloc(8, 0xa6));
  const wrappedDek = cipher.update(dek).toString('base64url');
  return { wrappedDek, wrapAlgorithm: 'A256KW', keyProvider: 'env', mekName: 'env', mekVersion };
}

function recordUnder({ mekVersion }) {
  const head = { id: 'rotation', scopeId: `rotation:${PRODUCT}`, type: 'rotation', schema: 1 };
  const mek = { keyProvider: 'env', mekName: 'env', mekVersion };
  const state = { state: 'complete', epoch: 1, generationFloor: 1, history: [] };
  // The shortest fence that there is.
  const times = { fenceTtlMs: 1_000, startedAt: NOW, completedAt: NOW };
  return { ...head, product: PRODUCT, ...mek, ...state, ...times };
}
