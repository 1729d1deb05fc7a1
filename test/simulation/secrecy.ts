import { ok } from 'node:assert/strict';
import { inspect } from 'node:util';
import { CANARY } from './ledger.js';

/** I13: nothing that is told to anybody holds plaintext or a key. */
export class Secrecy {
  readonly #emitted: string[] = [];

  hears(told: unknown): void {
    this.#emitted.push(told instanceof Error ? inspect(told) : JSON.stringify(told));
    const { error } = told as { readonly error?: unknown };
    if (error !== undefined) this.#emitted.push(inspect(error));
  }

  /** @param keys - Every key there ever was, in hex. */
  check(keys: Iterable<string>): void {
    const everything = this.#emitted.join('\n');
    ok(!everything.includes(CANARY), 'I13: plaintext was told');
    for (const hex of keys) {
      const key = Buffer.from(hex, 'hex');
      const forms = [hex, key.toString('base64'), key.toString('base64url')];
      ok(!forms.some((form) => everything.includes(form)), 'I13: a key was told');
    }
  }
}
