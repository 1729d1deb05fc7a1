/** What happens to which request, as a test tells the Cosmos server. @module */
import type { CosmosKind, RecordedRequest } from './cosmos-exchange.js';

/** One line of the script. Whatever is not said stays as it would be. */
export interface CosmosFault {
  /** Which requests it is for. @default every request about items */
  readonly on?: CosmosKind | readonly CosmosKind[] | ((request: RecordedRequest) => boolean);
  /** How many of them are let through first. @default 0 */
  readonly skip?: number;
  /** How many of them it happens to. @default 1 */
  readonly times?: number;

  /** Runs before anything else is done: what another process does just then. */
  readonly meanwhile?: () => Promise<unknown>;
  readonly delayMs?: number;
  /** No answer, ever, and nothing done. */
  readonly hang?: boolean;
  /** The connection is cut and nothing was done. */
  readonly resetBefore?: boolean;
  /** It was done, and the connection is cut instead of an answer. */
  readonly resetAfter?: boolean;
  /** Something on the way sends it a second time, and only the second answer arrives. */
  readonly repeated?: boolean;
  /** It was done, and half of the answer arrives. */
  readonly cutAnswer?: boolean;

  /** Answered with this instead, and nothing was done. */
  readonly status?: number;
  readonly substatus?: number;
  readonly retryAfterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code?: string;
  readonly message?: string;
  /** This text instead of a JSON body. */
  readonly text?: string;
  /** With `status` or `hang`: it was done anyway. */
  readonly applied?: boolean;

  /** A read or page as it was before the newest write of each item. */
  readonly stale?: boolean;
  /** A page of no items, and the page that was asked for comes next. */
  readonly emptyPage?: boolean;
  /** The page's last item comes again at the beginning of the next. */
  readonly repeatInNextPage?: boolean;
}

const ITEM_KINDS: readonly CosmosKind[] = ['create', 'delete', 'query', 'read', 'replace'];

export class FaultScript {
  #lines: { readonly fault: CosmosFault; skip: number; times: number }[] = [];

  /** Adds to what is planned already; the first line that is for a request counts. */
  add(...faults: readonly CosmosFault[]): void {
    for (const fault of faults) {
      this.#lines.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
    }
  }

  clear(): void {
    this.#lines = [];
  }

  take(request: RecordedRequest): CosmosFault | undefined {
    for (const line of this.#lines) {
      if (line.times <= 0 || !isFor(line.fault, request)) continue;
      if (line.skip > 0) {
        line.skip -= 1;
        continue;
      }
      line.times -= 1;
      return line.fault;
    }
    return undefined;
  }
}

function isFor({ on = ITEM_KINDS }: CosmosFault, request: RecordedRequest): boolean {
  if (typeof on === 'function') return on(request);
  return on === request.kind || (Array.isArray(on) && on.includes(request.kind));
}
