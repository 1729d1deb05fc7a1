/** Metrics and traces of OpenTelemetry; `main.ts` imports this module only where they are configured. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import { context, diag } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { AuditSink, FieldEncryptor } from '@bytelyst/field-encrypt';
import type { HttpAuditSink } from '@bytelyst/field-encrypt/audit';
import { instrumentEncryption, type EncryptionInstrumentation } from '@bytelyst/field-encrypt/otel';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { OtlpSettings, TelemetrySettings } from '../lib/config.js';
import { metricsRoute } from './metrics-route.js';
import { observeRequests } from './request-telemetry.js';

export interface Observed {
  readonly encryptor: FieldEncryptor;
  readonly auditSink: AuditSink | undefined;
}

const SCOPE = 'notes-backend';
/** One export may take this long, with all its attempts; and so may the last ones together. */
const MOST_EXPORT_MS = 3_000;

export class Telemetry {
  readonly #scraped = new PrometheusExporter({ preventServerStart: true });
  readonly #metricsToken: string | undefined;
  readonly #meterProvider: MeterProvider;
  readonly #tracerProvider: BasicTracerProvider;
  #instrumentation: EncryptionInstrumentation | undefined;

  constructor({ serviceName, metricsToken, otlp }: TelemetrySettings) {
    const resource = defaultResource().merge(
      resourceFromAttributes({ [ATTR_SERVICE_NAME]: serviceName }),
    );
    this.#metricsToken = metricsToken;
    this.#meterProvider = new MeterProvider({
      resource,
      readers: [
        ...(metricsToken === undefined ? [] : [this.#scraped]),
        ...(otlp ? [pushedMetrics(otlp)] : []),
      ],
    });
    this.#tracerProvider = new BasicTracerProvider({
      resource,
      // A request that another service traces is traced here too.
      sampler: new ParentBasedSampler({
        root: new TraceIdRatioBasedSampler(otlp?.traceRatio ?? 0),
      }),
      spanProcessors: otlp ? [pushedSpans(otlp)] : [],
    });
  }

  /** Before the routes: measures requests, what the library does in them, and answers scrapes. */
  async observe(app: FastifyInstance, { encryptor, auditSink }: Observed): Promise<void> {
    const [meterProvider, tracerProvider] = [this.#meterProvider, this.#tracerProvider];
    reportTo(app.log);
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    this.#instrumentation = instrumentEncryption({
      meterProvider,
      tracerProvider,
      encryptors: [encryptor],
      auditSinks: hasBacklog(auditSink) ? [auditSink] : [],
    });
    observeRequests(app, meterProvider.getMeter(SCOPE), tracerProvider.getTracer(SCOPE));
    const token = this.#metricsToken;
    if (token === undefined) return;
    await app.register(metricsRoute, { token, scrape: () => this.#scrape() });
  }

  /** Exports what is left. @returns Whether that was done in time, which is seconds. */
  async stop(): Promise<boolean> {
    this.#instrumentation?.stop();
    const exported = Promise.all([
      this.#tracerProvider.shutdown(),
      this.#meterProvider.shutdown(),
    ]).then(
      () => true,
      () => false,
    );
    const late = sleep(MOST_EXPORT_MS, false, { ref: false });
    const isExported = await Promise.race([exported, late]);
    context.disable();
    diag.disable();
    return isExported;
  }

  async #scrape(): Promise<string> {
    const { resourceMetrics, errors } = await this.#scraped.collect();
    if (errors.length > 0) throw new AggregateError(errors, 'Metrics were not collected');
    return new PrometheusSerializer().serialize(resourceMetrics);
  }
}

function pushedMetrics({ endpoint, headers, metricIntervalMs }: OtlpSettings) {
  return new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({
      url: `${endpoint}/v1/metrics`,
      headers,
      timeoutMillis: MOST_EXPORT_MS,
    }),
    exportIntervalMillis: metricIntervalMs,
    exportTimeoutMillis: Math.min(MOST_EXPORT_MS, metricIntervalMs),
  });
}

function pushedSpans({ endpoint, headers }: OtlpSettings): BatchSpanProcessor {
  const exporter = new OTLPTraceExporter({
    url: `${endpoint}/v1/traces`,
    headers,
    timeoutMillis: MOST_EXPORT_MS,
  });
  // What does not fit into its queue is dropped: requests never wait for the collector.
  return new BatchSpanProcessor(exporter);
}

function hasBacklog(sink: AuditSink | undefined): sink is HttpAuditSink {
  return sink !== undefined && 'backlog' in sink;
}

/** The names of errors alone: messages of the SDK quote headers and answers. */
function reportTo(log: FastifyBaseLogger): void {
  const nothing = (): void => undefined;
  const error = (): void => {
    log.warn('OpenTelemetry lost a measurement');
  };
  diag.setLogger({ error, warn: nothing, info: nothing, debug: nothing, verbose: nothing });
  setGlobalErrorHandler((err) => {
    log.warn({ err }, 'Telemetry was not exported');
  });
}
