/** The offline key that DEKs are also wrapped for: docs/recovery.md. @module */
import type { KeyObject } from 'node:crypto';
import { encodeBase64url } from '../crypto/encoding.js';
import {
  holdsPrivateKey,
  publicKeyIn,
  rsaMisfitOf,
  spkiDigestOf,
  rsaOaep256Wrap,
} from '../crypto/rsa-oaep.js';
import { describeType } from '../guards/guards.js';
import type { RecoveryWrap } from '../format/dek-row.js';

const KEY_ID_LENGTH = 16;
const HOW_TO = 'an RSA public key as PEM, "-----BEGIN PUBLIC KEY-----"';

/** The public half. It wraps; only the private half unwraps. */
export class RecoveryKey {
  /** The `recoveryKeyId` of its wraps. */
  readonly id: string;
  readonly #publicKey: KeyObject;

  constructor(publicKey: KeyObject) {
    this.id = recoveryKeyIdOf(publicKey);
    this.#publicKey = publicKey;
  }

  /** Returns the recovery wrap for a row: its present one, if that is for this key. */
  wrapFor(kept: RecoveryWrap | undefined, dek: Uint8Array): RecoveryWrap {
    if (kept?.recoveryKeyId === this.id) return kept;
    const wrappedDek = encodeBase64url(rsaOaep256Wrap(this.#publicKey, dek));
    return { wrappedDek, wrapAlgorithm: 'RSA-OAEP-256', recoveryKeyId: this.id };
  }
}

/** @param key - Either half. */
export function recoveryKeyIdOf(key: KeyObject): string {
  return spkiDigestOf(key).slice(0, KEY_ID_LENGTH);
}

/**
 * Returns the key of an optional option.
 *
 * @throws TypeError for anything but text; RangeError for text without such a key.
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
 * Returns the key that a PEM holds.
 *
 * @returns The problem with any other text, in words that reveal nothing of it.
 */
export function parseRecoveryKey(pem: string): RecoveryKey | string {
  // Checked first: Node would silently derive the public half from a private key.
  if (holdsPrivateKey(pem)) {
    return 'holds a private key: keep that offline, pass the public key alone, and create a new pair if others may have seen it here';
  }
  const publicKey = publicKeyIn(pem);
  if (!publicKey) return `must be ${HOW_TO}`;
  return rsaMisfitOf(publicKey) ?? new RecoveryKey(publicKey);
}
