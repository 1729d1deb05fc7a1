/** Knows what a run has asked of key services so far. @module */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { diagnosticsChannels, type RunMessage } from '@bytelyst/field-encrypt';
import type { VaultFigures } from '../report/progress.js';

/** The totals of the run that published last: those of its summary, as far as it is. */
export class VaultMeter {
  #figures: VaultFigures = { vaultOps: 0, throttled: 0 };
  #isOn = false;
  #isListening = false;

  readonly #onMessage = (message: unknown): void => {
    const { vaultOps = 0, throttled = 0 } = message as RunMessage;
    this.#figures = { vaultOps, throttled };
    this.#ignore();
  };

  start(): void {
    this.#isOn = true;
    this.#listen();
  }

  stop(): void {
    this.#isOn = false;
    this.#ignore();
  }

  /** As of the first event after the last call: with a listener all the time, each event would cost a message. */
  get figures(): VaultFigures {
    if (this.#isOn) this.#listen();
    return this.#figures;
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    subscribe(diagnosticsChannels.run, this.#onMessage);
  }

  #ignore(): void {
    this.#isListening = false;
    unsubscribe(diagnosticsChannels.run, this.#onMessage);
  }
}
