/** A span and a duration for each request, by the semantic conventions for HTTP servers. @module */
import {
  context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Histogram,
  type Meter,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_URL_SCHEME,
  METRIC_HTTP_SERVER_REQUEST_DURATION,
} from '@opentelemetry/semantic-conventions';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { traceContextOf } from '../lib/request-context.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set while {@link observeRequests} measures it. */
    measured: MeasuredRequest | null;
  }
}

interface MeasuredRequest {
  readonly begin: number;
  readonly attributes: Attributes;
  readonly span: Span;
  readonly within: Context;
}

/** Called every few seconds, by machines. */
const UNMEASURED: readonly (string | undefined)[] = ['/health', '/metrics'];
const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];
const OTHER = '_OTHER';
/** Those that the conventions name. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

const propagator = new W3CTraceContextPropagator();

/**
 * The route, and never the address: it has ids of notes, and a client may put anything into it. `traceparent` is
 * the parent, and the spans of the library are children.
 */
export function observeRequests(app: FastifyInstance, meter: Meter, tracer: Tracer): void {
  const durations = meter.createHistogram(METRIC_HTTP_SERVER_REQUEST_DURATION, {
    description: 'Duration of HTTP server requests',
    unit: 's',
    advice: { explicitBucketBoundaries: SECONDS },
  });
  app.decorateRequest('measured', null);
  app.addHook('onRequest', (request, reply, done) => {
    if (UNMEASURED.includes(request.routeOptions.url)) {
      done();
      return;
    }
    const measured = begin(request, tracer);
    request.measured = measured;
    connectLog(request, reply, measured.span);
    context.with(measured.within, done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    end(request, durations, String(reply.statusCode));
    done();
  });
  // The client has left, and there is no response.
  app.addHook('onRequestAbort', (request, done) => {
    end(request, durations, undefined);
    done();
  });
}

function begin(request: FastifyRequest, tracer: Tracer): MeasuredRequest {
  const { method, protocol, headers, routeOptions } = request;
  const route = routeOptions.url;
  const known = METHODS.includes(method) ? method : OTHER;
  const attributes: Attributes = {
    [ATTR_HTTP_REQUEST_METHOD]: known,
    [ATTR_URL_SCHEME]: protocol,
    ...(route !== undefined && { [ATTR_HTTP_ROUTE]: route }),
  };
  const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  const name = [known === OTHER ? 'HTTP' : known, route].filter(Boolean).join(' ');
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
  return { begin: performance.now(), attributes, span, within: trace.setSpan(parent, span) };
}

/** Its lines name the span; the trace of a caller is on them already. */
function connectLog(request: FastifyRequest, reply: FastifyReply, span: Span): void {
  const { traceId, spanId } = span.spanContext();
  const isKnown = traceContextOf(request.raw) !== undefined;
  request.log = request.log.child(isKnown ? { spanId } : { traceId, spanId });
  reply.log = request.log;
}

/** Once for each request. @param status - Absent where there is no response. */
function end(request: FastifyRequest, durations: Histogram, status: string | undefined): void {
  const { measured } = request;
  if (!measured) return;
  request.measured = null;
  const { span, attributes } = measured;
  const isError = status === undefined || status >= '500';
  const outcome: Attributes = {
    ...(status !== undefined && { [ATTR_HTTP_RESPONSE_STATUS_CODE]: Number(status) }),
    ...(isError && { [ATTR_ERROR_TYPE]: status ?? 'aborted' }),
  };
  durations.record((performance.now() - measured.begin) / 1_000, { ...attributes, ...outcome });
  span.setAttributes(outcome);
  if (isError) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
