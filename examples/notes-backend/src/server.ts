/** Builds the HTTP server; `main.ts` gives it an address and a database. @module */
import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import type { AuditSink, DocumentStore, FieldEncryptor } from '@bytelyst/field-encrypt';
import fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { ReadinessProbe } from './diagnostics/readiness.js';
import { diagnosticsRoutes } from './diagnostics/routes.js';
import type { Telemetry } from './diagnostics/telemetry.js';
import { describeApi } from './lib/api-description.js';
import { authenticate, callerOf } from './lib/authentication.js';
import type { Config } from './lib/config.js';
import { Alarms, answerWithProblem, sendProblem } from './lib/error-answers.js';
import { loggerOptions, type LogSink } from './lib/logging.js';
import { HttpProblem } from './lib/problems.js';
import { requestIdOf, traceContextOf } from './lib/request-context.js';
import type { Tokens } from './lib/tokens.js';
import { closeUnusedConnections } from './lib/unused-connections.js';
import type { StoredNote } from './notes/note.js';
import { Notes } from './notes/notes.js';
import { noteRoutes } from './notes/routes.js';
import { OperatorWatch } from './ops/operator-watch.js';
import { operatorRoutes } from './ops/routes.js';

export interface ServerParts {
  readonly config: Config;
  readonly encryptor: FieldEncryptor;
  readonly notes: DocumentStore<StoredNote>;
  readonly tokens: Tokens;
  /** Measured where it has a backlog. */
  readonly auditSink?: AuditSink | undefined;
  /** @default nothing is measured */
  readonly telemetry?: Telemetry | undefined;
  /** @default standard output */
  readonly logSink?: LogSink;
}

export interface Server {
  readonly app: FastifyInstance;
  readonly readiness: ReadinessProbe;
  readonly alarms: Alarms;
}

/** Resolves when every route is there; nothing listens yet. */
export async function buildServer(parts: ServerParts): Promise<Server> {
  const { config, encryptor, tokens, logSink } = parts;
  const timeoutMs = config.requestTimeoutMs;
  const notes = new Notes({ encryptor, store: parts.notes, timeoutMs });
  const alarms = new Alarms();
  const cacheMs = config.readinessCacheMs;
  const readiness = new ReadinessProbe({ encryptor, notes, alarms, cacheMs });

  const app = createApp(config, logSink);
  closeUnusedConnections(app);
  app.setErrorHandler(answerWithProblem(alarms));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(new HttpProblem('route-not-found'), request, reply),
  );
  app.decorateRequest('caller', null);
  await parts.telemetry?.observe(app, { encryptor, auditSink: parts.auditSink });
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // A connection that is kept alive would keep the process alive.
    if (readiness.isStopping) void reply.header('connection', 'close');
    done();
  });
  await describeApi(app);
  await app.register(diagnosticsRoutes, { readiness });
  const auditFile = config.audit?.kind === 'file' ? config.audit.file : undefined;
  const watch = new OperatorWatch({ encryptor, readiness, auditFile });
  await app.register(operatorRoutes, { tokens, watch, prefix: '/ops' });
  await app.register(
    async (api) => {
      // Only here: the diagnostics answer under overload too.
      await protect(api, config);
      api.addHook('onRequest', authenticate(tokens));
      await api.register(noteRoutes, { notes, alarms });
    },
    { prefix: '/api/notes' },
  );
  await app.ready();
  return { app, readiness, alarms };
}

function createApp(config: Config, logSink: LogSink | undefined): FastifyInstance {
  const app = fastify({
    logger: loggerOptions(config, logSink),
    bodyLimit: config.bodyLimitBytes,
    trustProxy: config.trustProxy,
    genReqId: requestIdOf,
    childLoggerFactory: (logger, bindings, options, request) =>
      logger.child({ ...bindings, ...traceContextOf(request) }, options),
    // While it stops, requests on open connections are still answered.
    return503OnClosing: false,
    // An address that cannot be routed at all.
    frameworkErrors: (_error, request, reply) => {
      void sendProblem(new HttpProblem('invalid-request'), request, reply);
    },
    routerOptions: { maxParamLength: 128 },
  });
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  return app;
}

async function protect(api: FastifyInstance, config: Config): Promise<void> {
  const { maxEventLoopDelayMs, rateLimitPerMinute } = config;
  await api.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    sampleInterval: 250,
  });
  if (rateLimitPerMinute === 0) return;
  await api.register(rateLimit, {
    max: rateLimitPerMinute,
    timeWindow: 60_000,
    hook: 'preHandler',
    keyGenerator: (request) => callerOf(request).id,
  });
}
