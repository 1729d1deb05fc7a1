/**
 * What a backfill is measured against: a plain loop that reads a note, seals its fields and replaces it.
 *
 * It leaves DEK rows and notes as the library does, each in a transaction of its own and as durably,
 * but goes through them once, checks nothing and reads no record.
 *
 * @module
 */
import { createCipheriv, createHash, createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { hkdf, tuple } from './format.mjs';

const SETTINGS = ['busy_timeout=20', 'journal_mode=WAL', 'synchronous=FULL'];
const PAGE_SIZE = 200;
const FIELDS = ['title', 'body'];
const IV = Buffer.alloc(8, 0xa6);

/**
 * @param plan - `{ product, mek, mekVersion, hasDeks }`; without DEKs, one key seals all notes.
 * @returns An iterator that works through a page at a time, and gives how many notes it had.
 */
export function backfillPlainly(database, plan) {
  for (const setting of SETTINGS) database.exec(`PRAGMA ${setting}`);
  const dekOf = plan.hasDeks ? dekMaker(database, plan) : sharedDek(plan);
  return backfillPages(database, plan, dekOf);
}

function* backfillPages(database, { product, mekVersion }, dekOf) {
  const select = database.prepare(`SELECT document_key, etag, document FROM notes
    WHERE document_key > ? ORDER BY document_key LIMIT ?`);
  const update = database.prepare(`UPDATE notes SET etag = ?, document = ?
    WHERE document_key = ? AND etag = ?`);
  let last = '';
  for (;;) {
    const page = select.all(last, PAGE_SIZE);
    if (page.length === 0) return;
    for (const { document_key, etag, document } of page) {
      const note = JSON.parse(document);
      sealFields(note, { product, mekVersion, ...dekOf(note) });
      const values = [randomUUID(), JSON.stringify(note), document_key, etag];
      if (update.run(...values).changes !== 1)
        throw new Error(`Someone else wrote ${document_key}`);
    }
    yield page.length;
    last = page.at(-1).document_key;
  }
}

function sealFields(note, { product, mekVersion, key, dekId }) {
  const place = tuple(note.workspaceId, note.id);
  for (const path of FIELDS) {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    cipher.setAAD(tuple('field-encrypt/v1/field', product, 'notes', place, path, dekId));
    const sealed = cipher.update(`\u0001${note[path]}`, 'utf8');
    cipher.final();
    const ct = Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url');
    note[path] = { _enc: 1, dekId, mekVersion, ct };
  }
}

function sharedDek() {
  const shared = { key: createSecretKey(randomBytes(32)), dekId: `${'0'.repeat(32)}.1` };
  return () => shared;
}

function dekMaker(database, { product, mek, mekVersion }) {
  const insert = database.prepare(`INSERT INTO dek_store
    (type, product, state, mek_version, etag, item, scope_id, id)
    VALUES ('dek', ?, 'active', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`);
  return ({ workspaceId, id }) => {
    const dek = randomBytes(32);
    const row = rowOf(dek, ['notes', workspaceId, id], { product, mek, mekVersion });
    insert.run(product, mekVersion, randomUUID(), JSON.stringify(row), row.scopeId, row.id);
    const place = ['notes', tuple(workspaceId, id)];
    const fieldKey = hkdf(dek, 'field-encrypt/v1/field-key', product, row.id, ...place);
    return { key: createSecretKey(fieldKey), dekId: row.id };
  };
}

function rowOf(dek, scope, { product, mek, mekVersion }) {
  const named = tuple('field-encrypt/v1/scope', 'document', product, ...scope);
  const scopeId = createHash('sha256').update(named).digest('hex').slice(0, 32);
  const id = `${scopeId}.1`;
  const cipher = createCipheriv('id-aes256-wrap', mek, IV);
  const wrappedDek = cipher.update(dek).toString('base64url');
  cipher.final();
  const commitment = hkdf(dek, 'field-encrypt/v1/commitment', product, id).toString('base64url');
  const head = { id, scopeId, scopeKind: 'document', scope, type: 'dek', schema: 1, product };
  const life = { generation: 1, state: 'active', epoch: 1, createdAt: new Date().toISOString() };
  const wrap = {
    wrappedDek,
    wrapAlgorithm: 'A256KW',
    keyProvider: 'env',
    mekName: 'env',
    mekVersion,
  };
  return { ...head, ...life, ...wrap, commitment };
}
