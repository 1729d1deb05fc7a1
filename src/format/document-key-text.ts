/** A document's key as one text, for stores that have a single key column. @module */
import { requireIdentifier } from '../guards/guards.js';

/** Different for different parts, however they are cut; safe in a TEXT column, U+0000 included. */
export function documentKeyText(key: readonly string[], document: object): string {
  const parts = key.map((name) => {
    const part = Object.hasOwn(document, name)
      ? (document as Record<string, unknown>)[name]
      : undefined;
    requireIdentifier(name, part);
    return part;
  });
  return JSON.stringify(parts);
}
