/** Who sent a request, and what they may do. @module */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from './problems.js';
import { TokenRefused, type Caller, type Tokens } from './tokens.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by {@link authenticate}. */
    caller: Caller | null;
  }
}

const BEARER = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i;

/** An `onRequest` hook: refuses before the body is read. */
export function authenticate(tokens: Tokens) {
  return async (request: FastifyRequest): Promise<void> => {
    const [, token] = BEARER.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) throw new TokenRefused('no bearer token');
    request.caller = await tokens.verify(token);
  };
}

/** A hook after {@link authenticate}, for routes that only operators may use. */
export function requireRole(role: string) {
  return (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    done(callerOf(request).roles.includes(role) ? undefined : new HttpProblem('forbidden'));
  };
}

export function callerOf({ caller }: FastifyRequest): Caller {
  if (!caller) throw new Error('The route has no authenticate hook');
  return caller;
}

/** @returns The workspace, which the token must name: it becomes part of each key, and of `expect`. */
export function workspaceOf(request: FastifyRequest, workspaceId: string): string {
  if (callerOf(request).workspaces.includes(workspaceId)) return workspaceId;
  throw new HttpProblem('forbidden', { detail: 'Use a token for this workspace.' });
}
