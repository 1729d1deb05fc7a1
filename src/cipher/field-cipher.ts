/** Seals and opens the fields of one document under one DEK, and encodes their values. @module */
import { constants } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import {
  keptViews,
  openText,
  sealToText,
  type Plaintext,
  utf8From,
  viewOf,
  MOST_PAYLOAD_BYTES,
  MOST_UTF8_BYTES,
} from '../crypto/aes.js';
import { lengthPrefixed, tuple } from '../crypto/key-schedule.js';
import type { Dek, ShredToken } from '../dek/dek.js';
import type { DocumentPlace } from '../document/document-draft.js';
import type { DeclaredField } from '../document/field-tree.js';
import { FieldEncryptionError, TamperedError } from '../errors/errors.js';
import type { Envelope } from '../format/key-scope.js';
import { jsonTextOf } from './json-text.js';

const STRING = 0x01;
const JSON_TEXT = 0x02;
const BYTES = 0x03;

/**
 * @param placeOf - Returns the place of the value, with the indexes of list elements, for the TypeError.
 * @throws TypeError naming the place where the value cannot be stored without loss, RangeError where it is
 *   too long; FieldEncryptionError `ENVELOPE_REFUSED`.
 */
export function encodeFieldValue(
  value: unknown,
  path: string,
  placeOf: () => string = () => path,
): Plaintext {
  if (typeof value === 'string') {
    requireSealableLength(value, path);
    // UTF-8 cannot represent half of a surrogate pair; JSON text has an escape for it.
    if (value.isWellFormed()) return { marker: STRING, payload: value };
  }
  if (isUint8Array(value)) {
    requireSealableLength(value, path);
    // A copy: the caller may change the bytes while the key is being loaded.
    return { marker: BYTES, payload: new Uint8Array(value) };
  }
  const payload = jsonTextOf(value, path, placeOf);
  if (payload === undefined) throw valueTooLong(path);
  requireSealableLength(payload, path);
  return { marker: JSON_TEXT, payload };
}

/** The result of {@link decodeFieldValue} for a payload that this version does not know. */
const UNKNOWN_VALUE: unique symbol = Symbol('unknown value');

export function decodeFieldValue(plaintext: Buffer): unknown {
  switch (plaintext[0]) {
    case STRING:
      return utf8From(plaintext, 1);
    case JSON_TEXT:
      return parseJson(utf8From(plaintext, 1));
    case BYTES:
      return new Uint8Array(plaintext.subarray(1));
    default:
      return UNKNOWN_VALUE;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message would quote the plaintext.
    return UNKNOWN_VALUE;
  }
}

/** @throws RangeError naming the path where the envelope could not be written. */
export function requireSealableLength(
  payload: string | Uint8Array,
  path: string,
  mostBytes: number = MOST_PAYLOAD_BYTES,
): void {
  const { length } = payload;
  if (length * MOST_UTF8_BYTES <= mostBytes) return;
  if (length > mostBytes) throw valueTooLong(path);
  // Only near the limit, as counting is slow.
  if (typeof payload === 'string' && Buffer.byteLength(payload) > mostBytes) {
    throw valueTooLong(path);
  }
}

function valueTooLong(path: string): RangeError {
  return new RangeError(
    `The value at "${path}" is too long to be encrypted: its envelope would be longer than the longest string of Node.js, ${String(constants.MAX_STRING_LENGTH)} characters; store it in parts`,
  );
}

/** The content of an envelope. */
export interface ReopenedValue {
  readonly value: unknown;
  readonly encoded: Plaintext;
}

// A buffer for additional data, reused by all calls: allocating one for each call is slow.
const scratch = Buffer.allocUnsafeSlow(2048);
const scratchOf = keptViews((length) =>
  length > scratch.length ? new Uint8Array(length) : viewOf(scratch, 0, length),
);

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
    `The envelope at "${path}" failed authentication under DEK ${dekId}: it was changed, or moved from another place; a changed definition looks the same; restore the document from a backup`,
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
