/** The notes backend in this process, with a collector that it exports to and a token for scrapes. */
import { expect } from 'vitest';
import { NotesBackend, type BackendOptions } from '../notes-backend.js';
import { startCollector, type Collector, type ReceivedSpan } from './collector.js';

export const METRICS_TOKEN = 'q83vEjRWeJC6u3q83vEjRWeJC6u3q83vEjRWeJC6u3q';

export interface MeasuredBackend {
  readonly backend: NotesBackend;
  readonly collector: Collector;
}

export async function measuredBackend({
  env,
  ...options
}: BackendOptions = {}): Promise<MeasuredBackend> {
  const collector = await startCollector();
  const own = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, METRICS_TOKEN, ...env };
  return { collector, backend: await NotesBackend.start({ ...options, env: own }) };
}

/** As Prometheus asks. */
export async function scrape(backend: NotesBackend): Promise<string> {
  const answer = await backend.call('GET', '/metrics', { token: METRICS_TOKEN });
  expect(answer.status).toBe(200);
  return answer.text;
}

/** All, once the backend has stopped to measure. */
export async function spansOf({
  backend,
  collector,
}: MeasuredBackend): Promise<readonly ReceivedSpan[]> {
  expect(await backend.telemetry?.stop()).toBe(true);
  return collector.spans();
}
