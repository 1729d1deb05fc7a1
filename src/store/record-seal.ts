/** Puts macs on DEK rows and rotation records, and takes them off where they are true. @module */
import { isRecordMac, recordMac } from '../crypto/record-mac.js';
import { FieldEncryptionError, TamperedError } from '../errors/errors.js';
import { isPlainObject } from '../guards/guards.js';
import { canonicalJson } from './canonical-json.js';
import { isDigest, isKeyId } from '../format/item-shape.js';
import type { RecordKey, RecordKeys } from './record-keys.js';

/** What a mac says of the item that it was read from. */
export interface OpenedRecord {
  /** Without its mac, so that nobody writes it with one that is no longer true. */
  readonly value: unknown;
  /** The id of the key whose mac it has; absent where it has none, and that is accepted. */
  readonly authenticatedBy?: string;
}

/** How an item is called in messages, and its dekId if it has one. */
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
      throw new TypeError('A record to be authenticated has a mac already');
    }
    const { id: macKeyId, key } = this.keys.current;
    const mac = recordMac(key, authenticatedText({ ...record, macKeyId }));
    return { ...record, macKeyId, mac };
  }

  /**
   * @throws TamperedError where the mac is not that of the value, or is missing; FieldEncryptionError
   * `RECORD_KEY_UNKNOWN` where it is under another key than those at hand.
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
      `${name.item} has a mac under the record key ${macKeyId as string}, which is not configured: add that key to "previousRecordKeys"; if it is none of yours, somebody else wrote the record`,
      { dekId: name.dekId },
    );
  }
}

/** Or half of one. */
function hasMac(record: object): boolean {
  return Object.hasOwn(record, 'mac') || Object.hasOwn(record, 'macKeyId');
}

function isMacOf({ key }: RecordKey, record: object, mac: string): boolean {
  let text;
  try {
    text = authenticatedText(record);
  } catch {
    // Nobody here has written what has no canonical form.
    return false;
  }
  return isRecordMac(key, text, mac);
}

/** Without what is the store's own. */
function authenticatedText(record: object): string {
  const own = Object.entries(record).filter(([name]) => !name.startsWith('_'));
  return canonicalJson(Object.fromEntries(own));
}

function forged({ item, dekId }: RecordName): TamperedError {
  return new TamperedError(
    `${item} failed authentication under the record key: it was changed, or belongs to another place; restore it from a backup`,
    { dekId },
  );
}

function withoutMac({ item, dekId }: RecordName): TamperedError {
  return new TamperedError(
    `${item} has no mac: it was changed, or written by somebody without the record key; restore it from a backup, or run resealRecords if record authentication was only just turned on`,
    { dekId },
  );
}
