/** Earlier versions of items, for answers that are behind. @module */
import type { RecordedRequest } from './cosmos-exchange.js';

type Item = Readonly<Record<string, unknown>>;

/** Each place of an item with the versions that were written there; `undefined` is a deletion. */
export class ItemHistory {
  readonly #versions = new Map<string, (Item | undefined)[]>();
  /** Partition key property by container, as it was created. */
  readonly #partitionKeys = new Map<string, string>();

  knowContainer(database: string, container: string, path: string): void {
    this.#partitionKeys.set(`${database}/${container}`, path.slice(1));
  }

  add(request: RecordedRequest, item: Item | undefined): void {
    const place = placeOf(request, request.id, request.partitionKey);
    this.#versions.set(place, [...(this.#versions.get(place) ?? []), item]);
  }

  /** The page as its items were written: queries of the emulator lose a property named `__proto__`. */
  page(request: RecordedRequest, items: readonly Item[]): readonly Item[] {
    return items.map((item) => this.#versionsOf(request, item)?.at(-1) ?? item);
  }

  /** The version before the newest; `undefined` where there was nothing before it. */
  before(request: RecordedRequest): Item | undefined {
    const place = placeOf(request, request.id, request.partitionKey);
    return this.#versions.get(place)?.at(-2);
  }

  /** The page as it was before the newest write of each item in it. */
  pageBefore(request: RecordedRequest, items: readonly Item[]): readonly Item[] {
    const earlier = items.map((item) => this.#versionsOf(request, item)?.at(-2));
    return earlier.filter((item) => item !== undefined);
  }

  #versionsOf(request: RecordedRequest, item: Item): readonly (Item | undefined)[] | undefined {
    const property = this.#partitionKeys.get(containerOf(request)) ?? 'id';
    const { [property]: partition, id } = item;
    return this.#versions.get(placeOf(request, String(id), JSON.stringify([partition])));
  }
}

function containerOf({ database, container }: RecordedRequest): string {
  return `${String(database)}/${String(container)}`;
}

function placeOf(request: RecordedRequest, id?: string, partitionKey?: string): string {
  const partition = JSON.stringify(JSON.parse(partitionKey ?? '[]'));
  return JSON.stringify([containerOf(request), partition, id]);
}
