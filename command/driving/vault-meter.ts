/** Knows what a run has asked of key services so far. @module */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { diagnosticsChannels, type RunMessage } from '@bytelyst/field-encrypt';
import type { VaultFigures } from '../report/progress.js';

/** Of the run that published last: its own totals, which are those of its summary. */
export class VaultMeter {
  #figures: VaultFigures = { vaultOps: 0, throttled: 0 };

  readonly #onMessage = (message: unknown): void => {
    const { vaultOps = 0, throttled = 0 } = message as RunMessage;
    this.#figures = { vaultOps, throttled };
  };

  start(): void {
    subscribe(diagnosticsChannels.run, this.#onMessage);
  }

  stop(): void {
    unsubscribe(diagnosticsChannels.run, this.#onMessage);
  }

  get figures(): VaultFigures {
    return this.#figures;
  }
}
