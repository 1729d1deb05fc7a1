/** The rotation that is measured: its parameters for both sides, as in docs/format.md. @module */
import { createSecretKey, randomBytes } from 'node:crypto';
import { hkdf } from './format.mjs';

export const PRODUCT = 'bench';
const MEK_BYTES = 32;

/** What a side gets as its argument: two MEKs of the env provider, in hex. */
export function newMeks() {
  const [source, target] = [randomBytes(MEK_BYTES), randomBytes(MEK_BYTES)];
  return { source: source.toString('hex'), target: target.toString('hex') };
}

export function mekFrom(hex) {
  const bytes = Buffer.from(hex, 'hex');
  const id = hkdf(bytes, 'field-encrypt/v1/mek-id').toString('hex').slice(0, 16);
  return { key: createSecretKey(bytes), mekVersion: `env-${id}` };
}
