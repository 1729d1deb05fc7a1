/** RSA1_5 decryption, which Node no longer offers. @module */
import { constants, privateDecrypt, type KeyObject } from 'node:crypto';

const LEAST_PADDING = 8;

/** Throws for whatever is not padded as PKCS #1 v1.5 says. */
export function rsaes15Decrypt(key: KeyObject, ciphertext: Buffer): Buffer {
  const padded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext);
  const end = padded.indexOf(0, 2);
  if (padded[0] !== 0 || padded[1] !== 2 || end < 2 + LEAST_PADDING) {
    throw new Error('The padding is not that of RSA1_5');
  }
  return padded.subarray(end + 1);
}
