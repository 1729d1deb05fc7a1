/** `/api/notes`. @module */
import type { FastifyBaseLogger, FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, workspaceOf } from '../lib/authentication.js';
import type { Alarms } from '../lib/error-answers.js';
import { problemBody, problemResponses, type HttpProblem } from '../lib/problems.js';
import { httpEtag, noneMatchOf, preconditionOf } from './etags.js';
import type { Note } from './note.js';
import type { ListedNote, Notes } from './notes.js';
import {
  changeHeaders,
  changesSchema,
  contentSchema,
  listQuery,
  listSchema,
  noteParams,
  noteSchema,
  readHeaders,
  workspaceQuery,
  type Entry,
} from './schemas.js';

export interface NoteRoutesOptions {
  readonly notes: Notes;
  readonly alarms: Alarms;
}

const security = [{ bearer: [] }];
const tags = ['notes'];
const nothing = z.undefined().describe('No body.');

export const noteRoutes: FastifyPluginCallbackZod<NoteRoutesOptions> = (
  app,
  { notes, alarms },
  done,
) => {
  app.post(
    '',
    {
      schema: {
        tags,
        security,
        summary: 'Creates a note.',
        querystring: workspaceQuery,
        body: contentSchema,
        response: {
          201: noteSchema.describe('The note, with its ETag and Location.'),
          ...problemResponses(400, 401, 403, 413, 415, 422, 429),
        },
      },
    },
    async (request, reply) => {
      const workspaceId = workspaceOf(request, request.query.workspaceId);
      const { document, etag } = await notes.create(
        workspaceId,
        request.body,
        callerOf(request).id,
      );
      const query = new URLSearchParams({ workspaceId }).toString();
      void reply.code(201).header('location', `/api/notes/${document.id}?${query}`);
      return sendNote(reply, document, etag);
    },
  );

  app.get(
    '',
    {
      schema: {
        tags,
        security,
        summary: 'Lists the notes of a workspace, page by page.',
        querystring: listQuery,
        response: { 200: listSchema, ...problemResponses(400, 401, 403, 429) },
      },
    },
    async (request, reply) => {
      const { limit, continuation } = request.query;
      const workspaceId = workspaceOf(request, request.query.workspaceId);
      const page = await notes.list({ workspaceId, limit, continuation });
      const entries = entriesOf(page.entries, alarms, request.log);
      void reply.header('cache-control', 'no-store');
      return { entries, ...(page.continuation && { continuation: page.continuation }) };
    },
  );

  app.get(
    '/:id',
    {
      schema: {
        tags,
        security,
        summary: 'Reads a note.',
        params: noteParams,
        querystring: workspaceQuery,
        headers: readHeaders,
        response: {
          200: noteSchema.describe('The note, with its ETag.'),
          304: nothing,
          ...problemResponses(400, 401, 403, 404, 410, 429),
        },
      },
    },
    async (request, reply) => {
      const workspaceId = workspaceOf(request, request.query.workspaceId);
      const isKnown = noneMatchOf(request.headers['if-none-match']);
      const item = await notes.read({ workspaceId, id: request.params.id }, isKnown);
      if ('document' in item) return sendNote(reply, item.document, item.etag);
      return withEtag(reply, item.etag).code(304).send();
    },
  );

  for (const method of ['PUT', 'PATCH'] as const) {
    app.route({
      method,
      url: '/:id',
      schema: {
        tags,
        security,
        summary: method === 'PUT' ? 'Replaces a note.' : 'Changes some properties of a note.',
        params: noteParams,
        querystring: workspaceQuery,
        headers: changeHeaders,
        body: method === 'PUT' ? contentSchema : changesSchema,
        response: {
          200: noteSchema.describe('The note as it is stored now, with its new ETag.'),
          ...problemResponses(400, 401, 403, 404, 410, 412, 413, 415, 422, 428, 429),
        },
      },
      handler: async (request, reply) => {
        const workspaceId = workspaceOf(request, request.query.workspaceId);
        const isExpected = preconditionOf(request.headers);
        const key = { workspaceId, id: request.params.id };
        const { document, etag } = await notes.change(key, isExpected, request.body);
        return sendNote(reply, document, etag);
      },
    });
  }

  app.delete(
    '/:id',
    {
      schema: {
        tags,
        security,
        summary: 'Deletes a note, and destroys its key. Send it again where the answer was lost.',
        params: noteParams,
        querystring: workspaceQuery,
        headers: changeHeaders,
        response: {
          204: nothing,
          ...problemResponses(400, 401, 403, 404, 412, 428, 429),
        },
      },
    },
    async (request, reply) => {
      const workspaceId = workspaceOf(request, request.query.workspaceId);
      const isExpected = preconditionOf(request.headers);
      await notes.delete({ workspaceId, id: request.params.id }, isExpected);
      return reply.code(204).send();
    },
  );
  done();
};

function withEtag<R extends FastifyReply>(reply: R, etag: string): R {
  // A cache must not keep what is encrypted in the database.
  void reply.header('etag', httpEtag(etag)).header('cache-control', 'no-store');
  return reply;
}

function sendNote(reply: FastifyReply, document: Note, etag: string): Note {
  withEtag(reply, etag);
  return document;
}

/** @throws HttpProblem where no note opens because of an outage: a list of problems alone says less. */
function entriesOf(listed: readonly ListedNote[], alarms: Alarms, log: FastifyBaseLogger): Entry[] {
  const outages: HttpProblem[] = [];
  const entries = listed.map((each): Entry => {
    const own = { id: each.id, etag: httpEtag(each.etag) };
    if ('note' in each) return { ...own, note: each.note };
    const problem = alarms.report(each.error, log);
    if (problem.kind === 'unavailable') outages.push(problem);
    return { ...own, problem: problemBody(problem) };
  });
  const [outage] = outages;
  if (outage && outages.length === entries.length) throw outage;
  return entries;
}
