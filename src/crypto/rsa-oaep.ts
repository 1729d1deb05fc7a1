/** RSA public keys, and RSA-OAEP with SHA-256 and MGF1-SHA-256: RFC 8017 §7.1. @module */
import {
  constants,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  type KeyObject,
  createPrivateKey,
  hash,
} from 'node:crypto';
import { ownProperties } from '../guards/guards.js';
import { encodeBase64url } from './key-schedule.js';

/** A wrap is as long as the modulus: docs/format.md defines no other lengths. */
const RSA_MODULUS_BITS: readonly number[] = [2048, 3072, 4096];
const LEAST_RSA_EXPONENT = 65_537n;

const ONE_BLOCK = /^-----BEGIN (?:RSA )?PUBLIC KEY-----[^-]+-----END (?:RSA )?PUBLIC KEY-----$/;

/** Reads a PEM that holds exactly one public key, SPKI or PKCS#1. */
export function publicKeyIn(pem: string): KeyObject | undefined {
  const text = pem.trim();
  return ONE_BLOCK.test(text) ? orUndefined(() => createPublicKey(text)) : undefined;
}

export function privateKeyIn(pem: string, passphrase: string | undefined): KeyObject | undefined {
  const key = ownProperties({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  return orUndefined(() => createPrivateKey(key));
}

/** True for a private key in any form: plain or encrypted, of any algorithm. */
export function holdsPrivateKey(pem: string): boolean {
  return pem.includes('PRIVATE KEY');
}

/** Returns why RSA-OAEP-256 cannot wrap DEKs for a public or private key; `undefined` where it can. */
export function keyMisfitOf({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): string | undefined {
  if (asymmetricKeyType !== 'rsa') {
    return `is of the type ${String(asymmetricKeyType)}, and RSA-OAEP-256 needs rsa`;
  }
  const { modulusLength, publicExponent } = asymmetricKeyDetails ?? {};
  return rsaMisfitOf(modulusLength, publicExponent);
}

/** The same for a key that is RSA. */
export function rsaMisfitOf(modulusLength = 0, publicExponent = 0n): string | undefined {
  if (!RSA_MODULUS_BITS.includes(modulusLength)) {
    return `has ${String(modulusLength)} bits, and ${RSA_MODULUS_BITS.join(', ')} are supported`;
  }
  return publicExponent < LEAST_RSA_EXPONENT ? 'has a public exponent below 65537' : undefined;
}

/** Returns the SHA-256 of the public half's SPKI in hex: the same for a key in any form. */
export function spkiDigestOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex');
}

/** Drops the cause, so that no error quotes key material. */
function orUndefined(read: () => KeyObject): KeyObject | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** @param modulus - Big-endian, as in a JWK's `n`; so is the exponent. */
export function importRsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): KeyObject {
  const n = encodeBase64url(modulus);
  const e = encodeBase64url(exponent);
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
}

const OAEP_256 = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;

export function rsaOaep256Wrap(publicKey: KeyObject, key: Uint8Array): Buffer {
  return publicEncrypt(ownProperties({ key: publicKey, ...OAEP_256 }), key);
}

/** Returns the key, or `undefined` when the wrap was made for another key or was changed. */
export function rsaOaep256Unwrap(privateKey: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  try {
    return privateDecrypt(ownProperties({ key: privateKey, ...OAEP_256 }), wrapped);
  } catch {
    return undefined;
  }
}
