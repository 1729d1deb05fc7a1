/** RSA keys as people hand them over, and which of them wrap DEKs. @module */
import { createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto';
import { ownProperties } from '../guards/guards.js';

/** A wrap is as long as the modulus: docs/format.md knows no other lengths. */
export const RSA_MODULUS_BITS: readonly number[] = [2048, 3072, 4096];
export const LEAST_RSA_EXPONENT = 65_537n;

const ONE_BLOCK = /^-----BEGIN (?:RSA )?PUBLIC KEY-----[^-]+-----END (?:RSA )?PUBLIC KEY-----$/;

/** Of a PEM with one public key, SPKI or PKCS#1, and nothing else. */
export function publicKeyIn(pem: string): KeyObject | undefined {
  const text = pem.trim();
  return ONE_BLOCK.test(text) ? orUndefined(() => createPublicKey(text)) : undefined;
}

export function privateKeyIn(pem: string, passphrase: string | undefined): KeyObject | undefined {
  const key = ownProperties({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  return orUndefined(() => createPrivateKey(key));
}

/** In either form: plain or encrypted, of any algorithm. */
export function holdsPrivateKey(pem: string): boolean {
  return pem.includes('PRIVATE KEY');
}

/** Why RSA-OAEP-256 wraps no DEK for a key, public or private; `undefined` where nothing is wrong. */
export function rsaMisfitOf({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): string | undefined {
  if (asymmetricKeyType !== 'rsa') {
    return `is of the type ${String(asymmetricKeyType)}, and RSA-OAEP-256 needs rsa`;
  }
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  if (!RSA_MODULUS_BITS.includes(modulusLength)) {
    return `has ${String(modulusLength)} bits, and ${RSA_MODULUS_BITS.join(', ')} are supported`;
  }
  return publicExponent < LEAST_RSA_EXPONENT ? 'has a public exponent below 65537' : undefined;
}

/** SHA-256 of the public half's SPKI, in hex: one for a key in any form. */
export function spkiDigestOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex');
}

/** Without the cause: nothing that comes near a key is passed on. */
function orUndefined(read: () => KeyObject): KeyObject | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
