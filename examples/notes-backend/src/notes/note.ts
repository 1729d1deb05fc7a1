/** What a note is, and which of its fields are encrypted. @module */
import { defineDocument, type EncryptedDocument } from '@bytelyst/field-encrypt';

export interface Note {
  workspaceId: string;
  id: string;
  title: string;
  body: string;
  tags: string[];
  pinned: boolean;
  createdBy: string;
  createdAt: string;
  updatedAt: string;
  /** Set while the note is being deleted: no request sees it any more. */
  deletedAt?: string;
}

/** The tenant first: no two tenants can have the same document. */
export const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'body', 'tags'],
});

export type StoredNote = EncryptedDocument<typeof note>;

export type NoteKey = Readonly<Pick<Note, 'id' | 'workspaceId'>>;

/** What a caller may set. */
export type NoteContent = Pick<Note, 'body' | 'pinned' | 'tags' | 'title'>;
