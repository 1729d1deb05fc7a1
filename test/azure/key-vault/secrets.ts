/** Secrets that passed by, and a search for them in whatever was let out. @module */
import { isUint8Array } from 'node:util/types';
import { inspect } from 'node:util';
import type { TokenCredential } from '@azure/identity';
import { expect } from 'vitest';

export class Secrets {
  readonly #bytes: Buffer[] = [];
  readonly #texts = new Set<string>();

  /** Bytes are searched in every spelling. */
  add(...secrets: readonly (string | Uint8Array)[]): void {
    for (const secret of secrets) {
      if (typeof secret === 'string') this.#texts.add(secret);
      else this.#addBytes(Buffer.from(secret));
    }
  }

  /** Adds each token that the credential gives. */
  watch(credential: TokenCredential): TokenCredential {
    return {
      getToken: async (scopes, options) => {
        const token = await credential.getToken(scopes, options);
        if (token) this.add(token.token);
        return token;
      },
    };
  }

  /** Where a secret is to be found; nothing, where there is none. */
  findIn(value: unknown): string[] {
    const shown = [
      inspect(value, { depth: Infinity, showHidden: true, getters: true, maxStringLength: null }),
      JSON.stringify(value, null, 1),
      String(value),
    ];
    const found = shown.flatMap((text, at) => (this.#isIn(text) ? [`shown ${String(at)}`] : []));
    return [...found, ...this.#findDeep(value, 'error', new Set())];
  }

  expectNoneIn(value: unknown): void {
    expect(this.#texts.size).toBeGreaterThan(0);
    expect(this.findIn(value)).toEqual([]);
  }

  #addBytes(bytes: Buffer): void {
    this.#bytes.push(bytes);
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      this.#texts.add(bytes.toString(encoding).replace(/=+$/, ''));
    }
  }

  #isIn(text: string): boolean {
    return [...this.#texts].some((secret) => text.includes(secret));
  }

  #findDeep(value: unknown, path: string, seen: Set<unknown>): string[] {
    if (typeof value === 'string') return this.#isIn(value) ? [path] : [];
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return [];
    if (seen.has(value)) return [];
    seen.add(value);
    if (isUint8Array(value)) {
      return this.#bytes.some((secret) => Buffer.from(value).includes(secret)) ? [path] : [];
    }
    const inside = value instanceof Map || value instanceof Set ? [...value] : [];
    return [
      ...inside.flatMap((each, at) => this.#findDeep(each, `${path}[${String(at)}]`, seen)),
      ...Reflect.ownKeys(value).flatMap((name) =>
        this.#findDeep(propertyOf(value, name), `${path}.${String(name)}`, seen),
      ),
    ];
  }
}

function propertyOf(holder: object, name: string | symbol): unknown {
  try {
    return Reflect.get(holder, name);
  } catch {
    return undefined;
  }
}
