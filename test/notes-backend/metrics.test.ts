/** Metrics of the backend, as Prometheus and a collector get them. Needs the built package. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpAuditSink } from '@bytelyst/field-encrypt/audit';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NotesBackend } from '../support/notes-backend.js';
import { problemIn } from '../support/notes-backend.js';
import { measuredBackend, METRICS_TOKEN, scrape } from '../support/otel/measured-backend.js';
import { hasPromtool, NO_PROMTOOL } from '../support/otel/promtool.js';
import { seriesOf } from '../support/otel/promql.js';

const LIST = '/api/notes?workspaceId=w1';

/** Without figures: equal where there are the same series. */
const seriesIn = (text: string): readonly string[] =>
  seriesOf(text).map((each) => JSON.stringify(each));

const pointsOf = (text: string, name: string): readonly string[] =>
  text.split('\n').filter((line) => line.startsWith(`${name}{`));

/** Everything that a client can make happen, with and without success. */
async function everyRequest(backend: NotesBackend, content: object): Promise<void> {
  const { id, url, etag } = await backend.create(content);
  const headers = { 'if-match': etag };
  backend.forgetKeys();
  expect((await backend.call('GET', url)).status).toBe(200);
  const changed = { ...content, pinned: true };
  expect((await backend.call('PUT', url, { headers, body: changed })).status).toBe(200);
  expect((await backend.call('PATCH', url, { headers, body: content })).status).toBe(412);
  expect((await backend.call('GET', `${LIST}&limit=2`)).status).toBe(200);
  expect((await backend.call('GET', `/${id}?q=${id}`)).status).toBe(404);
  expect((await backend.call('GET', url, { token: 'a.b.c' })).status).toBe(401);
  const item = await backend.stored.get({ workspaceId: 'w1', id });
  if (!item) throw new Error('It is not stored');
  const { title, body } = item.document;
  await backend.stored.replace({ ...item.document, title: body, body: title }, item.etag);
  backend.forgetKeys();
  expect((await backend.call('GET', url)).status).toBe(500);
  const any = { 'if-match': '*' };
  expect((await backend.call('DELETE', url, { headers: any })).status).toBe(204);
  await backend.call('GET', '/api/diagnostics/readiness');
}

describe('a scrape', () => {
  it('has requests by route and status, and what the library measures', async () => {
    const { backend } = await measuredBackend();
    await everyRequest(backend, { title: 'Plans', body: 'Call the bank' });
    const text = await scrape(backend);
    const series = seriesOf(text);
    const requests = series.filter(({ name }) => name === 'http_server_request_duration_count');
    const shown = requests.map(({ labels }) => [
      labels['http_request_method'],
      labels['http_route'],
      labels['http_response_status_code'],
      labels['error_type'],
    ]);
    expect(shown).toEqual(
      expect.arrayContaining([
        ['POST', '/api/notes', '201', undefined],
        ['GET', '/api/notes/:id', '200', undefined],
        ['GET', '/api/notes/:id', '500', '500'],
        ['PATCH', '/api/notes/:id', '412', undefined],
        ['GET', undefined, '404', undefined],
      ]),
    );
    expect(pointsOf(text, 'field_encrypt_open_failures_total')).toEqual([
      'field_encrypt_open_failures_total{field_encrypt_product="notelett",field_encrypt_collection="notes",error_type="TAMPERED",otel_scope_name="@bytelyst/field-encrypt"} 1',
    ]);
    expect(text).toContain('\nfield_encrypt_cache_limit{field_encrypt_product="notelett"');
    expect(text).toContain('\ntarget_info{service_name="notes-backend"');
  });

  it.runIf(hasPromtool)(`is read by Prometheus itself${NO_PROMTOOL}`, async () => {
    const { backend } = await measuredBackend();
    await everyRequest(backend, { title: 'Plans', body: 'Call the bank' });
    const input = await scrape(backend);
    const { stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input });
    // Its advice about names is not an error of syntax: 1 is, and 3 is advice.
    expect([0, 3], String(stderr)).toContain(status);
    const broken = spawnSync('promtool', ['check', 'metrics'], { input: `${input}\nx{y=} 1\n` });
    expect(broken.status).toBe(1);
  });

  it('has as many series for many notes as for one', async () => {
    const { backend, collector } = await measuredBackend();
    const content = (at: number) => ({ title: `Title ${String(at)}`, body: 'Text', tags: ['t'] });
    await everyRequest(backend, content(0));
    await everyRequest(backend, content(1));
    const few = seriesIn(await scrape(backend));
    for (let at = 2; at < 32; at += 1) await everyRequest(backend, content(at));
    for (const method of ['GET', 'DELETE'] as const) {
      for (let at = 0; at < 20; at += 1) await backend.call(method, `/unknown-${String(at)}`);
    }
    for (const method of ['PROPFIND', 'MKCOL'] as const) {
      expect(
        (await backend.server.app.inject({ method: method as 'GET', url: '/' })).statusCode,
      ).toBe(404);
    }
    const many = seriesIn(await scrape(backend)).filter((each) => !few.includes(each));
    // An address without a route has one series for each method, with its buckets, sum and count.
    const ownMethods = many.filter((each) => !/"(DELETE|_OTHER)"/.test(each));
    expect(ownMethods).toEqual([]);
    expect(many.every((each) => each.includes('"404"'))).toBe(true);
    expect(many.length).toBeLessThan(40);
    expect(await backend.telemetry?.stop()).toBe(true);
    const names = new Set(collector.spans().map(({ name }) => name));
    expect(names.size).toBeLessThan(30);
  });

  it('needs its own token, and there is none without METRICS_TOKEN', async () => {
    const { backend } = await measuredBackend();
    for (const token of [null, '', METRICS_TOKEN.slice(1), `${METRICS_TOKEN}a`]) {
      const refused = await backend.call('GET', '/metrics', { token });
      expect(problemIn(refused)).toEqual([401, 'unauthenticated']);
      expect(refused.text).not.toContain('field_encrypt');
    }
    // One of a user, and of an operator, are of other kinds.
    const operator = await backend.tokenOf({ roles: ['operator'] });
    expect((await backend.call('GET', '/metrics', { token: operator })).status).toBe(401);
    expect((await backend.call('GET', LIST, { token: METRICS_TOKEN })).status).toBe(401);
    const { headers } = await backend.call('GET', '/metrics', { token: METRICS_TOKEN });
    expect(headers['cache-control']).toBe('no-store');
    const { body } = await backend.call('GET', '/openapi.json', { token: null });
    expect(JSON.stringify(body)).not.toContain('/metrics');

    const { backend: pushing } = await measuredBackend({ env: { METRICS_TOKEN: '' } });
    const absent = await pushing.call('GET', '/metrics', { token: METRICS_TOKEN });
    expect(problemIn(absent)).toEqual([404, 'route-not-found']);
  });

  it('has what waits in the spool of the audit trail', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-spool-'));
    const secrets = [`whsec_${Buffer.alloc(24, 7).toString('base64')}`];
    const auditSink = new HttpAuditSink({ url: 'http://127.0.0.1:1/', folder, secrets });
    onTestFinished(async () => {
      await auditSink.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const { backend } = await measuredBackend({ auditSink });
    const [limit] = pointsOf(await scrape(backend), 'field_encrypt_audit_backlog_limit');
    expect(limit).toMatch(/ 67108864$/);
  });
});

describe('what is exported', () => {
  it('shows nothing of a note, its ciphertext, a key or a token', async () => {
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'x-key=mark-key,authorization=Bearer%20mark-key' };
    const { backend, collector } = await measuredBackend({ env });
    const content = { title: 'mark-title', body: 'mark-body', tags: ['mark-tag'] };
    const { id, url } = await backend.create(content);
    const item = await backend.stored.get({ workspaceId: 'w1', id });
    await everyRequest(backend, content);
    await backend.call('GET', `${LIST}&q=mark-query`, { headers: { 'x-mark': 'mark-header' } });
    await backend.call('GET', url, { headers: { tracestate: 'mark=mark-state' } });
    const text = await scrape(backend);
    expect(await backend.telemetry?.stop()).toBe(true);
    expect(collector.metrics()).toContain('http.server.request.duration');
    expect(collector.metrics()).toContain('field_encrypt.unwrap.duration');
    for (const { headers } of collector.received) {
      expect(headers).toMatchObject({ 'x-key': 'mark-key', authorization: 'Bearer mark-key' });
    }
    const all = text + collector.received.map(({ body }) => body).join('\n');
    const { title, body } = item?.document ?? {};
    const token = await backend.tokenOf({});
    const ciphertexts = [title, body].map((each) => String(each?.ct).slice(0, 16));
    const key = String(backend.config.encryption['FIELD_ENCRYPT_KEY']).slice(0, 16);
    const secrets = ['mark-', id, key, METRICS_TOKEN, token.slice(-16), ...ciphertexts];
    for (const secret of secrets) expect(all, secret).not.toContain(secret);
    expect(JSON.stringify(backend.log)).not.toMatch(/mark-/);
  });
});

describe('without a collector that answers', () => {
  it('requests are answered, the log says so, and the end comes in time', async () => {
    // A port that nothing listens on.
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String(port)}`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=mark-key',
    };
    // The SDK reads it itself.
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '50');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { backend } = await measuredBackend({ env });
    for (let at = 0; at < 20; at += 1) await backend.create();
    const warnings = () => backend.log.filter(({ msg }) => msg === 'Telemetry was not exported');
    for (let at = 0; at < 1_000 && warnings().length === 0; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(warnings().length).toBeGreaterThan(0);
    await backend.telemetry?.stop();
    expect(JSON.stringify(backend.log)).not.toContain('mark-key');
    expect((await backend.call('GET', LIST)).status).toBe(200);
  });
});
