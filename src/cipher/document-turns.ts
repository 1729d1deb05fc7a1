/** Serialises calls of one process that change the same document. @module */
import type { Clock } from '../async/clock.js';
import { untilAborted } from '../async/abort.js';

/** After this wait a call continues out of turn: etags protect documents, and turns only save work. */
const PATIENCE_MS = 10_000;

export interface TurnOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

type Lines = Map<string, DocumentLine>;

const linesOfStores = new WeakMap<object, Lines>();

/**
 * Waits until no other call of this process changes the document.
 *
 * A call that begins while the previous one awaits its own asynchronous change function gets its turn at
 * once, and the etags decide: that function may have made the call, and waits for it.
 *
 * @throws The signal's reason.
 */
export async function takeTurn(
  store: object,
  identity: string,
  options: TurnOptions,
): Promise<DocumentTurn> {
  options.signal?.throwIfAborted();
  const lines = linesOf(store);
  const line = lines.get(identity);
  if (line) return line.wait(options);
  const first = new DocumentLine(() => lines.delete(identity));
  lines.set(identity, first);
  return first.holder;
}

function linesOf(store: object): Lines {
  const known = linesOfStores.get(store);
  if (known) return known;
  const lines: Lines = new Map();
  linesOfStores.set(store, lines);
  return lines;
}

/** One call's place in the queue. */
export class DocumentTurn {
  readonly #line: DocumentLine;

  constructor(line: DocumentLine) {
    this.#line = line;
  }

  /** Runs the caller's change. It may wait for anything, including another call for this document. */
  async during<T>(work: () => T | Promise<T>): Promise<T> {
    const isHolder = this.#line.holder === this;
    if (isHolder) this.#line.isChanging = true;
    try {
      return await work();
    } finally {
      if (isHolder) this.#line.isChanging = false;
    }
  }

  /** Called exactly once, however the call ended. */
  end(): void {
    this.#line.leave(this);
  }
}

class DocumentLine {
  holder: DocumentTurn = new DocumentTurn(this);
  isChanging = false;
  readonly #waiting = new Map<DocumentTurn, () => void>();
  readonly #onEmpty: () => void;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  async wait({ clock, signal }: TurnOptions): Promise<DocumentTurn> {
    const turn = new DocumentTurn(this);
    if (this.isChanging) return turn;
    const called = new Promise<void>((resolve) => this.#waiting.set(turn, resolve));
    const done = new AbortController();
    const impatience = clock.sleep(PATIENCE_MS, done.signal).catch(() => undefined);
    try {
      await untilAborted(Promise.race([called, impatience]), signal);
      this.#waiting.delete(turn);
      return turn;
    } catch (error) {
      turn.end();
      throw error;
    } finally {
      done.abort();
    }
  }

  leave(turn: DocumentTurn): void {
    this.#waiting.delete(turn);
    if (this.holder !== turn) return;
    const [next] = this.#waiting;
    if (!next) {
      this.#onEmpty();
      return;
    }
    const [holder, call] = next;
    this.#waiting.delete(holder);
    this.holder = holder;
    call();
  }
}
