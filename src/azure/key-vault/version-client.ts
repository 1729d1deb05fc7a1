/** One client of the SDK, whose first call has it for itself. @module */
import type { CryptographyClient } from '@azure/keyvault-keys';

type Call<T> = (client: CryptographyClient) => Promise<T>;

interface Failure {
  readonly error: unknown;
}

/**
 * The SDK's client mixes up the bodies of calls that begin before it has a token: one of them would
 * be sent empty, and refused. So the first one runs alone until it has one.
 */
export class VersionClient {
  readonly #client: CryptographyClient;
  #isAuthorized = false;
  /** Settles as soon as others may go on; with the failure, where they would have the same one. */
  #first: Promise<Failure | undefined> | undefined;
  #letOthersGo: (failure?: Failure) => void = ignore;

  constructor(make: (onAuthorized: () => void) => CryptographyClient) {
    this.#client = make(() => {
      this.#isAuthorized = true;
      this.#letOthersGo();
    });
  }

  /** @param signal - The caller's own: what it ends is no failure for others. */
  async use<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    while (!this.#isAuthorized) {
      if (!this.#first) return this.#callFirst(call, signal);
      const failure = await this.#first;
      // Tried one after the other, a hundred callers would wait for a hundred timeouts.
      if (failure) throw failure.error;
    }
    return call(this.#client);
  }

  async #callFirst<T>(call: Call<T>, signal: AbortSignal | undefined): Promise<T> {
    this.#first = new Promise((resolve) => {
      this.#letOthersGo = resolve;
    });
    try {
      return await call(this.#client);
    } catch (error) {
      if (!this.#isAuthorized && signal?.aborted !== true) this.#letOthersGo({ error });
      throw error;
    } finally {
      this.#letOthersGo();
      this.#first = undefined;
    }
  }
}

function ignore(): void {
  // Nobody waits yet.
}
