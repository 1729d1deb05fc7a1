/** The private half of a recovery key, in memory only during a recovery. @module */
import type { KeyObject } from 'node:crypto';
import { decodeBase64url } from '../crypto/key-schedule.js';
import {
  holdsPrivateKey,
  privateKeyIn,
  keyMisfitOf,
  rsaOaep256Unwrap,
} from '../crypto/rsa-oaep.js';
import type { RecoveryWrap } from '../format/dek-row.js';
import { recoveryKeyIdOf } from '../dek/dek-wraps.js';
import { describeType } from '../guards/guards.js';

const HOW_TO = 'the private recovery key as PEM, "-----BEGIN PRIVATE KEY-----"';

/** Holds the key as a `KeyObject` in a private field: printing it shows only its id. */
export class PrivateRecoveryKey {
  /** The `recoveryKeyId` of the wraps that it opens. */
  readonly id: string;
  readonly #privateKey: KeyObject;

  constructor(privateKey: KeyObject) {
    this.id = recoveryKeyIdOf(privateKey);
    this.#privateKey = privateKey;
  }

  /**
   * Returns the content of the wrap: zero it after use. `undefined` where the wrap was made for another key,
   * or was changed.
   */
  unwrap({ wrappedDek }: RecoveryWrap): Buffer | undefined {
    const wrapped = decodeBase64url(wrappedDek);
    return wrapped && rsaOaep256Unwrap(this.#privateKey, wrapped);
  }
}

/** @throws TypeError for anything but text; RangeError where it holds no such key. */
export function readPrivateRecoveryKey(
  privateKey: unknown,
  passphrase: unknown,
): PrivateRecoveryKey {
  if (typeof privateKey !== 'string') {
    throw new TypeError(`"privateKey" expected ${HOW_TO}, got ${describeType(privateKey)}`);
  }
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new TypeError(`"passphrase" expected a string, got ${describeType(passphrase)}`);
  }
  if (!holdsPrivateKey(privateKey)) throw new RangeError(`"privateKey" must be ${HOW_TO}`);
  const key = privateKeyIn(privateKey, passphrase);
  if (!key) {
    throw new RangeError(
      `"privateKey" cannot be read: it must be ${HOW_TO}, with its "passphrase" if it is encrypted`,
    );
  }
  const misfit = keyMisfitOf(key);
  if (misfit !== undefined) throw new RangeError(`"privateKey" ${misfit}`);
  return new PrivateRecoveryKey(key);
}
