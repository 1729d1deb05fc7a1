/** The DEKs that one document names: a bounded number, whatever a writer puts into it. @module */
import { FieldEncryptionError } from '../errors/errors.js';

/** A valid document names one to three. */
export const MOST_DEKS_IN_DOCUMENT = 256;
/** DEKs of one document that are loaded concurrently. */
export const DEKS_AT_ONCE = 16;

export class DistinctDeks {
  readonly #dekIds = new Set<string>();

  /** Each dekId once. */
  get dekIds(): readonly string[] {
    return [...this.#dekIds];
  }

  /** @throws FieldEncryptionError `TOO_MANY_DEKS`. */
  add(dekId: string): void {
    this.#dekIds.add(dekId);
    if (this.#dekIds.size <= MOST_DEKS_IN_DOCUMENT) return;
    throw tooManyDeks(
      'The envelopes of the document name',
      'restore the document from a backup, and find out who wrote it',
    );
  }
}

/** @throws FieldEncryptionError `TOO_MANY_DEKS` for a scope with this many live rows. */
export function requireFewDeks(scopeId: string, rows: number): void {
  if (rows <= MOST_DEKS_IN_DOCUMENT) return;
  throw tooManyDeks(
    `Scope ${scopeId} has`,
    'read the document with decryptDocument, which loads only what it names, and find out who wrote the rows',
  );
}

function tooManyDeks(what: string, then: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'TOO_MANY_DEKS',
    `${what} more than ${String(MOST_DEKS_IN_DOCUMENT)} DEKs, and one to three are normal: ${then}`,
  );
}
