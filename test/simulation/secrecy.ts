import { ok } from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { CHANNELS } from '../support/secrets/secret-watch.js';
import { CANARY } from './ledger.js';

/** Of a call, its end: its message is complete at that point. */
const TOLD_LAST = CHANNELS.filter((name) => !/:(start|end|asyncStart)$/.test(name));

/** I13: nothing that is published holds plaintext or a key. */
export class Secrecy {
  readonly #emitted: string[] = [];
  readonly #listen = (message: unknown): void => {
    this.hears(message);
  };

  /** To every channel: published calls take other turns, so a seed needs it to happen in the same way. */
  listen(): void {
    for (const channel of TOLD_LAST) subscribe(channel, this.#listen);
  }

  stop(): void {
    for (const channel of TOLD_LAST) unsubscribe(channel, this.#listen);
  }

  hears(told: unknown): void {
    this.#emitted.push(told instanceof Error ? inspect(told) : JSON.stringify(told));
    const { error } = told as { readonly error?: unknown };
    if (error !== undefined) this.#emitted.push(inspect(error));
  }

  /** @param keys - Every key there ever was, in hex. */
  check(keys: Iterable<string>): void {
    const everything = this.#emitted.join('\n');
    ok(!everything.includes(CANARY), 'I13: plaintext was published');
    for (const hex of keys) {
      const key = Buffer.from(hex, 'hex');
      const forms = [hex, key.toString('base64'), key.toString('base64url')];
      ok(!forms.some((form) => everything.includes(form)), 'I13: a key was published');
    }
  }
}
