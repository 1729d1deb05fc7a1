/** One DEK in memory. @module */
import { randomFillSync, type KeyObject } from 'node:crypto';
import type { Moment } from '../async/clock.js';
import { deriveCommitment, deriveFieldKey, importSecret } from '../crypto/key-schedule.js';
import type { DocumentPlace } from '../document/document-place.js';
import type { ShredToken } from './shred-token.js';

export const DEK_BYTES = 32;

export type DekOrigin = Pick<Dek, 'token' | 'unwrappedAt'>;

/** Holds the key as a `KeyObject` in a private field, so that printing a DEK shows only its id. */
export class Dek {
  readonly id: string;
  readonly commitment: string;
  /** When its unwrap was sent, or it was created: the start of every limit on its use. */
  readonly unwrappedAt: Moment;
  /** Taken before its row was read, or before it was created. */
  readonly token: ShredToken;
  readonly #key: KeyObject;
  readonly #product: string;

  /** Takes ownership of the bytes and zeroes them. */
  constructor(product: string, id: string, bytes: Uint8Array, { unwrappedAt, token }: DekOrigin) {
    this.id = id;
    this.unwrappedAt = unwrappedAt;
    this.token = token;
    this.#product = product;
    this.commitment = deriveCommitment(bytes, product, id);
    this.#key = importSecret(bytes);
  }

  static generate(product: string, id: string, origin: DekOrigin): Dek {
    return new Dek(product, id, randomFillSync(Buffer.allocUnsafeSlow(DEK_BYTES)), origin);
  }

  fieldKey({ collection, keyParts }: DocumentPlace): KeyObject {
    return deriveFieldKey(this.#key, {
      product: this.#product,
      dekId: this.id,
      collection,
      keyParts,
    });
  }

  /** Lends the raw bytes, and zeroes them when `use` has settled. */
  async lend<T>(use: (bytes: Buffer) => Promise<T>): Promise<T> {
    const bytes = this.#key.export();
    try {
      return await use(bytes);
    } finally {
      bytes.fill(0);
    }
  }
}
