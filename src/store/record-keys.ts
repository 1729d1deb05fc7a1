/** The keys that authenticate records: one that signs, and others that only verify. @module */
import type { KeyObject } from 'node:crypto';
import { deriveRecordKeyId } from '../crypto/key-schedule.js';
import { importMek } from '../provider/mek-bytes.js';

export interface RecordKey {
  /** Stands in each record as `macKeyId`. */
  readonly id: string;
  readonly key: KeyObject;
}

export class RecordKeys {
  readonly current: RecordKey;
  readonly #byId: ReadonlyMap<string, RecordKey>;

  /** @throws TypeError or RangeError where a key is not 32 bytes, or is given twice. */
  constructor(recordKey: unknown, previousRecordKeys: readonly unknown[]) {
    this.current = importRecordKey('recordKey', recordKey);
    const previous = previousRecordKeys.map((text, index) =>
      importRecordKey(`previousRecordKeys[${String(index)}]`, text),
    );
    const all = [this.current, ...previous];
    this.#byId = new Map(all.map((each) => [each.id, each]));
    if (this.#byId.size !== all.length) throw new RangeError('A record key is given twice');
  }

  find(id: string): RecordKey | undefined {
    return this.#byId.get(id);
  }
}

function importRecordKey(name: string, text: unknown): RecordKey {
  const key = importMek(name, text);
  return { id: deriveRecordKeyId(key), key };
}
