/** Ensures that no request without a token has a body. @module */
import type { KeyClientOptions } from '@azure/keyvault-keys';
import type { Clock } from '../../async/clock.js';

type AdditionalPolicy = NonNullable<KeyClientOptions['additionalPolicies']>[number];
type PipelinePolicy = AdditionalPolicy['policy'];
type SendRequest = PipelinePolicy['sendRequest'];
type SendNext = Parameters<SendRequest>[1];
export type PipelineRequest = Parameters<SendRequest>[0];
export type PipelineResponse = Awaited<ReturnType<SendRequest>>;
type Challenge = PipelineResponse['headers'];

const UNAUTHORIZED = 401;
const SERVER_ERROR = 500;

/**
 * Remembers how a vault asks for a token, for all clients of that vault.
 *
 * A client of the SDK learns it from a first request without a token, and sends that request without its
 * body. Concurrent requests, or requests after one that failed, would be sent with theirs: a DEK in an
 * unauthenticated request. Once a challenge has led to a token that the vault accepts, it is answered from
 * here. Until then it may come from a proxy, and the vault is asked again.
 */
export class ChallengeMemory {
  #accepted: Challenge | undefined;
  /** The SDK sends the same request again, with a token. */
  readonly #unproved = new WeakMap<PipelineRequest, Challenge>();
  readonly #refused: RefusedTokens;

  constructor(refused: RefusedTokens) {
    this.#refused = refused;
  }

  /**
   * Returns a new policy for each client.
   *
   * @param onAuthorized - Called before each request that has a token.
   */
  policy(onAuthorized?: () => void): AdditionalPolicy {
    const sendRequest: SendRequest = (request, next) => {
      if (!request.headers.has('authorization')) return this.#sendWithoutToken(request, next);
      onAuthorized?.();
      return this.#sendWithToken(request, next);
    };
    return { position: 'perRetry', policy: { name: 'challengeMemory', sendRequest } };
  }

  async #sendWithoutToken(request: PipelineRequest, next: SendNext): Promise<PipelineResponse> {
    this.#refused.begin(request);
    if (this.#accepted) return { request, status: UNAUTHORIZED, headers: this.#accepted };
    const response = await sendWithoutBody(request, next);
    this.#note(request, response);
    return response;
  }

  async #sendWithToken(request: PipelineRequest, next: SendNext): Promise<PipelineResponse> {
    const response = await next(request);
    const isAccepted = response.status !== UNAUTHORIZED && response.status < SERVER_ERROR;
    if (isAccepted) this.#accepted = this.#unproved.get(request) ?? this.#accepted;
    else if (this.#note(request, response)) this.#accepted = undefined;
    return this.#refused.see(request, response);
  }

  #note(request: PipelineRequest, { status, headers }: PipelineResponse): boolean {
    const challenge = status === UNAUTHORIZED ? headers.get('www-authenticate') : undefined;
    // A challenge with claims is for one token, not for all callers.
    if (challenge?.includes('claims=') !== false) return false;
    this.#unproved.set(request, headers);
    return true;
  }
}

async function sendWithoutBody(
  request: PipelineRequest,
  next: SendNext,
): Promise<PipelineResponse> {
  const { body } = request;
  delete request.body;
  try {
    return await next(request);
  } finally {
    // The SDK sends the same request again, with a token.
    if (body !== undefined) request.body = body;
  }
}

const CHALLENGE = 'www-authenticate';
/** A margin for differences between the clocks of this machine, the vault and the identity platform. */
const LEEWAY_MS = 600_000;

/**
 * The SDK, and the credential behind it, keep a token until it expires, and drop it earlier only where the
 * vault asks for claims. A vault may refuse a token without asking for claims: because rights were granted to
 * the identity again, or the vault was restored elsewhere. So the SDK receives such a refusal as one that
 * asks for claims, once for each request.
 */
export class RefusedTokens {
  readonly #clock: Clock;
  /** The token that each request was refused with; the SDK sends the same request again. */
  readonly #refused = new WeakMap<PipelineRequest, string>();
  readonly #asked = new WeakSet<PipelineRequest>();
  /** A token that was fresh when it was refused: another one would not help. */
  #hopeless: string | undefined;
  #claims: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the vault did not ask for these claims itself, so that a credential may ignore them. */
  asksFor(claims: string): boolean {
    return claims === this.#claims;
  }

  /** A request without a token; the SDK does not repeat its first one. */
  begin(request: PipelineRequest): void {
    this.#refused.set(request, '');
  }

  /** Handles the answer to a request with a token, and returns the answer that the SDK sees. */
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

  /** Whether the SDK would not send the request again, or has repeated it with the same token. */
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
