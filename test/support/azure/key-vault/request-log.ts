/** What reached the Key Vault test server. @module */
import type { Operation } from './operation.js';

export interface VaultRequest {
  readonly operation: Operation;
  readonly keyName: string;
  /** Empty where the path has none. */
  readonly version: string;
  /** Whether it carried a token, good or not. */
  readonly authorized: boolean;
  readonly hasBody: boolean;
  /** What it asked to wrap or unwrap with. */
  readonly algorithm?: string;
  /** Absent until it is answered; a request that hangs or is cut off never is. */
  readonly status?: number;
  /** Whether the script had a fault for it. */
  readonly faulted?: boolean;
}

/**
 * Which requests are meant. An operation: those that carry a token. `challenge`: those that carry
 * none, which every client begins with. A function decides over all of them.
 */
export type RequestMatcher = Operation | 'challenge' | ((request: VaultRequest) => boolean);

type Recorded = { -readonly [K in keyof VaultRequest]: VaultRequest[K] };
interface Waiter {
  readonly matcher: RequestMatcher | undefined;
  readonly resolve: (request: VaultRequest) => void;
}

export class RequestLog {
  readonly #requests: Recorded[] = [];
  #waiters: readonly Waiter[] = [];
  #inFlight = 0;
  mostInFlight = 0;

  get all(): readonly VaultRequest[] {
    return this.#requests;
  }

  begin(request: VaultRequest): Recorded {
    const recorded: Recorded = { ...request };
    this.#requests.push(recorded);
    this.#inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
    const met = this.#waiters.filter(({ matcher }) => matches(matcher, recorded));
    this.#waiters = this.#waiters.filter((waiter) => !met.includes(waiter));
    for (const { resolve } of met) resolve(recorded);
    return recorded;
  }

  end(): void {
    this.#inFlight -= 1;
  }

  next(matcher: RequestMatcher | undefined): Promise<VaultRequest> {
    return new Promise((resolve) => {
      this.#waiters = [...this.#waiters, { matcher, resolve }];
    });
  }

  clear(): void {
    this.#requests.length = 0;
    this.mostInFlight = this.#inFlight;
  }
}

export function matches(matcher: RequestMatcher | undefined, request: VaultRequest): boolean {
  if (typeof matcher === 'function') return matcher(request);
  if (matcher === 'challenge') return !request.authorized;
  return request.authorized && (matcher === undefined || matcher === request.operation);
}
