/** The real exporters, against a collector on loopback; and an audit spool whose service is down. @module */
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { expect, it, onTestFinished } from 'vitest';
import { HttpAuditSink } from '../../src/audit-sinks/index.js';
import { beginAuditedOperation } from '../../src/index.js';
import { instrumentEncryption } from '../../src/otel/index.js';
import { PRODUCT } from '../support/encryptor.js';
import { startCollector } from '../support/otel/collector.js';
import { doEverything } from '../support/otel/everything.js';
import { activateContexts, inSpan, otelWorld } from '../support/otel/otel-world.js';
import { secretWatch } from '../support/secrets/secret-watch.js';

it('metrics and spans arrive by OTLP, and hold no secret', async () => {
  activateContexts();
  const { url, received } = await startCollector();
  const exporter = new OTLPMetricExporter({ url: `${url}/v1/metrics` });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))],
  });
  const instrumentation = instrumentEncryption({ meterProvider, tracerProvider });
  await inSpan({ tracerProvider }, 'request', doEverything);
  await tracerProvider.forceFlush();
  await meterProvider.forceFlush();
  instrumentation.stop();
  await Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()]);
  const all = received.map(({ body }) => body).join('\n');
  const metrics = received.filter((each) => each.url === '/v1/metrics').map(({ body }) => body);
  expect(metrics.join()).toContain('"name":"field_encrypt.unwrap.duration"');
  expect(metrics.join()).toContain('"unit":"s"');
  const spans = received.filter((each) => each.url === '/v1/traces').map(({ body }) => body);
  expect(spans.join()).toContain('"name":"field_encrypt.unwrap"');
  expect(spans.join()).toContain('"name":"field_encrypt.run.rewrapAllDeks"');
  expect(secretWatch.secrets.findIn(all)).toBeUndefined();
  expect(all).not.toMatch(/[0-9a-f]{32}\.\d+"/);
});

it('metrics are scraped over HTTP', async () => {
  const reader = new PrometheusExporter({ port: 0, host: '127.0.0.1', preventServerStart: true });
  await reader.startServer();
  const meterProvider = new MeterProvider({ readers: [reader] });
  const instrumentation = instrumentEncryption({ meterProvider });
  await doEverything();
  const { _server: server } = reader as unknown as { readonly _server: { address(): AddressInfo } };
  const response = await fetch(`http://127.0.0.1:${String(server.address().port)}/metrics`);
  const text = await response.text();
  instrumentation.stop();
  await meterProvider.shutdown();
  expect(text).toContain('\nfield_encrypt_open_failures_total{');
  expect(text).toMatch(/^field_encrypt_unwrap_duration_bucket\{.*le="0\.001"\} \d+$/m);
  expect(secretWatch.secrets.findIn(text)).toBeUndefined();
});

it('an audit spool that cannot be sent is measured: events, bytes, limit and age', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-spool-'));
  const sink = new HttpAuditSink({
    ...{ url: 'http://127.0.0.1:1/events', folder, maxBytes: 100_000 },
    secrets: [`whsec_${Buffer.alloc(24, 7).toString('base64')}`],
  });
  onTestFinished(async () => {
    await sink.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const world = otelWorld({ auditSinks: [sink] });
  const operation = await beginAuditedOperation(
    { product: PRODUCT, audit: { sink } },
    { name: 'job' },
  );
  await operation.end('finished');
  const value = async (name: string): Promise<unknown> =>
    (await world.samples(`field_encrypt.audit.backlog.${name}`))[0]?.value;
  expect(await value('events')).toBe(2);
  expect(await value('size')).toBeGreaterThan(200);
  expect(await value('limit')).toBe(100_000);
  expect(await value('age')).toBeGreaterThanOrEqual(0);
});
