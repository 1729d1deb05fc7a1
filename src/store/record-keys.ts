/** The keys that authenticate records: one that signs, and others that only verify. @module */
import type { KeyObject } from 'node:crypto';
import { deriveRecordKeyId } from '../crypto/key-schedule.js';
import { envMekVersionOf, importMek } from '../provider/mek-bytes.js';

export interface RecordKey {
  /** Stands in each record as `macKeyId`. */
  readonly id: string;
  readonly key: KeyObject;
  /** The version that it would have as a MEK from the environment: one key must not be both. */
  readonly asMekVersion: string;
  /** Why it is no random key, in words that give nothing of it away. */
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
