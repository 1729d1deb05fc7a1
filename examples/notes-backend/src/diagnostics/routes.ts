/** `/health` for the process, and readiness for everything that it needs. @module */
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { readinessSchema, type ReadinessProbe } from './readiness.js';

export interface DiagnosticsRoutesOptions {
  readonly readiness: ReadinessProbe;
}

const tags = ['diagnostics'];

export const diagnosticsRoutes: FastifyPluginCallbackZod<DiagnosticsRoutesOptions> = (
  app,
  { readiness },
  done,
) => {
  app.get(
    '/health',
    {
      schema: {
        tags,
        summary: 'Whether the process runs; a failure means that it should be started again.',
        response: { 200: z.object({ status: z.literal('ok') }).meta({ id: 'Health' }) },
      },
    },
    () => ({ status: 'ok' as const }),
  );

  app.get(
    '/api/diagnostics/readiness',
    {
      schema: {
        tags,
        summary: 'Whether the service can answer; never a secret.',
        response: {
          200: readinessSchema.describe('Ready.'),
          503: readinessSchema.describe('Not ready: send requests elsewhere.'),
        },
      },
    },
    async (_request, reply) => {
      const report = await readiness.report();
      void reply.header('cache-control', 'no-store').code(report.ready ? 200 : 503);
      return report;
    },
  );
  done();
};
