/** The SDKs of OpenTelemetry around one instrumentation, and what comes out of them. */
import { context, metrics, trace, type Context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { onTestFinished } from 'vitest';
import {
  instrumentEncryption,
  type EncryptionInstrumentation,
  type InstrumentEncryptionOptions,
} from '../../../src/otel/index.js';
import { ManualClock } from '../clock.js';

export interface Sample {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

export class OtelWorld {
  readonly clock: ManualClock = new ManualClock();
  readonly meterProvider: MeterProvider;
  readonly tracerProvider: BasicTracerProvider;
  readonly instrumentation: EncryptionInstrumentation;
  readonly #reader = new PrometheusExporter({ preventServerStart: true });
  readonly #spans = new InMemorySpanExporter();

  constructor(options: InstrumentEncryptionOptions = {}) {
    this.meterProvider = new MeterProvider({ readers: [this.#reader] });
    this.tracerProvider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(this.#spans)],
    });
    const { meterProvider, tracerProvider, clock } = this;
    this.instrumentation = instrumentEncryption({
      ...{ meterProvider, tracerProvider, clock },
      ...options,
    });
  }

  async end(): Promise<void> {
    this.instrumentation.stop();
    await this.meterProvider.shutdown();
    await this.tracerProvider.shutdown();
  }

  /** As a scrape gets it. */
  async text(): Promise<string> {
    return new PrometheusSerializer().serialize(await this.#collect());
  }

  /** All metrics, as the SDK hands them to an exporter. */
  async metrics(): Promise<readonly MetricData[]> {
    const { scopeMetrics } = await this.#collect();
    return scopeMetrics.flatMap((scope) => scope.metrics);
  }

  /** The points of one metric; of a histogram the number of its values. */
  async samples(name: string): Promise<readonly Sample[]> {
    const found = (await this.metrics()).find(({ descriptor }) => descriptor.name === name);
    const points = (found?.dataPoints ?? []) as readonly {
      attributes: Sample['attributes'];
      value: unknown;
    }[];
    return points.map(({ attributes, value }) => ({
      attributes: { ...attributes },
      value: countIn(value),
    }));
  }

  /** Those that are over, in the order of their ends. */
  spans(): readonly ReadableSpan[] {
    return this.#spans.getFinishedSpans();
  }

  async #collect(): Promise<ResourceMetrics> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw new AggregateError(errors, 'Metrics were not collected');
    return resourceMetrics;
  }
}

function countIn(value: unknown): unknown {
  return typeof value === 'object' ? (value as { count: number }).count : value;
}

/** Until the test is over. */
export function otelWorld(options: InstrumentEncryptionOptions = {}): OtelWorld {
  const world = new OtelWorld(options);
  onTestFinished(() => world.end());
  return world;
}

/** Contexts follow promises until the test is over, as with the SDK for Node. */
export function activateContexts(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(() => {
    context.disable();
    trace.disable();
    metrics.disable();
  });
}

/** Runs work inside of a span of the caller's own. */
export async function inSpan<T>(
  { tracerProvider }: Pick<OtelWorld, 'tracerProvider'>,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  const span = tracerProvider.getTracer('test').startSpan(name);
  const within: Context = trace.setSpan(context.active(), span);
  try {
    return await context.with(within, work);
  } finally {
    span.end();
  }
}
