/** Spans of the calls to key providers and DEK stores. @module */
import { context, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { diagnosticsChannels, type RetryMessage } from '../diagnostics/diagnostics-channels.js';
import type { CallMessage, StoreMessage } from '../diagnostics/traced-call.js';
import type { Measured } from './attributes.js';
import { measuredOfStore, measuredOfUnwrap, measuredOfWrap } from './call-metrics.js';
import type { Instrumentation } from './instrumentation.js';

/** Calls in an active span get one of their own below it; others get none, unless it may be a root. */
export function traceCalls(parts: Instrumentation, requiresParent: boolean): void {
  const { wrap, unwrap, store, retry } = diagnosticsChannels;
  traceChannel(parts, wrap, {
    requiresParent,
    nameOf: () => 'field_encrypt.wrap',
    measuredOf: measuredOfWrap,
  });
  traceChannel(parts, unwrap, {
    requiresParent,
    nameOf: () => 'field_encrypt.unwrap',
    measuredOf: measuredOfUnwrap,
  });
  traceChannel<StoreMessage>(parts, store, {
    requiresParent,
    nameOf: ({ method }) => `field_encrypt.store.${method}`,
    measuredOf: measuredOfStore,
  });
  parts.listening.to<RetryMessage>(retry, ({ errorCode }) => {
    const attributes = parts.values.of({ errorType: errorCode });
    trace.getActiveSpan()?.addEvent('field_encrypt.retry', attributes);
  });
}

interface TracedKind<Message> {
  readonly requiresParent: boolean;
  readonly nameOf: (message: Message) => string;
  readonly measuredOf: (message: Message) => Measured;
}

function traceChannel<Message extends CallMessage>(
  { tracer, listening, values }: Instrumentation,
  channel: string,
  { requiresParent, nameOf, measuredOf }: TracedKind<Message>,
): void {
  // By the message, which is the same object through all phases.
  const spans = new WeakMap<Message, Span>();
  listening.around<Message>(`tracing:${channel}:start`, (message) => {
    const active = context.active();
    if (requiresParent && !trace.getSpan(active)) return active;
    const attributes = values.of(measuredOf(message));
    const span = tracer.startSpan(nameOf(message), { attributes }, active);
    spans.set(message, span);
    return trace.setSpan(active, span);
  });
  listening.to<Message>(`tracing:${channel}:asyncEnd`, (message) => {
    const span = spans.get(message);
    if (!span) return;
    spans.delete(message);
    endSpan(span, message.errorCode);
  });
}

/** Without the error's message, which may quote what an adapter was passed. */
export function endSpan(span: Span, errorType: string | undefined): void {
  if (errorType !== undefined) {
    span.setAttribute('error.type', errorType);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}
