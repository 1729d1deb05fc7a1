/** All watchers share one session; nothing is read, counted or kept while there is none. @module */
import { once } from 'node:events';
import { OperatorSession, type SessionParts } from './operator-session.js';

export interface OperatorWatchOptions extends SessionParts {
  /** @default 20 */
  readonly mostWatchers?: number;
  /** How long it goes on after the last watcher: a page that connects again misses nothing. @default 15 000 */
  readonly lingerMs?: number;
}

export interface Watcher {
  /** The event stream, until `stop`. A slow watcher gets fewer events, and always the newest state. */
  readonly events: AsyncGenerator<string>;
  readonly stop: () => void;
}

const KEEP_ALIVE_MS = 15_000;

export class OperatorWatch {
  readonly #options: OperatorWatchOptions;
  readonly #watchers = new Set<AbortController>();
  #session: OperatorSession | undefined;
  #linger: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: OperatorWatchOptions) {
    this.#options = options;
  }

  /** Whether it works: from the first watcher on, and a little longer than the last one stays. */
  get isActive(): boolean {
    return this.#session !== undefined;
  }

  /**
   * @param lastEventId - Of a watcher that was connected before: its points are sent on from there.
   * @returns `undefined` where too many watch already, or the server closes.
   */
  watch(lastEventId: string | undefined): Watcher | undefined {
    const { mostWatchers = 20 } = this.#options;
    if (this.#isClosed || this.#watchers.size >= mostWatchers) return undefined;
    const ending = new AbortController();
    this.#watchers.add(ending);
    clearTimeout(this.#linger);
    const session = this.#session ?? this.#begin();
    return {
      events: eventsOf(session, lastEventId, ending.signal),
      stop: () => {
        ending.abort();
        if (this.#watchers.delete(ending) && this.#watchers.size === 0) this.#endSoon();
      },
    };
  }

  /** Ends all streams: a server that closes waits for them. */
  close(): void {
    this.#isClosed = true;
    for (const each of this.#watchers) each.abort();
    this.#end();
  }

  #begin(): OperatorSession {
    const session = new OperatorSession(this.#options);
    this.#session = session;
    session.start();
    return session;
  }

  #endSoon(): void {
    const end = (): void => {
      this.#end();
    };
    this.#linger = setTimeout(end, this.#options.lingerMs ?? KEEP_ALIVE_MS).unref();
  }

  #end(): void {
    clearTimeout(this.#linger);
    this.#session?.stop();
    this.#session = undefined;
  }
}

async function* eventsOf(
  session: OperatorSession,
  lastEventId: string | undefined,
  ended: AbortSignal,
): AsyncGenerator<string> {
  let known = session.revisionIn(lastEventId);
  // A watcher that comes back gets the state at once, too.
  let sent = 0;
  yield 'retry: 1000\n\n';
  while (!ended.aborted) {
    if (session.revision > sent) {
      sent = session.revision;
      yield session.eventAfter(known);
      known = sent;
    } else if ((await nextChange(session, ended)) === 'none') yield ': nothing new\n\n';
  }
}

/** @returns `none` where nothing has changed for a while. */
async function nextChange(
  { changes }: OperatorSession,
  ended: AbortSignal,
): Promise<'changed' | 'ended' | 'none'> {
  const waiting = new AbortController();
  const stop = (): void => {
    waiting.abort();
  };
  const timer = setTimeout(stop, KEEP_ALIVE_MS).unref();
  ended.addEventListener('abort', stop);
  try {
    await once(changes, 'change', { signal: waiting.signal });
    return 'changed';
  } catch {
    return ended.aborted ? 'ended' : 'none';
  } finally {
    clearTimeout(timer);
    ended.removeEventListener('abort', stop);
  }
}
