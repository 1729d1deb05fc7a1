/** Names a document to whoever watches a migration. @module */
import type { AnyDefinition } from '../document/typed-document.js';

/** Key properties of a document by name, as far as it has them: `{ workspaceId: 'w1', id: 'n1' }`. */
export type DocumentIdentity = Readonly<Record<string, string>>;

export function identityOf({ key }: AnyDefinition, document: object): DocumentIdentity {
  const properties = document as Readonly<Record<string, unknown>>;
  const parts = key.flatMap((name) => {
    const part = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return typeof part === 'string' ? [[name, part] as const] : [];
  });
  return Object.fromEntries(parts);
}
