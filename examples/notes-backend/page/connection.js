/** Server-sent events with a header, which `EventSource` cannot send. */
import { createParser } from '/ops/eventsource-parser.js';

const LEAST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 30_000;
/** The service says something every 15 seconds: after this long, the line is dead. */
const SILENCE_MS = 40_000;

export class Connection {
  #token;
  #on;
  #ending = new AbortController();
  #lastEventId;
  #waitMs = LEAST_WAIT_MS;

  /** @param on - `update(data)`, `lost(problem)` and, where the token is not accepted, `refused(status)`. */
  constructor(token, on) {
    this.#token = token;
    this.#on = on;
  }

  async start() {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const problem = await this.#stream().catch(problemOf);
      if (signal.aborted) return;
      if (problem !== undefined) this.#on.lost(problem);
      await waited(problem === undefined ? LEAST_WAIT_MS : this.#waitMs, signal);
      if (problem !== undefined) this.#waitMs = Math.min(this.#waitMs * 2, MOST_WAIT_MS);
    }
  }

  stop() {
    this.#ending.abort();
  }

  /** @returns `undefined` where the service ended the stream as planned; else what is wrong. */
  async #stream() {
    const attempt = new AbortController();
    const end = () => attempt.abort();
    this.#ending.signal.addEventListener('abort', end);
    let silence = setTimeout(end, SILENCE_MS);
    try {
      const response = await fetch('/ops/events', {
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(this.#lastEventId && { 'last-event-id': this.#lastEventId }),
        },
        cache: 'no-store',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        redirect: 'error',
        signal: attempt.signal,
      });
      if (response.status === 401 || response.status === 403) {
        this.stop();
        this.#on.refused(response.status);
        return undefined;
      }
      if (!response.ok) {
        this.#waitMs = 1_000 * Number(response.headers.get('retry-after') ?? 5);
        return `the service answers ${response.status}`;
      }
      let hasEvents = false;
      const parser = createParser({
        onEvent: ({ id, data }) => {
          hasEvents = true;
          this.#waitMs = LEAST_WAIT_MS;
          if (id) this.#lastEventId = id;
          this.#update(JSON.parse(data));
        },
      });
      for await (const text of textsOf(response.body)) {
        clearTimeout(silence);
        silence = setTimeout(end, SILENCE_MS);
        parser.feed(text);
      }
      return hasEvents ? undefined : 'the service says nothing';
    } finally {
      clearTimeout(silence);
      this.#ending.signal.removeEventListener('abort', end);
    }
  }

  /** A mistake of this page is none of the connection. */
  #update(data) {
    try {
      this.#on.update(data);
    } catch (error) {
      reportError(error);
    }
  }
}

function problemOf({ name }) {
  return name === 'AbortError' ? 'the service says nothing' : 'the service cannot be reached';
}

/** Not every browser can iterate over a stream by itself. */
async function* textsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function waited(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
