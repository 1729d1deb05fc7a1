/** Defines documents whose properties TypeScript does not know. @module */
import {
  DocumentDefinition,
  type DocumentShape,
  type OpeningPath,
  type StagesOf,
} from './define-document.js';

/** A document of which TypeScript knows no property. */
type UntypedDocument = Record<string, unknown>;

/**
 * Defines documents without a type, `Record<string, unknown>`, as for a collection that is chosen at run time.
 *
 * Prefer `defineDocument` where there is a type: here a misspelt path compiles, and what it should
 * encrypt is stored in clear. `neverSeen` of `checkReadiness` and of the summaries of migrations names paths
 * that no document had.
 *
 * @returns The definition. Its documents are `Record<string, unknown>` in every form; values that are opened
 *   are `unknown`.
 * @throws What `defineDocument` throws.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineUntypedDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const item = defineUntypedDocument({
 *   collection: 'items',
 *   key: ['tenantId', 'id'],
 *   fields: ['name', 'attributes'],
 * });
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 * });
 * const document: Record<string, unknown> = { tenantId: 't', id: '1', name: 'Box' };
 * const stored = await encryptor.encryptDocument(item, document);
 * console.log((await encryptor.decryptDocument(item, stored))['name']); // Box
 * ```
 */
export function defineUntypedDocument<
  const K extends string,
  const P extends string,
  const S extends StagesOf<P> = StagesOf<P>,
>(shape: DocumentShape<K, P, S>): DocumentDefinition<UntypedDocument, K, P, OpeningPath<P, S>> {
  return new DocumentDefinition(shape);
}
