/** The key parts that a caller expects of a document. @module */
import type { DocumentPlace } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { TamperedError } from '../errors/errors.js';
import { requireIdentifier, requirePlainObject } from '../guards/guards.js';

/** Expected key parts, by name. */
export type ExpectedKey = Readonly<Partial<Record<string, string>>>;

/** Checked once for a whole list, so that a mistake of the caller is not reported for each document. */
export function requireKeyParts(definition: AnyDefinition, expect: ExpectedKey): void {
  requirePlainObject('expect', expect);
  const parts = Object.entries(expect);
  if (parts.length === 0) {
    throw new RangeError(
      `"expect" names no key part: expected one or more of ${definition.key.join(', ')}`,
    );
  }
  for (const [name, expected] of parts) {
    if (!definition.key.includes(name)) {
      throw new RangeError(`"expect" names "${name}", which is not a key part`);
    }
    requireIdentifier(`expect.${name}`, expected);
  }
}

export function requireExpected(
  definition: AnyDefinition,
  place: DocumentPlace,
  expect: ExpectedKey,
): void {
  for (const [index, name] of definition.key.entries()) {
    if (Object.hasOwn(expect, name) && place.keyParts[index] !== expect[name]) {
      throw new TamperedError(
        `The document is not the one that was expected: its key part "${name}" differs`,
      );
    }
  }
}
