/** Names that a document store keeps for itself. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import type { DocumentStore } from './document-store.js';

type Reserving = Pick<DocumentStore, 'reservedProperties'>;

/** @throws RangeError where what is sealed could not be stored. */
export function refuseReservedFields(
  { reservedProperties = [] }: Reserving,
  { fields }: AnyDefinition,
): void {
  const path = fields.find((each) => reservedProperties.includes(firstNameIn(each)));
  if (path === undefined) return;
  throw new RangeError(
    `The field path "${path}" cannot be stored: the database keeps the property "${firstNameIn(path)}" for itself; give it another name`,
  );
}

/** @throws RangeError for a document that is not stored yet, so that the name can only be its own. */
export function refuseReservedProperties(
  { reservedProperties = [] }: Reserving,
  document: object,
): void {
  const own = document as Readonly<Record<string, unknown>>;
  const name = reservedProperties.find(
    (each) => Object.hasOwn(own, each) && own[each] !== undefined,
  );
  if (name === undefined) return;
  throw new RangeError(
    `The document cannot be stored: the database keeps the property "${name}" for itself; give it another name, or leave it out where the database set it`,
  );
}

function firstNameIn(path: string): string {
  return path.split(/[.[]/, 1)[0] ?? '';
}
