/** The offline key that DEKs are wrapped for besides the MEK: docs/recovery.md. @module */
import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { encodeBase64url } from '../crypto/base64url.js';
import { rsaOaep256Wrap } from '../crypto/rsa-oaep.js';
import { describeType } from '../guards.js';
import type { RecoveryWrap } from './dek-row.js';

const KEY_ID_LENGTH = 16;
const MODULUS_BITS: readonly unknown[] = [2048, 3072, 4096];
const LEAST_EXPONENT = 65_537n;
const ONE_BLOCK = /^-----BEGIN (?:RSA )?PUBLIC KEY-----[^-]+-----END (?:RSA )?PUBLIC KEY-----$/;
const HOW_TO = 'an RSA public key as PEM, "-----BEGIN PUBLIC KEY-----"';

/** The public half. It wraps; what it wraps comes back only with the private one. */
export class RecoveryKey {
  /** The `recoveryKeyId` of its wraps. */
  readonly id: string;
  readonly #publicKey: KeyObject;

  constructor(publicKey: KeyObject) {
    this.id = recoveryKeyIdOf(publicKey);
    this.#publicKey = publicKey;
  }

  /** What a row is to have: the recovery wrap that it has, if that is for this key. */
  wrapFor(kept: RecoveryWrap | undefined, dek: Uint8Array): RecoveryWrap {
    if (kept?.recoveryKeyId === this.id) return kept;
    const wrappedDek = encodeBase64url(rsaOaep256Wrap(this.#publicKey, dek));
    return { wrappedDek, wrapAlgorithm: 'RSA-OAEP-256', recoveryKeyId: this.id };
  }
}

/**
 * The key of an option that may be left out.
 *
 * @throws TypeError where it is no text; RangeError where that is no such key.
 */
export function readRecoveryKey(recoveryKey: unknown): RecoveryKey | undefined {
  if (recoveryKey === undefined) return undefined;
  if (typeof recoveryKey !== 'string') {
    throw new TypeError(`"recoveryKey" expected ${HOW_TO}, got ${describeType(recoveryKey)}`);
  }
  const key = parseRecoveryKey(recoveryKey);
  if (typeof key === 'string') throw new RangeError(`"recoveryKey" ${key}`);
  return key;
}

/**
 * The key that a PEM holds.
 *
 * @returns What is wrong with the text otherwise: words that give nothing of it away.
 */
export function parseRecoveryKey(pem: string): RecoveryKey | string {
  // First of all: Node would take the public half out of it without a word.
  if (pem.includes('PRIVATE KEY')) {
    return 'holds a private key: keep that offline, give the public key alone, and make a new pair if others may have seen it here';
  }
  const publicKey = ONE_BLOCK.test(pem.trim()) ? publicKeyIn(pem.trim()) : undefined;
  if (!publicKey) return `must be ${HOW_TO}`;
  return misfitOf(publicKey) ?? new RecoveryKey(publicKey);
}

/** Why a key, public or private, is none to recover with; `undefined` where nothing is wrong. */
export function misfitOf({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): string | undefined {
  if (asymmetricKeyType !== 'rsa') {
    return `is of the type ${String(asymmetricKeyType)}, and RSA-OAEP-256 needs rsa`;
  }
  const { modulusLength, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  if (!MODULUS_BITS.includes(modulusLength)) {
    return `has ${String(modulusLength)} bits, and ${MODULUS_BITS.join(', ')} are supported; 3072 is advised`;
  }
  return publicExponent < LEAST_EXPONENT ? 'has a public exponent below 65537' : undefined;
}

export function recoveryKeyIdOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return hash('sha256', spki, 'hex').slice(0, KEY_ID_LENGTH);
}

function publicKeyIn(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
