/** Turns the diagnostics channels into metrics and spans of OpenTelemetry. @module */
import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import { systemClock, type Clock } from '../async/clock.js';
import {
  readOptions,
  requireBoolean,
  requireIdentifier,
  requireList,
  requireMethods,
} from '../guards/guards.js';
import { BoundedValues } from './attributes.js';
import { watchKeyProviders, watchStores } from './call-metrics.js';
import { traceCalls } from './call-spans.js';
import type { Instrumentation } from './instrumentation.js';
import { KnownTargets } from './known-targets.js';
import { Listening } from './listening.js';
import {
  watchAuditSinks,
  watchEncryptors,
  type ObservedAuditSink,
  type ObservedEncryptor,
} from './observed-metrics.js';
import { watchCaches, watchReads } from './read-metrics.js';
import { watchRuns } from './run-metrics.js';
import { traceRuns } from './run-spans.js';
import { watchReadiness, watchRotations } from './state-metrics.js';

export interface InstrumentEncryptionOptions {
  /** @default the global one of `@opentelemetry/api` */
  readonly meterProvider?: MeterProvider;
  /** @default the global one of `@opentelemetry/api` */
  readonly tracerProvider?: TracerProvider;
  /**
   * Whether a call of a key provider or store gets a span only inside of another span: a run calls them once
   * for each row.
   *
   * @default true
   */
  readonly requireParentSpan?: boolean;
  /** Their caches are measured: `field_encrypt.cache.entries`. @default none */
  readonly encryptors?: readonly ObservedEncryptor[];
  /** Sinks with a `backlog`, such as `HttpAuditSink`: `field_encrypt.audit.backlog.*`. @default none */
  readonly auditSinks?: readonly ObservedAuditSink[];
  /** Times runs, and the age of audit events. @default systemClock */
  readonly clock?: Clock;
}

/** What {@link instrumentEncryption} has started. */
export interface EncryptionInstrumentation {
  /** Ends the measurements; spans that are open end too. A second call does nothing. */
  stop(): void;
}

const OPTIONS: readonly (keyof InstrumentEncryptionOptions)[] = [
  'meterProvider',
  'tracerProvider',
  'requireParentSpan',
  'encryptors',
  'auditSinks',
  'clock',
];
const SCOPE = '@bytelyst/field-encrypt';

/**
 * Makes metrics and spans of everything that the library does in this process, for all its encryptors: call it
 * once, after the SDK of OpenTelemetry was started. docs/watching.md lists the metrics.
 *
 * Attributes are names, codes and MEK versions, of which there are few: never a dekId, a key of a document or
 * a value. What an attribute has beyond 100 different values is `_OTHER`. Spans are children of the active
 * span. Nothing here fails a call: the logger of `@opentelemetry/api` receives what goes wrong.
 *
 * Needs `@opentelemetry/api` beside this package.
 *
 * @throws TypeError or RangeError for invalid options.
 *
 * @example
 * ```ts
 * import { instrumentEncryption } from '@bytelyst/field-encrypt/otel';
 * import { MeterProvider } from '@opentelemetry/sdk-metrics';
 *
 * const meterProvider = new MeterProvider(); // with a reader, such as the exporter for Prometheus
 * const instrumentation = instrumentEncryption({ meterProvider });
 * instrumentation.stop();
 * ```
 */
export function instrumentEncryption(
  options: InstrumentEncryptionOptions = {},
): EncryptionInstrumentation {
  const own = readInstrumentOptions(options);
  const listening = new Listening();
  const parts: Instrumentation = {
    meter: own.meterProvider.getMeter(SCOPE),
    tracer: own.tracerProvider.getTracer(SCOPE),
    clock: own.clock,
    listening,
    values: new BoundedValues(),
    targets: new KnownTargets(),
  };
  // First, so that the metrics of a call are recorded while its span is not over.
  watchKeyProviders(parts);
  watchStores(parts);
  watchCaches(parts);
  watchReads(parts);
  watchRuns(parts);
  watchRotations(parts);
  watchReadiness(parts);
  watchEncryptors(parts, own.encryptors);
  watchAuditSinks(parts, own.auditSinks);
  traceCalls(parts, own.requireParentSpan);
  traceRuns(parts);
  return {
    stop: () => {
      listening.stop();
    },
  };
}

function readInstrumentOptions(
  options: InstrumentEncryptionOptions,
): Required<InstrumentEncryptionOptions> {
  const own = readOptions(options, OPTIONS);
  const { meterProvider = metrics.getMeterProvider(), encryptors = [], auditSinks = [] } = own;
  const { tracerProvider = trace.getTracerProvider(), requireParentSpan = true } = own;
  const { clock = systemClock } = own;
  requireMethods('meterProvider', 'a MeterProvider', ['getMeter'], meterProvider);
  requireMethods('tracerProvider', 'a TracerProvider', ['getTracer'], tracerProvider);
  requireBoolean('requireParentSpan', requireParentSpan);
  requireList('encryptors', encryptors);
  for (const { product } of encryptors) requireIdentifier('encryptors[].product', product);
  requireList('auditSinks', auditSinks);
  for (const sink of auditSinks) requireMethods('auditSinks[]', 'an audit sink', ['backlog'], sink);
  requireMethods('clock', 'a clock', ['wallMs', 'monotonicMs'], clock);
  return { meterProvider, tracerProvider, requireParentSpan, encryptors, auditSinks, clock };
}
