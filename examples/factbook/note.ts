import { createHash } from 'node:crypto';
import { defineDocument, type EncryptedDocument } from '@bytelyst/field-encrypt';

/** One section of a country's page in the World Factbook. */
export interface Note {
  workspaceId: string;
  id: string;
  title: string;
  /** The section as it stands in the book: texts nested in topics. */
  body: unknown;
  /** Region and country. */
  tags: string[];
  meta: { source: string; topics: number };
}

export const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'body', 'tags[]', 'meta.source'],
});

export type EncryptedNote = EncryptedDocument<typeof note>;

/** Equal only where every value is. */
export function digestOf({ workspaceId, id, title, body, tags, meta }: Note): string {
  const values = JSON.stringify([workspaceId, id, title, body, tags, meta.source, meta.topics]);
  return createHash('sha256').update(values).digest('hex');
}
