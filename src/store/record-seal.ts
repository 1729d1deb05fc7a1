/** Adds macs to DEK rows and rotation records, and verifies and removes them. @module */
import type { KeyObject } from 'node:crypto';
import { isRecordMac, recordMac, deriveRecordKeyId } from '../crypto/key-schedule.js';
import { FieldEncryptionError, TamperedError } from '../errors/errors.js';
import { isDigest, isKeyId } from '../format/item-shape.js';
import { isPlainObject, describeType } from '../guards/guards.js';
import { envMekVersionOf, importMek } from '../provider/mek-bytes.js';

export interface RecordKey {
  /** Stored in each record as `macKeyId`. */
  readonly id: string;
  readonly key: KeyObject;
  /** The version that the key would have as a MEK from the environment: one key must not serve as both. */
  readonly asMekVersion: string;
  /** Why it is not a random key, in words that reveal nothing of it. */
  readonly weakness: string | undefined;
}

export class RecordKeys {
  readonly current: RecordKey;
  readonly all: readonly RecordKey[];
  readonly #byId: ReadonlyMap<string, RecordKey>;

  /** @throws TypeError or RangeError where a key is not 32 bytes, or is given twice. */
  constructor(recordKey: unknown, previousRecordKeys: readonly unknown[]) {
    this.current = importRecordKey('recordKey', recordKey);
    const previous = previousRecordKeys.map((text, index) =>
      importRecordKey(`previousRecordKeys[${String(index)}]`, text),
    );
    this.all = [this.current, ...previous];
    this.#byId = new Map(this.all.map((each) => [each.id, each]));
    if (this.#byId.size !== this.all.length) throw new RangeError('A record key is given twice');
  }

  find(id: string): RecordKey | undefined {
    return this.#byId.get(id);
  }
}

function importRecordKey(name: string, text: unknown): RecordKey {
  const { key, weakness } = importMek(name, text);
  return { id: deriveRecordKeyId(key), key, asMekVersion: envMekVersionOf(key), weakness };
}

// Deeper than any record, and well below the limit of recursion: a database may hold anything.
const MOST_DEPTH = 64;

/** @throws TypeError for values without exactly one JSON form; the message reveals nothing of them. */
export function canonicalJson(value: unknown): string {
  return textOf(value, 0);
}

function textOf(value: unknown, depth: number): string {
  if (depth > MOST_DEPTH) throw new TypeError('Canonical JSON is limited to 64 levels of nesting');
  if (typeof value === 'string') return stringText(value);
  // As ECMAScript writes them, which the RFC requires.
  if (isLiteral(value)) return JSON.stringify(value);
  if (Array.isArray(value))
    return `[${Array.from(value, (each) => textOf(each, depth + 1)).join()}]`;
  if (isPlainObject(value)) return objectText(value, depth);
  throw new TypeError(`Canonical JSON cannot hold ${describeType(value)}`);
}

/** Names are in the order of their UTF-16 code units, which is the order of `sort`. */
function objectText(value: Readonly<Record<string, unknown>>, depth: number): string {
  const names = Object.keys(value).sort();
  const members = names.map((name) => `${stringText(name)}:${textOf(value[name], depth + 1)}`);
  return `{${members.join()}}`;
}

function stringText(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  throw new TypeError('Canonical JSON cannot hold a lone surrogate');
}

function isLiteral(value: unknown): value is boolean | number | null {
  return value === null || typeof value === 'boolean' || Number.isFinite(value);
}

/** The result of verifying an item. */
export interface OpenedRecord {
  /** The item without its mac, so that it is never written with a stale one. */
  readonly value: unknown;
  /** The id of the key of its mac; absent where it has none and that is accepted. */
  readonly authenticatedBy?: string;
}

/** The name of an item in messages, and its dekId if it has one. */
export interface RecordName {
  readonly item: string;
  readonly dekId?: string | undefined;
}

export class RecordSeal {
  readonly keys: RecordKeys;
  readonly acceptsUnauthenticated: boolean;

  constructor(keys: RecordKeys, acceptsUnauthenticated: boolean) {
    this.keys = keys;
    this.acceptsUnauthenticated = acceptsUnauthenticated;
  }

  seal<Item extends object>(record: Item): Item & { macKeyId: string; mac: string } {
    if (hasMac(record)) {
      throw new TypeError('A record to authenticate already has a mac');
    }
    const { id: macKeyId, key } = this.keys.current;
    const mac = recordMac(key, authenticatedText({ ...record, macKeyId }));
    return { ...record, macKeyId, mac };
  }

  /**
   * @throws TamperedError where the mac does not match the value, or is missing; FieldEncryptionError
   *   `RECORD_KEY_UNKNOWN` where no configured key made it.
   */
  open(value: unknown, name: RecordName): OpenedRecord {
    if (!isPlainObject(value) || !hasMac(value)) {
      if (this.acceptsUnauthenticated) return { value };
      throw withoutMac(name);
    }
    const { mac, ...record } = value;
    const key = this.#keyOf(record['macKeyId'], name);
    if (!isDigest(mac) || !isMacOf(key, record, mac as string)) throw forged(name);
    const { macKeyId: authenticatedBy, ...content } = record;
    return { value: content, authenticatedBy: authenticatedBy as string };
  }

  #keyOf(macKeyId: unknown, name: RecordName): RecordKey {
    if (!isKeyId(macKeyId)) throw forged(name);
    const key = this.keys.find(macKeyId as string);
    if (key) return key;
    throw new FieldEncryptionError(
      'RECORD_KEY_UNKNOWN',
      `${name.item} has a mac under the record key ${macKeyId as string}, which is not configured: add that key to "previousRecordKeys"; if that key is not yours, another party wrote the record`,
      { dekId: name.dekId },
    );
  }
}

/** True for half a mac too. */
function hasMac(record: object): boolean {
  return Object.hasOwn(record, 'mac') || Object.hasOwn(record, 'macKeyId');
}

function isMacOf({ key }: RecordKey, record: object, mac: string): boolean {
  let text;
  try {
    text = authenticatedText(record);
  } catch {
    // This library never writes a record without a canonical form.
    return false;
  }
  return isRecordMac(key, text, mac);
}

/** The text without the properties of the store itself. */
function authenticatedText(record: object): string {
  const own = Object.entries(record).filter(([name]) => !name.startsWith('_'));
  return canonicalJson(Object.fromEntries(own));
}

function forged({ item, dekId }: RecordName): TamperedError {
  return new TamperedError(
    `${item} failed authentication under the record key: it was changed, or moved from another place; restore it from a backup`,
    { dekId },
  );
}

function withoutMac({ item, dekId }: RecordName): TamperedError {
  return new TamperedError(
    `${item} has no mac: it was changed, or written without the record key; restore it from a backup, or run resealRecords if record authentication was turned on recently`,
    { dekId },
  );
}
