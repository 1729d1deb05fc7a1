/** `/ops`: a page for operators, and the stream of events that it shows. @module */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { authenticate, requireRole } from '../lib/authentication.js';
import { HttpProblem, problemResponses } from '../lib/problems.js';
import type { Tokens } from '../lib/tokens.js';
import type { OperatorWatch } from './operator-watch.js';
import { readPageFiles } from './page-files.js';

export interface OperatorRoutesOptions {
  readonly tokens: Tokens;
  readonly watch: OperatorWatch;
}

/** Only from here, nothing inline, in no frame; a form can send nothing, so a token gets into no address. */
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
};

/** Then the page connects again, and its token is checked again: a stream does not outlive a refused key. */
const MOST_STREAM_MS = 60_000;

export const operatorRoutes: FastifyPluginCallbackZod<OperatorRoutesOptions> = (
  app,
  { tokens, watch },
  done,
) => {
  // The page itself has no data: a browser cannot send a token with the request that opens a page.
  for (const { path, type, body } of readPageFiles()) {
    app.get(path, { schema: { hide: true } }, (_request, reply) =>
      reply.headers(PAGE_HEADERS).type(type).send(body),
    );
  }

  app.get(
    '/events',
    {
      onRequest: [authenticate(tokens), requireRole('operator')],
      schema: {
        tags: ['operators'],
        security: [{ bearer: [] }],
        summary: 'What the page at /ops shows, as server-sent events.',
        headers: z.looseObject({
          'last-event-id': z.string().max(100).optional().describe('To go on where it ended.'),
        }),
        response: {
          200: {
            description: 'Events `update`; it ends after a minute at the latest.',
            content: { 'text/event-stream': { schema: z.string() } },
          },
          ...problemResponses(400, 401, 403, 429),
        },
      },
    },
    (request, reply) => {
      const watcher = watch.watch(request.headers['last-event-id']);
      if (!watcher) {
        throw new HttpProblem('rate-limited', { detail: 'Too many operators watch.' }, 10);
      }
      const { events, stop } = watcher;
      const timer = setTimeout(stop, MOST_STREAM_MS).unref();
      reply.raw.once('close', () => {
        clearTimeout(timer);
        stop();
      });
      // The schema describes the text of the stream.
      const stream: FastifyReply = reply;
      void stream
        .type('text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        // A server that closes would else wait for the connection of a stream that has ended.
        .header('connection', 'close')
        .send(Readable.from(events));
    },
  );

  app.addHook('preClose', (ended) => {
    watch.close();
    ended();
  });
  done();
};
