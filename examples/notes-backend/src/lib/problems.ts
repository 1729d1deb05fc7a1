/** Answers to requests that fail, as RFC 9457 describes them: `application/problem+json`. @module */
import { z } from 'zod';

export const PROBLEM_TYPE = 'application/problem+json';

/** Every kind of problem: the last part of its `type`, its status and its title. */
const KINDS = {
  'invalid-request': [400, 'The request is not valid'],
  'invalid-continuation': [400, 'The continuation is not one of this list'],
  unauthenticated: [401, 'A valid token is needed'],
  forbidden: [403, 'The token does not allow this'],
  'route-not-found': [404, 'There is nothing at this address'],
  'note-not-found': [404, 'The note does not exist'],
  conflict: [409, 'Another request was faster'],
  'note-deleted': [410, 'The note was deleted for good'],
  'precondition-failed': [412, 'The note is another version than the request expects'],
  'body-too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The body must be application/json'],
  'note-refused': [422, 'The note cannot be stored'],
  'precondition-required': [428, 'If-Match is needed'],
  'rate-limited': [429, 'Too many requests'],
  'note-damaged': [500, 'The note is damaged'],
  'note-unreadable': [500, 'The note cannot be read'],
  internal: [500, 'The request failed'],
  unavailable: [503, 'The service cannot answer now'],
  overloaded: [503, 'The service is overloaded'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemKind = keyof typeof KINDS;
export type ProblemStatus = (typeof KINDS)[ProblemKind][0];

export const problemSchema = z
  .object({
    type: z.string().describe('Stable name of the kind of problem.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional().describe('What to do; never a value of a note.'),
    code: z.string().optional().describe('Error code of the encryption library.'),
    instance: z.string().optional().describe('Id of the request, as in the logs.'),
    errors: z
      .array(z.object({ in: z.string(), path: z.string(), message: z.string() }))
      .optional()
      .describe('What is wrong with the request, by place.'),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problemSchema>;
type Extras = Pick<Problem, 'code' | 'detail' | 'errors'>;

/** A problem that a handler answers with. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly kind: ProblemKind;
  readonly extras: Extras;
  readonly retryAfterSeconds: number | undefined;

  constructor(kind: ProblemKind, extras: Extras = {}, retryAfterSeconds?: number) {
    super(KINDS[kind][1]);
    this.kind = kind;
    this.extras = extras;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get status(): number {
    return KINDS[this.kind][0];
  }
}

export function problemBody({ kind, extras }: HttpProblem, instance?: string): Problem {
  const [status, title] = KINDS[kind];
  const type = `urn:notes-backend:problem:${kind}`;
  return { type, title, status, ...extras, ...(instance !== undefined && { instance }) };
}

/** The responses of a route that are problems, for its schema. */
export function problemResponses(...statuses: readonly ProblemStatus[]) {
  const titles = Object.values(KINDS);
  return Object.fromEntries(
    [...statuses, 500 as const, 503 as const].map((status) => [
      status,
      {
        description: titles
          .filter(([each]) => each === status)
          .map(([, title]) => title)
          .join('; or: '),
        content: { [PROBLEM_TYPE]: { schema: problemSchema } },
      },
    ]),
  );
}
