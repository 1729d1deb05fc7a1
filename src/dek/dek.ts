/** A DEK in memory, and the tokens that end its use once its scope is shredded. @module */
import { randomFillSync, type KeyObject } from 'node:crypto';
import type { Moment } from '../async/clock.js';
import { deriveCommitment, deriveFieldKey, importSecret } from '../crypto/key-schedule.js';
import type { DocumentPlace } from '../document/document-draft.js';
import { FieldEncryptionError } from '../errors/errors.js';
import type { LiveDekRow } from '../format/dek-row.js';
import { originOf } from '../store/dek-store.js';

/** Holds DEKs, and evicts one on request. */
interface DekHolder {
  invalidate(dekId: string): void;
}

/**
 * Represents one scope until this process shreds it. A call takes the scope's token when it begins, and a DEK
 * has the token from when its row was read or it was created: once the token is shredded, neither may be
 * used.
 */
export class ShredToken {
  readonly scopeId: string;
  readonly #holders = new Map<DekHolder, Set<string>>();
  #isShredded = false;

  constructor(scopeId: string) {
    this.scopeId = scopeId;
  }

  get isShredded(): boolean {
    return this.#isShredded;
  }

  /** @throws FieldEncryptionError `DEK_SHREDDED`: see {@link FieldEncryptor.shred}. */
  throwIfShredded(): void {
    if (!this.#isShredded) return;
    throw new FieldEncryptionError(
      'DEK_SHREDDED',
      `Scope ${this.scopeId} was shredded by this process after the call began, or after the document was opened: the data that its DEKs sealed cannot be read any more; a call that begins after "shred" has resolved creates a new DEK`,
    );
  }

  /** Called before the DEK is loaded: the holder evicts it when the scope is shredded. */
  watch(holder: DekHolder, dekId: string): void {
    const dekIds = this.#holders.get(holder) ?? new Set();
    this.#holders.set(holder, dekIds.add(dekId));
  }

  /** @internal Called by `ShredTokens` alone. */
  end(): void {
    this.#isShredded = true;
    for (const [holder, dekIds] of this.#holders) {
      for (const dekId of dekIds) holder.invalidate(dekId);
    }
    this.#holders.clear();
  }
}

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
  readonly pendingCreates: () => readonly LiveDekRow[];
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
  readonly #creates = new Map<string, Set<LiveDekRow>>();

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
        const left = (this.#shreds.get(scopeId) ?? 1) - 1;
        if (left > 0) {
          this.#shreds.set(scopeId, left);
          return;
        }
        this.#shreds.delete(scopeId);
        this.#tokens.delete(scopeId);
      },
    };
  }

  /** Sends the create of a row, and remembers it until it is answered. */
  async creating<T>(row: LiveDekRow, create: () => Promise<T>): Promise<T> {
    const rows = this.#creates.get(row.scopeId) ?? new Set();
    this.#creates.set(row.scopeId, rows.add(row));
    try {
      return await create();
    } finally {
      rows.delete(row);
      if (rows.size === 0) this.#creates.delete(row.scopeId);
    }
  }
}

export const DEK_BYTES = 32;

export type DekOrigin = Pick<Dek, 'token' | 'unwrappedAt'>;

/** Holds the key as a `KeyObject` in a private field, so that printing a DEK shows only its id. */
export class Dek {
  readonly id: string;
  readonly commitment: string;
  /** When its unwrap was sent, or it was created: the start of every limit on its use. */
  readonly unwrappedAt: Moment;
  /** Taken before its row was read, or before it was created. */
  readonly token: ShredToken;
  readonly #key: KeyObject;
  readonly #product: string;

  /** Takes ownership of the bytes and zeroes them. */
  constructor(product: string, id: string, bytes: Uint8Array, { unwrappedAt, token }: DekOrigin) {
    this.id = id;
    this.unwrappedAt = unwrappedAt;
    this.token = token;
    this.#product = product;
    this.commitment = deriveCommitment(bytes, product, id);
    this.#key = importSecret(bytes);
  }

  static generate(product: string, id: string, origin: DekOrigin): Dek {
    return new Dek(product, id, randomFillSync(Buffer.allocUnsafeSlow(DEK_BYTES)), origin);
  }

  fieldKey({ collection, keyParts }: DocumentPlace): KeyObject {
    return deriveFieldKey(this.#key, {
      product: this.#product,
      dekId: this.id,
      collection,
      keyParts,
    });
  }

  /** Lends the raw bytes, and zeroes them when `use` has settled. */
  async lend<T>(use: (bytes: Buffer) => Promise<T>): Promise<T> {
    const bytes = this.#key.export();
    try {
      return await use(bytes);
    } finally {
      bytes.fill(0);
    }
  }
}
