/** Counts what the library asks of key services, while it runs. @module */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { diagnosticsChannels, type RetryMessage } from '@bytelyst/field-encrypt';
import type { VaultFigures } from '../report/progress.js';

const THROTTLED = 'KEY_PROVIDER_THROTTLED';

export class VaultMeter {
  #vaultOps = 0;
  #throttled = 0;

  readonly #onCall = (): void => {
    this.#vaultOps += 1;
  };
  readonly #onEnd = (message: unknown): void => {
    if ((message as { readonly errorCode?: string }).errorCode === THROTTLED) this.#throttled += 1;
  };
  readonly #onRetry = (message: unknown): void => {
    this.#vaultOps += 1;
    if ((message as RetryMessage).errorCode === THROTTLED) this.#throttled += 1;
  };

  start(): void {
    for (const name of [diagnosticsChannels.wrap, diagnosticsChannels.unwrap]) {
      subscribe(`tracing:${name}:start`, this.#onCall);
      subscribe(`tracing:${name}:asyncEnd`, this.#onEnd);
    }
    subscribe(diagnosticsChannels.retry, this.#onRetry);
  }

  stop(): void {
    for (const name of [diagnosticsChannels.wrap, diagnosticsChannels.unwrap]) {
      unsubscribe(`tracing:${name}:start`, this.#onCall);
      unsubscribe(`tracing:${name}:asyncEnd`, this.#onEnd);
    }
    unsubscribe(diagnosticsChannels.retry, this.#onRetry);
  }

  get figures(): VaultFigures {
    return { vaultOps: this.#vaultOps, throttled: this.#throttled };
  }
}
