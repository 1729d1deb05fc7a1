/** Has the SDK ask for a fresh token in place of one that the vault refuses. @module */
import type { Clock } from '../../async/clock.js';
import type { PipelineRequest, PipelineResponse } from './challenge-memory.js';

const UNAUTHORIZED = 401;
const CHALLENGE = 'www-authenticate';
/** Before now, since the clocks of this machine, the vault and the identity platform differ. */
const LEEWAY_MS = 600_000;

/**
 * The SDK, and the credential behind it, keep a token until it expires, and drop it before that only
 * where the vault asks for claims. A vault may refuse one without that: because the identity was given
 * its rights anew, or the vault was restored elsewhere. So such a refusal is given to the SDK as one
 * that asks for claims, once for each request.
 */
export class RefusedTokens {
  readonly #clock: Clock;
  /** What each request was refused with; the SDK sends the same request again. */
  readonly #refused = new WeakMap<PipelineRequest, string>();
  readonly #asked = new WeakSet<PipelineRequest>();
  /** Fresh when it was refused: another one would not help. */
  #hopeless: string | undefined;
  #claims: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether these claims are not the vault's own, so that a credential may do without them. */
  asksFor(claims: string | undefined): boolean {
    return claims !== undefined && claims === this.#claims;
  }

  /** A request without a token, whose first one the SDK does not send again. */
  begin(request: PipelineRequest): void {
    this.#refused.set(request, '');
  }

  /** Of a request with a token: the answer that the SDK gets to see. */
  see(request: PipelineRequest, response: PipelineResponse): PipelineResponse {
    const token = request.headers.get('authorization') ?? '';
    const challenge = response.headers.get(CHALLENGE);
    if (response.status !== UNAUTHORIZED) {
      if (token === this.#hopeless) this.#hopeless = undefined;
      return response;
    }
    if (challenge?.includes('claims=')) return response;
    if (this.#asked.has(request)) {
      this.#hopeless = token;
      return response;
    }
    if (token === this.#hopeless || !this.#isFinal(request, token, challenge)) return response;
    this.#asked.add(request);
    response.headers.set(CHALLENGE, this.#challenge());
    return response;
  }

  /** Whether the SDK would not send it again, or did so with the same token. */
  #isFinal(request: PipelineRequest, token: string, challenge: string | undefined): boolean {
    const before = this.#refused.get(request);
    this.#refused.set(request, token);
    return challenge === undefined || before === token || before === '';
  }

  #challenge(): string {
    const notBefore = Math.floor((this.#clock.wallMs() - LEEWAY_MS) / 1_000);
    const wanted = { access_token: { nbf: { essential: true, value: String(notBefore) } } };
    this.#claims = JSON.stringify(wanted);
    return `Bearer error="insufficient_claims", claims="${btoa(this.#claims)}"`;
  }
}
