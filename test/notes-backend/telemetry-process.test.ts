/** The backend as a process, with a collector and without one. Needs the built package. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startCollector } from '../support/otel/collector.js';
import {
  BackendProcess,
  folderForTest,
  installedBackend,
} from '../support/notes-backend-process.js';

const LIST = '/api/notes?workspaceId=w1';
const NOTE = { title: 'Plans', body: 'Call the bank' };
const TRACE = '0af7651916cd43dd8448eb211c80319c';

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  DATABASE_FILE: join(folderForTest(), 'notes.db'),
  ...more,
});

describe('SIGTERM', () => {
  it('exports the last spans and metrics', async () => {
    const collector = await startCollector();
    const backend = await BackendProcess.start(
      environment({ OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/` }),
    );
    const token = await backend.token();
    const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
    const created = await backend.request('POST', LIST, { token, headers, body: NOTE });
    expect(created.status).toBe(201);
    // Sent every five seconds, and at the end.
    backend.signal('SIGTERM');
    expect(await backend.ended).toBe(0);
    const own = collector.spans().filter(({ traceId }) => traceId === TRACE);
    expect(own.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['field_encrypt.wrap', 'POST /api/notes']),
    );
    expect(collector.metrics()).toContain('http.server.request.duration');
    expect(backend.log.at(-1)).toMatchObject({ msg: 'Stopped' });
    expect(backend.stderr).toBe('');
  });

  it('does not wait for a collector that never answers', async () => {
    const collector = await startCollector();
    collector.answers = false;
    const backend = await BackendProcess.start(
      environment({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
    );
    const token = await backend.token();
    for (let at = 0; at < 10; at += 1) {
      const created = await backend.request('POST', LIST, { token, body: NOTE });
      expect(created.status).toBe(201);
    }
    backend.signal('SIGTERM');
    // The collector holds its requests until the test is over.
    expect(await backend.ended).toBe(0);
    expect(backend.log.at(-1)).toMatchObject({
      msg: 'The last metrics and spans were not exported',
    });
  });
});

describe('without variables for it', () => {
  it('nothing of OpenTelemetry is needed', async () => {
    const modules = join(installedBackend(), 'node_modules/@opentelemetry');
    renameSync(modules, `${modules}-away`);
    onTestFinished(() => {
      renameSync(`${modules}-away`, modules);
    });
    const backend = await BackendProcess.start(environment());
    const token = await backend.token();
    expect((await backend.request('POST', LIST, { token, body: NOTE })).status).toBe(201);
    expect((await backend.request('GET', '/metrics')).status).toBe(404);
    backend.signal('SIGTERM');
    expect(await backend.ended).toBe(0);
  });
});
