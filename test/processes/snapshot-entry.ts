/** Seals while a V8 startup snapshot is built, and again in each process that starts from it. @module */
import { createSecretKey, randomBytes } from 'node:crypto';
import { startupSnapshot } from 'node:v8';
import { sealToText } from '../../src/crypto/aes.js';
import { newEtag } from '../../src/sqlite/stored-json.js';

const NONCE_LENGTH = 16;
const SEALS = 400;

function nonce(): string {
  const key = createSecretKey(randomBytes(32));
  const plaintext = { marker: 1, payload: 'text' };
  return sealToText(key, plaintext, Buffer.alloc(1)).slice(0, NONCE_LENGTH);
}

function noncesOf(count: number): string[] {
  return Array.from({ length: count }, nonce);
}

const built = { nonces: noncesOf(10), etags: [newEtag()] };
startupSnapshot.addSerializeCallback(() => {
  built.nonces.push(...noncesOf(10));
  built.etags.push(newEtag());
});

startupSnapshot.setDeserializeMainFunction(() => {
  const started = { nonces: noncesOf(SEALS), etags: [newEtag()] };
  console.log(JSON.stringify({ built, started }));
});
