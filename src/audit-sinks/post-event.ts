/** One request to the audit service. @module */
import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

/** What is read of an answer before its connection is closed. */
const MOST_ANSWER_BYTES = 65_536;
const UNAVAILABLE: readonly number[] = [429, 503];

export interface EventRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter?: string;
}

/**
 * Not `fetch`: its sockets keep the process alive while the service does not answer. A redirect is an answer like any
 * other, and is not followed.
 */
export class EventPoster {
  readonly #url: URL;
  readonly #timeoutMs: number;
  readonly #agent: HttpAgent;

  constructor(url: URL, timeoutMs: number) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    const options = { keepAlive: true, maxFreeSockets: 1 };
    this.#agent = this.#isSecure ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Rejects with an error that has a `code` where there is no answer. */
  post({ headers, body }: EventRequest, signal: AbortSignal): Promise<Answer> {
    const send = this.#isSecure ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', headers, agent: this.#agent, signal };
      const request = send(this.#url, options, (response) => {
        resolve(answerOf(response));
        drain(response);
      });
      // Real time, even where a test injects a clock: the network does too. Keeps no process alive.
      const deadline = AbortSignal.timeout(this.#timeoutMs);
      const stop = (): void => {
        request.destroy(Object.assign(new Error('No answer in time'), { code: 'TIMEOUT' }));
      };
      deadline.addEventListener('abort', stop);
      request.on('close', () => {
        deadline.removeEventListener('abort', stop);
      });
      request.on('socket', (socket) => {
        socket.unref();
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  get #isSecure(): boolean {
    return this.#url.protocol === 'https:';
  }
}

function answerOf({ statusCode = 0, headers }: IncomingMessage): Answer {
  const retryAfter = UNAVAILABLE.includes(statusCode) ? headers['retry-after'] : undefined;
  return { status: statusCode, ...(retryAfter !== undefined && { retryAfter }) };
}

/** Else the connection could not be used again. */
function drain(response: IncomingMessage): void {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) response.destroy();
  });
  // The status has been read.
  response.on('error', () => undefined);
}
