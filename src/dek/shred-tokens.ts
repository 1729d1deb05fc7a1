/** The shred tokens of all scopes of one DEK store in this process. @module */
import { originOf } from '../store/dek-store.js';
import type { ActiveDekRow } from '../format/dek-row.js';
import { ShredToken } from './shred-token.js';

// By store object: all encryptors and runs over one store must know each other's shreds.
const tokensOfStores = new WeakMap<object, ShredTokens>();

/** @param store - The caller's own, or a wrapper of it that the library made. */
export function shredTokensOf(store: object): ShredTokens {
  const origin = originOf(store);
  const known = tokensOfStores.get(origin);
  if (known) return known;
  const tokens = new ShredTokens();
  tokensOfStores.set(origin, tokens);
  return tokens;
}

/** A shred of one scope in progress. */
export interface ScopeShred {
  /** Rows whose create this process has sent without an answer yet: they may land at any time. */
  readonly pendingCreates: () => readonly ActiveDekRow[];
  /** Called exactly once, however the shred ended. */
  readonly end: () => void;
}

export class ShredTokens {
  /** Weak references: a token exists while a call, a document or a DEK holds it, and then uses no memory. */
  readonly #tokens = new Map<string, WeakRef<ShredToken>>();
  readonly #collected = new FinalizationRegistry<string>((scopeId) => {
    if (!this.#tokens.get(scopeId)?.deref()) this.#tokens.delete(scopeId);
  });
  /** How many shreds of a scope are in progress. */
  readonly #shreds = new Map<string, number>();
  readonly #creates = new Map<string, Set<ActiveDekRow>>();

  /** Remembered scopes: those whose token is held, and a few until they are garbage-collected. */
  get size(): number {
    return this.#tokens.size;
  }

  /** The token for a call that begins now; already shredded while a shred is in progress. */
  of(scopeId: string): ShredToken {
    const known = this.#tokens.get(scopeId)?.deref();
    if (known) return known;
    const token = new ShredToken(scopeId);
    if (this.#shreds.has(scopeId)) token.end();
    this.#tokens.set(scopeId, new WeakRef(token));
    this.#collected.register(token, scopeId);
    return token;
  }

  /** Ends everything that has begun for the scope, and everything that begins before the shred ends. */
  beginShred(scopeId: string): ScopeShred {
    this.#tokens.get(scopeId)?.deref()?.end();
    this.#shreds.set(scopeId, (this.#shreds.get(scopeId) ?? 0) + 1);
    return {
      pendingCreates: () => [...(this.#creates.get(scopeId) ?? [])],
      end: () => {
        this.#endShred(scopeId);
      },
    };
  }

  /** Sends the create of a row, and remembers it until it is answered. */
  async creating<T>(row: ActiveDekRow, create: () => Promise<T>): Promise<T> {
    const rows = this.#creates.get(row.scopeId) ?? new Set();
    this.#creates.set(row.scopeId, rows.add(row));
    try {
      return await create();
    } finally {
      rows.delete(row);
      if (rows.size === 0) this.#creates.delete(row.scopeId);
    }
  }

  #endShred(scopeId: string): void {
    const left = (this.#shreds.get(scopeId) ?? 1) - 1;
    if (left > 0) {
      this.#shreds.set(scopeId, left);
      return;
    }
    this.#shreds.delete(scopeId);
    this.#tokens.delete(scopeId);
  }
}
