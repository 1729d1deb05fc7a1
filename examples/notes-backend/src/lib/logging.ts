/** Structured logs that show no note, no ciphertext, no key and no token. @module */
import { isFieldEncryptionError } from '@bytelyst/field-encrypt';
import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import type { Config } from './config.js';
import { HttpProblem } from './problems.js';
import { TokenRefused } from './tokens.js';

export interface LogSink {
  write(line: string): void;
}

export function loggerOptions(
  { logLevel }: Pick<Config, 'logLevel'>,
  stream?: LogSink,
): NonNullable<FastifyServerOptions['logger']> {
  return {
    level: logLevel,
    // The serializers below let nothing of this through; this stands for lines that someone adds later.
    redact: {
      paths: [
        'authorization',
        '*.authorization',
        '*.*.authorization',
        'token',
        '*.token',
        'ct',
        '*.ct',
      ],
      censor: '[redacted]',
    },
    serializers: { req: shownRequest, res: shownResponse, err: shownError },
    ...(stream && { stream }),
  };
}

/** The route, and not the address: a client may put anything into that. */
function shownRequest(request: FastifyRequest) {
  const { method, routeOptions, ip } = request;
  return { method, route: routeOptions.url, remoteAddress: ip };
}

function shownResponse({ statusCode }: Pick<FastifyReply, 'statusCode'>) {
  return { statusCode };
}

interface ShownError {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly [more: string]: unknown;
}

/**
 * Messages of the library, and of this service, quote no value. Those of others may, as `JSON.parse` quotes
 * its input: of such an error only the name, the code and the places in the code are shown.
 */
export function shownError(error: unknown): ShownError {
  if (!(error instanceof Error)) return { type: typeof error, message: '', stack: '' };
  const { name, stack = '', cause } = error;
  const isOwn = isFieldEncryptionError(error) || error instanceof HttpProblem;
  const { code } = error as { readonly code?: unknown };
  return {
    type: name,
    message: isOwn ? error.message : '',
    stack: error instanceof HttpProblem ? '' : placesIn(stack),
    ...(typeof code === 'string' && { code }),
    ...(error instanceof TokenRefused && { reason: error.reason }),
    ...(cause !== undefined && { cause: shownError(cause) }),
  };
}

function placesIn(stack: string): string {
  const lines = stack.split('\n').map((line) => line.trim());
  const places = lines.filter((line) => /^at .+:\d+:\d+\)?$/.test(line));
  return places.slice(0, 12).join('\n');
}
