/** Changes a stored document in its decrypted form. @module */
import { isDeepStrictEqual } from 'node:util';
import { isUint8Array } from 'node:util/types';
import { draftOf } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { looksLikeEnvelope } from '../format/key-scope.js';
import { isPlainObject } from '../guards/guards.js';
import type { StoredDocumentItem } from '../store/document-store.js';
import type { DocumentReader } from './document-reader.js';
import type { ExpectedKey } from './expected-key.js';
import type { ChangeView } from './document-updater.js';
import { keepEnvelopes, type OpenedDocument } from './keep-envelopes.js';

type Loose = Record<string, unknown>;
type LooseItem = StoredDocumentItem<Loose>;

export interface DecryptedChangeParts {
  readonly definition: AnyDefinition;
  readonly reader: DocumentReader;
  /** Whether plaintext in a declared field will be sealed. */
  readonly seals: boolean;
  /** A store that returns another document must not show it to the change. */
  readonly key: ExpectedKey;
  readonly signal: AbortSignal | undefined;
}

/** One call: remembers what it opened last. */
export class DecryptedChange {
  readonly #parts: DecryptedChangeParts;
  #last: OpenedDocument | undefined;

  constructor(parts: DecryptedChangeParts) {
    this.#parts = parts;
  }

  /** The document decrypted, as a copy: the change may modify it. */
  async view(stored: Loose | undefined): Promise<ChangeView> {
    const opened = stored && { stored, opened: await this.#open(stored) };
    this.#last = opened;
    return {
      document: opened && copyOfOpened(opened.opened),
      toSeal: (changed) => this.#toSeal(changed, opened),
    };
  }

  /** The written document as a reader gets it. */
  async opened({ document, etag }: LooseItem): Promise<LooseItem> {
    const last = this.#last?.stored === document ? this.#last.opened : undefined;
    return { document: (last as Loose | undefined) ?? (await this.#open(document)), etag };
  }

  async #open(stored: Loose): Promise<Loose> {
    const { definition, reader, key: expect, signal } = this.#parts;
    return reader.read(definition, stored, { expect, signal });
  }

  #toSeal(changed: object, opened: OpenedDocument | undefined): Loose | undefined {
    const { definition } = this.#parts;
    const document = keepEnvelopes(definition, opened, changed);
    const isUnchanged = isDeepStrictEqual(document, opened?.stored) && !this.#hasToSeal(document);
    return isUnchanged ? undefined : document;
  }

  /** Plaintext that was read in mode `migrate` is sealed by any save. */
  #hasToSeal(document: object): boolean {
    const { definition, seals } = this.#parts;
    if (!seals) return false;
    return draftOf(document, definition).slots.some(
      ({ field, value }) =>
        field.stage !== 'opening' && value !== undefined && !looksLikeEnvelope(value),
    );
  }
}

/** Returns a copy of a decrypted document that its receiver may modify. */
export function copyOfOpened(opened: object): Loose {
  return copyOf(opened) as Loose;
}

/** Of JSON values and bytes; anything else that a store returns is shared. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (isUint8Array(value)) return new Uint8Array(value);
  if (!isPlainObject(value)) return value;
  // A property named `__proto__` stays a property.
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copyOf(each)]));
}
