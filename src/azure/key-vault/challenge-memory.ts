/** Sees to it that no request without a token has a body. @module */
import type { KeyClientOptions } from '@azure/keyvault-keys';
import type { RefusedTokens } from './refused-tokens.js';

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
 * A client of the SDK learns it from a first request without a token, and sends that one without its
 * body. Requests beside it, or after one that failed, would go out with theirs: a DEK that nobody
 * was authenticated for. Once a challenge has led to a token that the vault takes, it is answered from
 * here; until then it may be that of a proxy, and the vault is asked again.
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
   * A fresh one for each client.
   *
   * @param onAuthorized - Called before each request that has a token.
   */
  policy(onAuthorized: () => void = ignore): AdditionalPolicy {
    const sendRequest: SendRequest = (request, next) => {
      if (!request.headers.has('authorization')) return this.#sendWithoutToken(request, next);
      onAuthorized();
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
    // One that comes with claims is for one token, not for everybody.
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

function ignore(): void {
  // Nobody waits for it.
}
