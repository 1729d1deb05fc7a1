/** Turns whatever a request failed with into a problem, and reports it. @module */
import { isFieldEncryptionError } from '@bytelyst/field-encrypt';
import type { FastifyBaseLogger, FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { reportedProblemOf, type ReportedProblem } from './encryption-problems.js';
import { HttpProblem, PROBLEM_TYPE, problemBody, type ProblemKind } from './problems.js';
import { IdentityProviderUnavailable, TokenRefused } from './tokens.js';

/** What has happened since the start that someone has to look at; see the readiness route. */
export class Alarms {
  tampered = 0;

  /** Counts and logs what a request, or an entry of a list, failed with. */
  report(error: unknown, log: FastifyBaseLogger): HttpProblem {
    const { problem, severity } = reportOf(error);
    if (severity === 'fatal') this.tampered += 1;
    const alarm = severity === 'fatal' ? { alarm: 'tampered' } : {};
    log[severity]({ err: error, status: problem.status, ...alarm }, problem.message);
    return problem;
  }
}

/** The error handler of the server. */
export function answerWithProblem(alarms: Alarms) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply =>
    sendProblem(alarms.report(error, request.log), request, reply);
}

export function sendProblem(
  problem: HttpProblem,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (problem.retryAfterSeconds !== undefined) {
    void reply.header('retry-after', String(problem.retryAfterSeconds));
  }
  if (problem.kind === 'unauthenticated') void reply.header('www-authenticate', 'Bearer');
  return reply
    .code(problem.status)
    .type(PROBLEM_TYPE)
    .header('cache-control', 'no-store')
    .serializer(JSON.stringify)
    .send(problemBody(problem, request.id));
}

function reportOf(error: unknown): ReportedProblem {
  if (error instanceof HttpProblem) {
    return { problem: error, severity: error.status < 500 ? 'info' : 'error' };
  }
  if (isFieldEncryptionError(error)) return reportedProblemOf(error);
  if (error instanceof TokenRefused) {
    return { problem: new HttpProblem('unauthenticated'), severity: 'info' };
  }
  if (error instanceof IdentityProviderUnavailable || isTimeout(error)) {
    return { problem: new HttpProblem('unavailable', {}, 5), severity: 'warn' };
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.map(({ instancePath, message = '' }) => ({
      in: error.validationContext ?? 'body',
      path: instancePath,
      message,
    }));
    return { problem: new HttpProblem('invalid-request', { errors }), severity: 'info' };
  }
  return ofFastify(error);
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

const KIND_OF_STATUS: Readonly<Record<number, ProblemKind>> = {
  400: 'invalid-request',
  404: 'route-not-found',
  413: 'body-too-large',
  415: 'unsupported-media-type',
  429: 'rate-limited',
};

/** Of Fastify and its plugins: the status says it all, and the message may quote the request. */
function ofFastify(error: unknown): ReportedProblem {
  const { statusCode = 500, code } = error as Partial<FastifyError>;
  if (code === 'FST_UNDER_PRESSURE') {
    return { problem: new HttpProblem('overloaded', {}, 5), severity: 'warn' };
  }
  const kind = KIND_OF_STATUS[statusCode] ?? (statusCode < 500 ? 'invalid-request' : 'internal');
  const severity = kind === 'internal' ? 'error' : 'info';
  return { problem: new HttpProblem(kind), severity };
}
