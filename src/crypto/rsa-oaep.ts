/** RSA-OAEP with SHA-256 and MGF1-SHA-256: RFC 8017 §7.1. @module */
import {
  constants,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  type KeyObject,
} from 'node:crypto';
import { ownProperties } from '../guards/guards.js';
import { encodeBase64url } from './base64url.js';

/** @param modulus - Big-endian, as in a JWK's `n`; the exponent likewise. */
export function importRsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): KeyObject {
  const n = encodeBase64url(modulus);
  const e = encodeBase64url(exponent);
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
}

const OAEP_256 = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;

export function rsaOaep256Wrap(publicKey: KeyObject, key: Uint8Array): Buffer {
  return publicEncrypt(ownProperties({ key: publicKey, ...OAEP_256 }), key);
}

/** The key, or `undefined` when the wrap was not made for this private key or was changed. */
export function rsaOaep256Unwrap(privateKey: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  try {
    return privateDecrypt(ownProperties({ key: privateKey, ...OAEP_256 }), wrapped);
  } catch {
    return undefined;
  }
}
