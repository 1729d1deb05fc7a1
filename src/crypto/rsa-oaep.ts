/** RSA-OAEP with SHA-256 and MGF1-SHA-256 under a public key: RFC 8017 §7.1.1. @module */
import { constants, createPublicKey, publicEncrypt, type KeyObject } from 'node:crypto';
import { encodeBase64url } from './base64url.js';

/** @param modulus - Big-endian, as in a JWK's `n`; the exponent likewise. */
export function importRsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): KeyObject {
  const n = encodeBase64url(modulus);
  const e = encodeBase64url(exponent);
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
}

export function rsaOaep256Wrap(publicKey: KeyObject, key: Uint8Array): Buffer {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return publicEncrypt({ key: publicKey, padding, oaepHash: 'sha256' }, key);
}
