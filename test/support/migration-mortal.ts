type Method = (...args: readonly unknown[]) => Promise<unknown>;

export interface MortalOptions {
  /** The call with which it stops, whatever it goes to, from 1 on; or the write. */
  readonly after: number;
  readonly counts: 'calls' | 'writes';
  /** Otherwise it goes on once the call is answered. */
  readonly dies: boolean;
}

/**
 * A process that stops with a call on its way. Where it dies, what it has already sent may still be
 * executed, and no answer reaches it any more.
 */
export class Mortal {
  readonly stop: Promise<void>;
  hasStopped = false;
  readonly #options: MortalOptions;
  #calls = 0;
  #stopped: () => void = () => undefined;

  constructor(options: MortalOptions) {
    this.#options = options;
    this.stop = new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /** What the process is given in place of `target`. */
  over<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_target, name): unknown => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: readonly unknown[]) =>
          this.#call(String(name), () => (member as Method).apply(target, [...args]));
      },
    });
  }

  async #call(method: string, send: () => Promise<unknown>): Promise<unknown> {
    if (this.#isDead()) return forEver();
    const { after, counts } = this.#options;
    if (counts === 'calls' || isWrite(method)) this.#calls += 1;
    if (this.#calls === after && !this.hasStopped) {
      this.hasStopped = true;
      this.#stopped();
    }
    try {
      const value = await send();
      return this.#isDead() ? await forEver() : value;
    } catch (error) {
      if (this.#isDead()) return forEver();
      throw error;
    }
  }

  #isDead(): boolean {
    return this.hasStopped && this.#options.dies;
  }
}

/** Of a row or a document. */
export function isWrite(method: string): boolean {
  return method === 'create' || method === 'replace';
}

function forEver(): Promise<never> {
  return new Promise(() => undefined);
}
