/** What requests and answers look like: one schema validates, types and documents. @module */
import { z } from 'zod';
import { NAME } from '../lib/names.js';
import { problemSchema } from '../lib/problems.js';

const name = z.string().regex(NAME, { error: 'must be 1 to 64 letters, digits, _ or -' });

const title = z.string().max(200).describe('Encrypted.');
const body = z.string().max(100_000).describe('Encrypted.');
const tags = z.array(z.string().max(50)).max(50).describe('Encrypted.');
const pinned = z.boolean().describe('Stored in clear.');

/** A body with another property is refused: a misspelt one would be lost. */
export const contentSchema = z
  .strictObject({ title, body, tags: tags.default([]), pinned: pinned.default(false) })
  .meta({ id: 'NoteContent' });

export const changesSchema = z
  .strictObject({
    title: title.optional(),
    body: body.optional(),
    tags: tags.optional(),
    pinned: pinned.optional(),
  })
  .meta({ id: 'NoteChanges' });

export const noteSchema = z
  .object({
    id: z.string(),
    workspaceId: z.string(),
    title: z.string(),
    body: z.string(),
    tags: z.array(z.string()),
    pinned: z.boolean(),
    createdBy: z.string(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: 'Note' });

/** A note that cannot be opened is an entry with its problem: the others are still listed. */
const entrySchema = z.union([
  z.object({ id: z.string(), etag: z.string(), note: noteSchema }),
  z.object({ id: z.string(), etag: z.string(), problem: problemSchema }),
]);

export const listSchema = z
  .object({
    entries: z.array(entrySchema),
    continuation: z
      .string()
      .optional()
      .describe('For the next page; absent on the last one. A page may be empty and have one.'),
  })
  .meta({ id: 'NoteList' });

export const workspaceQuery = z.object({ workspaceId: name });

export const listQuery = workspaceQuery.extend({
  limit: z.coerce.number().int().min(1).max(100).default(50).describe('Most entries of a page.'),
  continuation: z
    .string()
    .max(4_096)
    .regex(/^[A-Za-z0-9_-]+$/)
    .optional()
    .describe('From the page before, with the same workspaceId.'),
});

export const noteParams = z.object({ id: name });

/** Loose: the other headers of a request stay readable. */
export const readHeaders = z.looseObject({
  'if-none-match': z.string().max(4_096).optional().describe('An ETag: 304 while it is current.'),
});

export const changeHeaders = z.looseObject({
  'if-match': z
    .string()
    .max(4_096)
    .optional()
    .describe(
      'Required: the ETag of the note as it was read, or `*`. 428 without it, 412 where the note has changed since.',
    ),
  'if-none-match': z.string().max(4_096).optional(),
});

export type Entry = z.infer<typeof entrySchema>;
export type NoteChanges = z.infer<typeof changesSchema>;
