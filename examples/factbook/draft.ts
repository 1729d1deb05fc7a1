import type { Note } from './note.js';

/** Where the second process keeps its own notes. */
export const DRAFTS = 'drafts';

/** A note of the second process: its revision says everything about it. */
export function draft(id: string, revision: number): Note {
  const [title, body] = [
    `Draft ${id}`,
    `Written while the master key is rotated, revision ${String(revision)}`,
  ];
  return {
    workspaceId: DRAFTS,
    id,
    title,
    body,
    tags: [DRAFTS],
    meta: { source: 'second process', topics: revision },
  };
}
