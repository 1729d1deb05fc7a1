/** Refuses unusable parts of migrations and searches, before anything is read or written. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import {
  describeType,
  inWords,
  requireFunction,
  requireIdentifier,
  requireMethods,
} from '../guards/guards.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';

/** Checks capabilities, not the class: two copies of this package may be installed. */
export function requireDefinition(
  name: string,
  definition: unknown,
): asserts definition is AnyDefinition {
  const { key, tree, storedField, declaredField } = (definition ?? {}) as Partial<AnyDefinition>;
  const isWhole = [storedField, declaredField].every((member) => typeof member === 'function');
  if (isWhole && Array.isArray(key) && Array.isArray(tree)) return;
  const got = describeType(definition);
  throw new TypeError(`"${name}" expected a definition made by defineDocument, got ${got}`);
}

/** The definitions of one or more collections. */
export function requireDefinitions(definitions: readonly AnyDefinition[]): void {
  const isList: boolean = Array.isArray(definitions);
  if (!isList || definitions.length === 0) {
    throw new TypeError('"definitions" expected a list with at least one definition');
  }
  for (const [index, each] of definitions.entries()) {
    requireDefinition(`definitions[${String(index)}]`, each);
  }
}

/** A DEK store has methods with the same names, and would be searched for documents. */
export function requireDocumentStore(
  name: string,
  methods: readonly (keyof DocumentStore)[],
  store: unknown,
): asserts store is DocumentStore<object> {
  const what = 'a document store';
  requireMethods(name, what, methods, store);
  if (!('listScope' in (store as object))) return;
  throw new TypeError(`"${name}" expected ${what} with ${inWords(methods)}, got a DEK store`);
}

export function requireDekStore(
  name: string,
  methods: readonly (keyof DekStore)[],
  store: unknown,
): asserts store is DekStore {
  requireMethods(name, 'a DEK store', methods, store);
}

/** A provider that only needs to unwrap. */
export function requireKeyProvider(
  name: string,
  provider: unknown,
): asserts provider is KeyProvider {
  if (typeof provider !== 'object' || provider === null) {
    throw new TypeError(`"${name}" expected a key provider, got ${describeType(provider)}`);
  }
  const { id, mekName, unwrapKey } = provider as Partial<KeyProvider>;
  requireIdentifier(`${name}.id`, id);
  requireIdentifier(`${name}.mekName`, mekName);
  requireFunction(`${name}.unwrapKey`, unwrapKey);
}
