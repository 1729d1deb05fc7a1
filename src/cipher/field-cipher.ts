/** Seals and opens the fields of one document under one DEK. @module */
import type { KeyObject } from 'node:crypto';
import { openText, sealToText, type Plaintext } from '../crypto/aead.js';
import { lengthPrefixed, tuple } from '../crypto/encoding.js';
import type { Dek } from '../dek/dek.js';
import type { DocumentPlace } from '../document/document-place.js';
import type { ShredToken } from '../dek/shred-token.js';
import { FieldEncryptionError, TamperedError } from '../errors/errors.js';
import type { Envelope } from '../format/envelope.js';
import type { DeclaredField } from '../document/declared-field.js';
import { decodeFieldValue, UNKNOWN_VALUE } from './field-value.js';

/** The content of an envelope. */
export interface ReopenedValue {
  readonly value: unknown;
  readonly encoded: Plaintext;
}

// A buffer for additional data, reused by all calls: allocating one for each call is slow.
const scratch = Buffer.allocUnsafeSlow(2048);
const scratchViews: (Uint8Array | undefined)[] = [];

function scratchOf(length: number): Uint8Array {
  if (length > scratch.length) return new Uint8Array(length);
  return (scratchViews[length] ??= new Uint8Array(scratch.buffer, scratch.byteOffset, length));
}

export class FieldCipher {
  readonly dekId: string;
  /** The document that the cipher is for. */
  readonly place: DocumentPlace;
  readonly #key: KeyObject;
  readonly #token: ShredToken;
  readonly #aadHead: Buffer;
  readonly #aadTail: Buffer;

  constructor(dek: Dek, place: DocumentPlace) {
    this.dekId = dek.id;
    this.place = place;
    this.#key = dek.fieldKey(place);
    this.#token = dek.token;
    const { product, collection, keyParts } = place;
    this.#aadHead = tuple('field-encrypt/v1/field', product, collection, tuple(...keyParts));
    this.#aadTail = lengthPrefixed(dek.id);
  }

  /**
   * @param encoded - The value as `encodeFieldValue` returned it.
   * @throws FieldEncryptionError `DEK_SHREDDED` where this process shredded the scope since.
   */
  seal(field: DeclaredField, encoded: Plaintext, mekVersion: string): Envelope {
    this.#token.throwIfShredded();
    const ct = sealToText(this.#key, encoded, this.#aad(field));
    return { _enc: 1, dekId: this.dekId, mekVersion, ct };
  }

  /**
   * @throws TamperedError where the envelope was not sealed at this path of this document;
   *   FieldEncryptionError `DEK_SHREDDED` where this process shredded the scope since.
   */
  open(field: DeclaredField, envelope: Envelope): unknown {
    return valueIn(this.#openBytes(field, envelope), field, envelope);
  }

  /** The same, with its bytes, to seal them again unchanged. */
  reopen(field: DeclaredField, envelope: Envelope): ReopenedValue {
    const bytes = this.#openBytes(field, envelope);
    const encoded = { marker: bytes[0] as number, payload: bytes.subarray(1) };
    return { value: valueIn(bytes, field, envelope), encoded };
  }

  #openBytes(field: DeclaredField, envelope: Envelope): Buffer {
    this.#token.throwIfShredded();
    const plaintext = openText(this.#key, envelope.ct, this.#aad(field));
    if (plaintext === undefined) throw tamperedField(field.path, envelope.dekId);
    return plaintext;
  }

  #aad({ encodedPath }: DeclaredField): Uint8Array {
    const pathAt = this.#aadHead.length;
    const tailAt = pathAt + encodedPath.length;
    const aad = scratchOf(tailAt + this.#aadTail.length);
    aad.set(this.#aadHead, 0);
    aad.set(encodedPath, pathAt);
    aad.set(this.#aadTail, tailAt);
    return aad;
  }
}

function valueIn(bytes: Buffer, { path }: DeclaredField, { dekId }: Envelope): unknown {
  const value = decodeFieldValue(bytes);
  if (value === UNKNOWN_VALUE) throw unsupportedValue(path, dekId);
  return value;
}

// Deriving a field key costs more than sealing a field, so each DEK keeps the last one.
const lastCiphers = new WeakMap<Dek, FieldCipher>();

export function fieldCipher(dek: Dek, place: DocumentPlace): FieldCipher {
  const last = lastCiphers.get(dek);
  if (last?.place.identity === place.identity) return last;
  const cipher = new FieldCipher(dek, place);
  lastCiphers.set(dek, cipher);
  return cipher;
}

/** One message for every way in which a field can fail: it tells an attacker nothing. */
export function tamperedField(path: string, dekId: string): TamperedError {
  return new TamperedError(
    `The envelope at "${path}" failed authentication under DEK ${dekId}: it was changed, or moved from another place; restore the document from a backup`,
    { path, dekId },
  );
}

function unsupportedValue(path: string, dekId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'ENVELOPE_UNSUPPORTED',
    `The envelope at "${path}" holds a value of a kind that this version does not know: upgrade @bytelyst/field-encrypt to read it`,
    { path, dekId },
  );
}
