/** Tells what began before a shred of this process that it must not go on. @module */
import { FieldEncryptionError } from '../errors/errors.js';

/** Holds DEKs, and gives one up on request. */
export interface DekHolder {
  invalidate(dekId: string): void;
}

/**
 * One scope, for as long as this process does not shred it. A call takes the scope's token when it begins,
 * and a DEK has the token from when its row was read or it was made: once that is shredded, neither is of use.
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

  /** From before the DEK is loaded: the holder gives it up when the scope is shredded. */
  watch(holder: DekHolder, dekId: string): void {
    const dekIds = this.#holders.get(holder) ?? new Set();
    this.#holders.set(holder, dekIds.add(dekId));
  }

  /** @internal To be called by `ShredTokens` alone. */
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
    `Scope ${scopeId} was shredded by this process after the call began, or after the document was opened: what its DEKs sealed cannot be read any more; a call that begins after "shred" has resolved makes a new DEK`,
  );
}
