/** The definitions that each encryptor has registered. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import { byCollection, type CollectionDefinitions } from '../run/definition-record.js';

export class DefinitionRegistry {
  #byCollection: ReadonlyMap<string, CollectionDefinitions> = new Map();

  get all(): readonly CollectionDefinitions[] {
    return [...this.#byCollection.values()];
  }

  add(definitions: readonly AnyDefinition[]): void {
    this.#byCollection = this.#with(definitions);
  }

  /** The collections of these definitions, each with those that were registered earlier. */
  collectionsOf(definitions: readonly AnyDefinition[]): readonly CollectionDefinitions[] {
    const named = new Set(definitions.map(({ collection }) => collection));
    return [...this.#with(definitions)].flatMap(([name, each]) => (named.has(name) ? [each] : []));
  }

  #with(definitions: readonly AnyDefinition[]): ReadonlyMap<string, CollectionDefinitions> {
    return byCollection(definitions, this.#byCollection);
  }
}

const registries = new WeakMap<object, DefinitionRegistry>();

/** @param encryption - The object that was passed in: its parts are another process, or another encryptor. */
export function registeredBy(encryption: object): DefinitionRegistry {
  const known = registries.get(encryption);
  if (known) return known;
  const made = new DefinitionRegistry();
  registries.set(encryption, made);
  return made;
}
