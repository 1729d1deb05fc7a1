/** Ends work that began before a shred of this process. @module */
import { FieldEncryptionError } from '../errors/errors.js';

/** Holds DEKs, and evicts one on request. */
export interface DekHolder {
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
    if (this.#isShredded) throw shreddedHere(this.scopeId);
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

function shreddedHere(scopeId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEK_SHREDDED',
    `Scope ${scopeId} was shredded by this process after the call began, or after the document was opened: the data that its DEKs sealed cannot be read any more; a call that begins after "shred" has resolved creates a new DEK`,
  );
}
