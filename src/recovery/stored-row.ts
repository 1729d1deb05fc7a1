/** A DEK row as it is stored, whatever is wrong with it. @module */
import { hash } from 'node:crypto';
import { isDigest } from '../format/item-shape.js';
import { isScope, isScopeKind } from '../format/dek-row.js';
import { keyScope, type KeyScope, scopeIdIn, type ScopeKind } from '../format/key-scope.js';
import { isPlainObject } from '../guards/guards.js';
import type { StoredItem } from '../store/dek-store.js';

export class StoredRow {
  readonly item: StoredItem;
  /** The stored JSON text; absent where the store returns neither text nor value. */
  readonly text: string | undefined;
  readonly #properties: Readonly<Record<string, unknown>>;

  constructor(item: StoredItem) {
    const { value, text } = item;
    this.item = item;
    this.text = text ?? (value === undefined ? undefined : JSON.stringify(value));
    const content = value ?? parsed(text);
    this.#properties = isPlainObject(content) ? content : {};
  }

  /** The row, as far as it is an object. */
  get value(): unknown {
    return this.#properties;
  }

  /** The SHA-256 of the text: 64 hex digits. */
  get digest(): string {
    return hash('sha256', this.text ?? '', 'hex');
  }

  property(name: string): unknown {
    return Object.hasOwn(this.#properties, name) ? this.#properties[name] : undefined;
  }

  /** What the DEK must hash to; absent where that itself is damaged. */
  get commitment(): string | undefined {
    const commitment = this.property('commitment');
    return isDigest(commitment) ? (commitment as string) : undefined;
  }

  /** Only parts that are hashed into the row's own id: other parts could be anything. */
  scopeOf(dekId: string, product: string): KeyScope | undefined {
    const [kind, parts] = [this.property('scopeKind'), this.property('scope')];
    if (!isScopeKind(kind) || !isScope(parts)) return undefined;
    const scope = keyScope(kind as ScopeKind, product, parts as readonly string[]);
    return scope.scopeId === scopeIdIn(dekId) ? scope : undefined;
  }
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
