/** Answers before they are sent, and how faults spoil them. @module */
import { randomBytes } from 'node:crypto';
import { Unauthorized } from './authentication.js';
import type { BodyFault, FaultAction, RefusalFault } from './fault.js';
import { Throttled } from './quota.js';
import { Refusal } from './refusal.js';
import type { VaultReply } from './work.js';

export interface Answer extends VaultReply {
  readonly headers?: Readonly<Record<string, string>>;
}

export function refusalAnswer(error: unknown): Answer {
  if (!(error instanceof Refusal)) throw error;
  return { status: error.status, body: error.body, headers: headersOf(error) };
}

function headersOf(refusal: Refusal): Readonly<Record<string, string>> {
  if (refusal instanceof Unauthorized) return { 'www-authenticate': refusal.challenge };
  if (refusal instanceof Throttled && refusal.retryAfter !== undefined) {
    return { 'retry-after': String(refusal.retryAfter) };
  }
  return {};
}

export function scriptedRefusal({ headers = {}, ...fault }: RefusalFault): Answer {
  const { status, code = codeFor(status), innerCode, message } = fault;
  return { status, headers, body: new Refusal({ status, code, innerCode, message }).body };
}

const CODES = new Map([
  [400, 'BadParameter'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'KeyNotFound'],
  [409, 'Conflict'],
  [429, 'Throttled'],
  [503, 'ServiceUnavailable'],
]);

function codeFor(status: number): string {
  return CODES.get(status) ?? 'InternalServerError';
}

/** The sent parts of an answer, from any source. */
export function toResponse({ status, body, headers = {} }: Answer): Response {
  if (body === undefined) return new Response(null, { status, headers });
  return Response.json(body, { status, headers });
}

export function scriptedBody({ body, status = 200, headers = {} }: BodyFault): Response {
  return new Response(body, {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  });
}

/** The work was done; its result is not sent unchanged. */
export function spoiled(action: FaultAction, answer: Answer): Answer {
  if (answer.status !== 200) return answer;
  if ('wrongKid' in action) return withWrongKid(answer, action.wrongKid);
  if ('emptyValue' in action) return withBody(answer, { value: '' });
  if ('wrongDekLength' in action) {
    return withBody(answer, { value: randomBytes(action.wrongDekLength).toString('base64url') });
  }
  return answer;
}

function withWrongKid(answer: Answer, wrongKid: true | string): Answer {
  const swap = (kid: unknown): string =>
    wrongKid === true ? String(kid).replace(/[^/]*$/, randomBytes(16).toString('hex')) : wrongKid;
  const { key, kid } = answer.body ?? {};
  if (kid !== undefined) return withBody(answer, { kid: swap(kid) });
  const bundled = key as Readonly<Record<string, unknown>>;
  return withBody(answer, { key: { ...bundled, kid: swap(bundled['kid']) } });
}

function withBody(answer: Answer, changes: Readonly<Record<string, unknown>>): Answer {
  return { ...answer, body: { ...answer.body, ...changes } };
}
