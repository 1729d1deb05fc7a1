/** Writes that wait for each other, and go together. @module */

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The items that were not taken, and why; none of the others failed. */
export type Refused<T> = ReadonlyMap<T, Error>;

/** One commit at a time; what arrives meanwhile is one batch, with one flush to disk for all of it. */
export class GroupCommit<T> {
  readonly #commit: (items: readonly T[]) => Promise<Refused<T>>;
  #waiting: Waiting<T>[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** @param commit - Rejects where it took none of the items. */
  constructor(commit: (items: readonly T[]) => Promise<Refused<T>>) {
    this.#commit = commit;
  }

  /** Resolves once the item is committed. Items are committed in the order of these calls. */
  write(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      void this.alone(() => this.#commitWaiting());
    });
  }

  /** Does other work between two commits. */
  alone<R>(work: () => Promise<R>): Promise<R> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #commitWaiting(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    // An earlier turn took them along.
    if (batch.length === 0) return;
    try {
      const refused = await this.#commit(batch.map(({ item }) => item));
      for (const { item, resolve, reject } of batch) {
        const error = refused.get(item);
        if (error) reject(error);
        else resolve();
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
