import type { DocumentPage, ListDocumentsOptions, StoredDocumentItem } from '../../src/adapters.js';
import type { Library } from './library.js';
import type { SimDocument } from './ledger.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';
import type { Weather } from './weather.js';
import type { WireParts } from './wire.js';

interface Entry {
  readonly json: string;
  readonly etag: string;
}

type Key = Readonly<Record<string, unknown>>;
type Item = StoredDocumentItem<SimDocument>;

/** Documents: every read is the newest, as the contract has it. */
export class FakeDocumentStore {
  readonly #library: Library;
  readonly #weather: Weather;
  readonly #timeline: Timeline;
  readonly #appearedAtMs = new Map<string, number>();
  readonly #entries = new Map<string, Entry>();
  #writes = 0;

  constructor({ library, timeline, weather }: Omit<WireParts, 'random'>) {
    this.#library = library;
    this.#weather = weather;
    this.#timeline = timeline;
  }

  get writes(): number {
    return this.#writes;
  }

  get all(): readonly Item[] {
    return [...this.#entries.values()].map(toItem);
  }

  find(id: string): Item | undefined {
    const entry = this.#entries.get(id);
    return entry && toItem(entry);
  }

  /** When it was made, for the last time. */
  appearedAtMs(id: string): number {
    return this.#appearedAtMs.get(id) ?? -Infinity;
  }

  get(_process: SimProcess, key: Key): Item | undefined {
    return this.find(idOf(key));
  }

  list(
    _process: SimProcess,
    { pageSize = 100, continuation = '' }: ListDocumentsOptions = {},
  ): DocumentPage<SimDocument> {
    const most = Math.min(pageSize, this.#weather.pageSize);
    const left = [...this.#entries.keys()].filter((id) => id > continuation).sort();
    const ids = left.slice(0, most);
    const items = ids.map((id) => toItem(this.#entries.get(id) as Entry));
    const last = ids.at(-1);
    return left.length > most && last !== undefined ? { items, continuation: last } : { items };
  }

  count(): number {
    return this.#entries.size;
  }

  create(_process: SimProcess, document: SimDocument): Item {
    const id = idOf(document);
    if (this.#entries.has(id)) {
      throw new this.#library.StoreError('ALREADY_EXISTS', `The document ${id} exists`);
    }
    this.#appearedAtMs.set(id, this.#timeline.nowMs);
    return this.#write(id, document);
  }

  replace(_process: SimProcess, document: SimDocument, etag: string): Item {
    const id = idOf(document);
    this.#requireEtag(id, etag);
    return this.#write(id, document);
  }

  delete(_process: SimProcess, key: Key, etag: string): void {
    this.#requireEtag(idOf(key), etag);
    this.#entries.delete(idOf(key));
  }

  #requireEtag(id: string, etag: string): void {
    if (this.#entries.get(id)?.etag === etag) return;
    throw new this.#library.StoreError('ETAG_MISMATCH', `The document ${id} was changed`);
  }

  #write(id: string, document: SimDocument): Item {
    this.#writes += 1;
    const entry = { json: JSON.stringify(document), etag: `"${String(this.#writes)}"` };
    this.#entries.set(id, entry);
    return toItem(entry);
  }
}

function idOf(key: object): string {
  return (key as { readonly id: string }).id;
}

function toItem({ json, etag }: Entry): Item {
  return { document: JSON.parse(json) as SimDocument, etag };
}
