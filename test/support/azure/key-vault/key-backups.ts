/** Backups of keys: only a vault can read one, and every vault of this process can. @module */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { badParameter } from './refusal.js';
import type { StoredKey } from './vault.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** As the key that the vaults of one region share. */
const sealingKey = randomBytes(32);
const kept = new Map<string, StoredKey>();

/** @returns Bytes that only a vault can read; other ones each time. */
export function backupOf(key: StoredKey): Buffer {
  const id = randomBytes(16).toString('hex');
  kept.set(id, key);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, sealingKey, nonce, { authTagLength: TAG_BYTES });
  const sealed = Buffer.concat([cipher.update(`${id} ${key.name}`), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
}

/** The key as it was, under its own name and with all its versions. */
export function keyInBackup(blob: Buffer): StoredKey {
  const key = kept.get(idIn(blob));
  if (!key) throw badParameter('The backup is not one of this service, or was changed.');
  return key;
}

function idIn(blob: Buffer): string {
  try {
    const nonce = blob.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, sealingKey, nonce, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(blob.subarray(-TAG_BYTES));
    const opened = decipher.update(blob.subarray(NONCE_BYTES, -TAG_BYTES));
    const [id = ''] = Buffer.concat([opened, decipher.final()]).toString().split(' ');
    return id;
  } catch {
    return '';
  }
}
