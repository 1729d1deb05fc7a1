/**
 * What a rewrap is measured against: a plain loop that reads, unwraps, wraps, and compares and sets.
 *
 * It leaves the rows as the library does and as durably, but goes through them once, checks nothing and reads
 * no record. Each row is a transaction of its own: the store's calls that wait at the same time share one.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomUUID } from 'node:crypto';

const SETTINGS = ['busy_timeout=20', 'journal_mode=WAL', 'synchronous=FULL'];
const ALGORITHM = 'id-aes256-wrap';
const IV = Buffer.alloc(8, 0xa6);
const PAGE_SIZE = 200;

/**
 * @param rotation - `{ product, source, target, mekVersion, epoch }`, the first two MEKs as keys.
 * @returns An iterator that works through a page at a time, and gives how many rows it had.
 */
export function rewrapPlainly(database, rotation) {
  for (const setting of SETTINGS) database.exec(`PRAGMA ${setting}`);
  const select = database.prepare(`SELECT scope_id, id, etag, item FROM dek_store
    WHERE type = 'dek' AND product = ? AND (scope_id, id) > (?, ?) ORDER BY scope_id, id LIMIT ?`);
  const update = database.prepare(`UPDATE dek_store SET mek_version = ?, etag = ?, item = ?
    WHERE scope_id = ? AND id = ? AND etag = ?`);
  return rewrapPages(select, update, rotation);
}

function* rewrapPages(select, update, rotation) {
  let last = { scope_id: '', id: '' };
  for (;;) {
    const page = select.all(rotation.product, last.scope_id, last.id, PAGE_SIZE);
    if (page.length === 0) return;
    for (const { scope_id, id, etag, item } of page) {
      const json = JSON.stringify(rewrapped(JSON.parse(item), rotation));
      const values = [rotation.mekVersion, randomUUID(), json, scope_id, id, etag];
      if (update.run(...values).changes !== 1) throw new Error(`Someone else wrote ${id}`);
    }
    yield page.length;
    last = page.at(-1);
  }
}

function rewrapped(row, { source, target, mekVersion, epoch }) {
  const { wrappedDek, wrapAlgorithm, keyProvider, mekName } = row;
  const previous = { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion: row.mekVersion };
  const decipher = createDecipheriv(ALGORITHM, source, IV);
  const dek = decipher.update(wrappedDek, 'base64url');
  decipher.final();
  const cipher = createCipheriv(ALGORITHM, target, IV);
  row.wrappedDek = cipher.update(dek).toString('base64url');
  cipher.final();
  row.mekVersion = mekVersion;
  row.previousWrap = { ...previous, epoch: row.epoch };
  row.epoch = epoch;
  row.rewrappedAt = new Date().toISOString();
  return row;
}
