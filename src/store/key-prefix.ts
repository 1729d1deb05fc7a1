/** The key prefix of a listing, and the continuations that belong to it. @module */
import { readOptions, requireIdentifier, requirePlainObject } from '../guards/guards.js';
import { DOCUMENT_LIST_OPTIONS, type ListDocumentsOptions } from './document-store.js';

const MARK = 'prefix:';

/** The first parts of a key; none where all documents are listed. */
export class KeyPrefix {
  readonly parts: readonly string[];
  /** The texts of `documentKeyText` that begin with this text are those with the prefix. */
  readonly text: string;
  readonly #mark: string;

  /** @throws TypeError or RangeError unless the prefix has the first parts of the key, and nothing else. */
  constructor(key: readonly string[], prefix: ListDocumentsOptions['prefix']) {
    this.parts = prefix === undefined ? [] : partsOf(key, prefix);
    const text = JSON.stringify(this.parts);
    this.text = text.slice(0, -1);
    this.#mark = this.parts.length === 0 ? '' : `${MARK}${text}:`;
  }

  /** Adds the prefix to the continuation of a page. */
  mark<Page extends { readonly continuation?: string }>(page: Page): Page {
    // An own property: a polluted prototype must not supply one.
    const continuation = Object.hasOwn(page, 'continuation') ? page.continuation : undefined;
    if (continuation === undefined) return page;
    return { ...page, continuation: `${this.#mark}${continuation}` };
  }

  /**
   * Returns the continuation without the prefix.
   *
   * @throws RangeError where it belongs to another prefix: the listing would skip documents.
   */
  unmark(continuation: string): string {
    const own = continuation.slice(this.#mark.length);
    const isOwn = continuation.startsWith(this.#mark) && !own.startsWith(MARK);
    if (isOwn) return own;
    throw new RangeError(
      '"continuation" expected one that list returned for the same "prefix", got another text',
    );
  }
}

function partsOf(key: readonly string[], prefix: object): readonly string[] {
  requirePlainObject('prefix', prefix);
  // Own properties alone: a part that is missing must not be taken from a prototype.
  const own: Readonly<Record<string, unknown>> = readOptions(prefix, key, 'prefix');
  const count = Object.keys(own).length;
  const names = key.slice(0, count);
  if (count === 0 || names.some((name) => !Object.hasOwn(own, name))) {
    throw new RangeError(
      `"prefix" expected the first of these key parts, without a gap: ${key.join(', ')}`,
    );
  }
  return names.map((name) => {
    const part = own[name];
    requireIdentifier(`prefix.${name}`, part);
    return part;
  });
}

/** The options of a listing: the continuation is the store's own. */
export interface DocumentListing extends Omit<ListDocumentsOptions, 'prefix'> {
  readonly prefix: KeyPrefix;
}

/** @param key - The names of the key parts. */
export function readDocumentListing(
  key: readonly string[],
  options: ListDocumentsOptions = {},
): DocumentListing {
  const own = readOptions(options, DOCUMENT_LIST_OPTIONS);
  const { continuation, signal, onRequestCharge, pageSize = 100 } = own;
  const prefix = new KeyPrefix(key, own.prefix);
  return {
    pageSize,
    continuation: continuation === undefined ? undefined : prefix.unmark(continuation),
    signal,
    onRequestCharge,
    prefix,
  };
}
