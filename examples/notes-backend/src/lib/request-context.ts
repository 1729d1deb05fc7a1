/** Ids that connect the log lines of one request, here and in other services. @module */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const REQUEST_ID = /^[\w.-]{1,64}$/;
/** https://www.w3.org/TR/trace-context/#traceparent-header; version `ff` is not allowed. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The caller's own id, where it is one that can be logged. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

export interface TraceContext {
  readonly traceId: string;
  readonly parentSpanId: string;
}

/** `undefined` where there is none, or one that is not valid: it is then ignored, as the standard says. */
export function traceContextOf({
  headers,
}: Pick<IncomingMessage, 'headers'>): TraceContext | undefined {
  const given = headers['traceparent'];
  const [, traceId = '', parentSpanId = '', , more] =
    (typeof given === 'string' && TRACEPARENT.exec(given)) || [];
  const isZero = /^0*$/.test(traceId) || /^0*$/.test(parentSpanId);
  const isTooLong = more !== undefined && String(given).startsWith('00');
  return isZero || isTooLong ? undefined : { traceId, parentSpanId };
}
