/** Envelopes of a document where its definition declares no field. @module */
import { looksLikeEnvelope, type Envelope } from '../cipher/envelope.js';
import { isDekOf } from '../dek/key-scope.js';
import { FieldEncryptionError } from '../errors.js';
import { isPlainObject } from '../guards.js';
import type { AnyDocument } from './document-pages.js';
import type { StoredFields } from './stored-fields.js';

export interface StrayEnvelope {
  readonly path: string;
  readonly dekId: string;
}

/**
 * Sealed by another definition, an earlier one say. Nobody can move them to another DEK by this one, and
 * they must not be taken for absent. What was embedded from other documents does not count.
 */
export function strayEnvelopes(
  document: AnyDocument,
  { sealed, place }: Pick<StoredFields, 'place' | 'sealed'>,
): StrayEnvelope[] {
  const seen = new Set<unknown>(sealed.map(({ slot }) => slot.value));
  const found: StrayEnvelope[] = [];
  const left: [value: unknown, path: string][] = [[document, '']];
  for (let next = left.pop(); next; next = left.pop()) {
    const [value, path] = next;
    if (seen.has(value) || !(isPlainObject(value) || Array.isArray(value))) continue;
    seen.add(value);
    const dekId: unknown = looksLikeEnvelope(value) && (value as Partial<Envelope>).dekId;
    if (typeof dekId === 'string' && isDekOf(place.scope, dekId)) found.push({ path, dekId });
    for (const [name, each] of Object.entries(value)) left.push([each, pathTo(path, name, value)]);
  }
  return found;
}

export function strayEnvelope({ path, dekId }: StrayEnvelope): FieldEncryptionError {
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `The value at "${path}" is an envelope of this document, and the definition declares no field there: migrate with a definition that declares every field that was ever sealed`,
    { path, dekId },
  );
}

function pathTo(path: string, name: string, holder: object): string {
  if (Array.isArray(holder)) return `${path}[]`;
  return path === '' ? name : `${path}.${name}`;
}
