/** Pages of a query: in the order in which a service keeps items, partition after partition. @module */
import type { RawAnswer, RawRequest } from './cosmos-exchange.js';
import { RANGE_HEADER, RANGES } from './query-plan.js';

type Item = Readonly<Record<string, unknown>>;
type Place = readonly [range: number, serial: number];

/** After which place a page goes on, and which item comes once more before that. */
interface Resumption {
  readonly after?: Place | undefined;
  readonly again?: number;
  /** Counts pages, so that no two tokens of one listing are the same. */
  readonly turn: number;
}

export interface PageOptions {
  /** Items on a page, however many were asked for. */
  readonly most: number;
  /** The page's last item comes again at the beginning of the next. */
  readonly repeatInNextPage?: boolean | undefined;
}

const CONTINUATION = 'x-ms-continuation';
const PAGE_SIZE = 'x-ms-max-item-count';
const DEFAULT_PAGE_SIZE = 100;
const FROM_THE_START: Resumption = { turn: 0 };

export class ItemPages {
  readonly #serials = new Map<unknown, number>();

  /** Items keep their place when they are replaced. */
  know({ _rid: rid }: Item): void {
    if (!this.#serials.has(rid)) this.#serials.set(rid, this.#serials.size + 1);
  }

  /** Which of the physical partitions an item lies in. */
  rangeOf(item: Item): number {
    return this.#placeOf(item)[0];
  }

  /** The page that was asked for, of everything that the query finds. */
  page(request: RawRequest, answer: RawAnswer, options: PageOptions): RawAnswer {
    const { most, repeatInNextPage } = options;
    const { after = [-1, 0], again, turn } = resumptionOf(request) ?? FROM_THE_START;
    const range = request.headers[RANGE_HEADER];
    const isAsked = (item: Item) => range === undefined || range === String(this.rangeOf(item));
    const found = documentsOf(answer).filter(isAsked);
    found.sort((one, other) => this.#order(one, other));
    const rest = found.filter((item) => compare(this.#placeOf(item), after) > 0);
    const repeated = found.filter((item) => this.#serials.get(item['_rid']) === again);
    const asked = Number(request.headers[PAGE_SIZE] ?? DEFAULT_PAGE_SIZE);
    const size = Math.min(asked < 0 ? Infinity : asked, most);
    const isAll = repeated.length + rest.length <= size;
    const page = isAll ? [...repeated, ...rest] : [...repeated, ...rest].slice(0, size);
    const last = page.at(-1);
    if (isAll || !last) return withDocuments(answer, page);
    const place = this.#placeOf(last);
    const next = { after: place, turn: turn + 1, ...(repeatInNextPage && { again: place[1] }) };
    return withDocuments(answer, page, next);
  }

  #placeOf({ _rid: rid }: Item): Place {
    const serial = this.#serials.get(rid) ?? 0;
    return [serial % RANGES.length, serial];
  }

  #order(one: Item, other: Item): number {
    return compare(this.#placeOf(one), this.#placeOf(other));
  }
}

/** A page of nothing; what was asked for comes next. */
export function emptyPage(request: RawRequest): RawAnswer {
  const { turn, ...resumption } = resumptionOf(request) ?? FROM_THE_START;
  const next = { ...resumption, turn: turn + 1 };
  return withDocuments({ status: 200, headers: {}, body: {} }, [], next);
}

export function withDocuments(
  { status, headers, body }: RawAnswer,
  documents: readonly unknown[],
  next?: Resumption,
): RawAnswer {
  return {
    status,
    headers: { ...headers, ...(next && { [CONTINUATION]: JSON.stringify({ resumption: next }) }) },
    body: { ...(body as object), Documents: documents, _count: documents.length },
  };
}

export function documentsOf({ body }: RawAnswer): readonly Item[] {
  return (body as { readonly Documents?: readonly Item[] } | undefined)?.Documents ?? [];
}

/** The request for everything at once. */
export function withoutPaging(request: RawRequest): RawRequest {
  const isOfPages = ([name]: readonly [string, unknown]): boolean =>
    name === CONTINUATION || name === PAGE_SIZE;
  const others = Object.entries(request.headers).filter((entry) => !isOfPages(entry));
  return { ...request, headers: Object.fromEntries(others) };
}

export function hasForeignToken(request: RawRequest): boolean {
  return CONTINUATION in request.headers && resumptionOf(request) === undefined;
}

function resumptionOf({ headers }: RawRequest): Resumption | undefined {
  try {
    const parsed = JSON.parse(String(headers[CONTINUATION])) as {
      readonly resumption?: Resumption;
    };
    return parsed.resumption;
  } catch {
    return undefined;
  }
}

function compare([range, serial]: Place, [otherRange, otherSerial]: Place): number {
  return range - otherRange || serial - otherSerial;
}
