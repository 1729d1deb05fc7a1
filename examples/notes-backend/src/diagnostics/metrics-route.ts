/** `/metrics` for Prometheus, which shows its own token. @module */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginCallback } from 'fastify';
import { TokenRefused } from '../lib/tokens.js';

export interface MetricsRouteOptions {
  readonly token: string;
  readonly scrape: () => Promise<string>;
}

export const metricsRoute: FastifyPluginCallback<MetricsRouteOptions> = (
  app,
  { token, scrape },
  done,
) => {
  const expected = digest(`Bearer ${token}`);
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    const given = digest(request.headers.authorization ?? '');
    if (!timingSafeEqual(given, expected)) throw new TokenRefused('not METRICS_TOKEN');
    void reply.header('cache-control', 'no-store').type('text/plain; version=0.0.4; charset=utf-8');
    return scrape();
  });
  done();
};

/** Of one length, whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
