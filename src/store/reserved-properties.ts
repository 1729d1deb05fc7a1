/** Property names that a document store reserves. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import type { DocumentStore } from './document-store.js';

type Reserving = Pick<DocumentStore, 'reservedProperties'>;

/** @throws RangeError where a sealed field could not be stored. */
export function refuseReservedFields(
  { reservedProperties = [] }: Reserving,
  { fields }: AnyDefinition,
): void {
  const path = fields.find((each) => reservedProperties.includes(firstNameIn(each)));
  if (path === undefined) return;
  throw new RangeError(
    `The field path "${path}" cannot be stored: the database reserves the property "${firstNameIn(path)}"; rename it`,
  );
}

/** @throws RangeError for a document that is not stored yet, so the name can only come from the caller. */
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
    `The document cannot be stored: the database reserves the property "${name}"; rename it, or leave it out where the database set it`,
  );
}

function firstNameIn(path: string): string {
  return path.split(/[.[]/, 1)[0] ?? '';
}
