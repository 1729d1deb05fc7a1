/** Traces of the backend, as a collector gets them. Needs the built package. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { StoreError } from '@bytelyst/field-encrypt';
import { describe, expect, it, vi } from 'vitest';
import { deferred } from '../support/deferred.js';
import type { ReceivedSpan } from '../support/otel/collector.js';
import { measuredBackend, scrape, spansOf } from '../support/otel/measured-backend.js';
import { seriesOf } from '../support/otel/promql.js';

const LIST = '/api/notes?workspaceId=w1';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const found = spans.filter((each) => each.name === name);
  expect(found, name).toHaveLength(1);
  return found[0] as ReceivedSpan;
};

describe('a trace', () => {
  it('of a caller has the request, and below it what the library asked of vault and store', async () => {
    const measured = await measuredBackend();
    const { backend } = measured;
    const { url } = await backend.create();
    backend.forgetKeys();
    const headers = { traceparent: TRACEPARENT };
    expect((await backend.call('GET', url, { headers })).status).toBe(200);
    const spans = (await spansOf(measured)).filter(({ traceId }) => traceId === TRACE);
    expect(spans.map(({ name }) => name).sort()).toEqual([
      'GET /api/notes/:id',
      'field_encrypt.store.get',
      'field_encrypt.unwrap',
    ]);
    const request = named(spans, 'GET /api/notes/:id');
    expect(request).toMatchObject({ parentSpanId: SPAN, kind: 2, status: { code: 0 } });
    expect(request.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/api/notes/:id',
      'http.response.status_code': 200,
      'url.scheme': 'http',
    });
    for (const name of ['field_encrypt.store.get', 'field_encrypt.unwrap']) {
      expect(named(spans, name).parentSpanId).toBe(request.spanId);
    }
  });

  it('is kept while a body arrives', async () => {
    const measured = await measuredBackend();
    const { backend } = measured;
    const address = await backend.server.app.listen({ port: 0 });
    const verify = vi.spyOn(backend.tokens, 'verify');
    const { hostname, port } = new URL(address);
    const body = JSON.stringify({ title: 'Plans', body: 'Call the bank' });
    const socket = connect(Number(port), hostname);
    const head = (method: string, more: readonly string[]): string =>
      [`${method} ${LIST} HTTP/1.1`, `host: ${hostname}`, ...more, '', ''].join('\r\n');
    const authorization = `authorization: Bearer ${await backend.tokenOf({})}`;
    socket.write(
      head('POST', [
        authorization,
        'connection: close',
        'content-type: application/json',
        `content-length: ${String(body.length)}`,
        `traceparent: ${TRACEPARENT}`,
      ]),
    );
    // The body is waited for once the token was verified.
    await vi.waitUntil(() => verify.mock.results.length > 0, 60_000);
    await verify.mock.results[0]?.value;
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.write(body);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 201 /);
    const spans = await spansOf(measured);
    const request = named(spans, 'POST /api/notes');
    const wrap = named(spans, 'field_encrypt.wrap');
    expect(wrap).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId });
  });

  it('keeps requests that run at the same time apart', async () => {
    const measured = await measuredBackend();
    const { backend } = measured;
    const made = await Promise.all([1, 2, 3, 4].map(() => backend.create()));
    backend.forgetKeys();
    await Promise.all(
      made.map(({ url }, at) =>
        backend.call('GET', url, {
          headers: { traceparent: `00-${TRACE}-${SPAN.slice(0, -1)}${String(at)}-01` },
        }),
      ),
    );
    const spans = (await spansOf(measured)).filter(({ traceId }) => traceId === TRACE);
    const requests = spans.filter(({ name }) => name.startsWith('GET'));
    expect(new Set(requests.map(({ parentSpanId }) => parentSpanId)).size).toBe(4);
    const unwraps = spans.filter(({ name }) => name === 'field_encrypt.unwrap');
    const parents = unwraps.map(({ parentSpanId }) => String(parentSpanId));
    expect(parents.sort()).toEqual(requests.map(({ spanId }) => spanId).sort());
  });

  it('begins here without one of the caller, and is on the lines of the log', async () => {
    const measured = await measuredBackend();
    const { backend } = measured;
    await backend.call('GET', LIST);
    await backend.call('GET', LIST, { headers: { traceparent: TRACEPARENT } });
    const [own, others] = backend.log.filter(({ msg }) => msg === 'request completed');
    const spans = await spansOf(measured);
    expect(spans.map(({ traceId, spanId }) => ({ traceId, spanId }))).toEqual([
      { traceId: own?.['traceId'], spanId: own?.['spanId'] },
      { traceId: TRACE, spanId: others?.['spanId'] },
    ]);
    expect(spans[0]?.parentSpanId).toBeUndefined();
  });

  it('is not made for others than its share, nor for probes and scrapes', async () => {
    const measured = await measuredBackend({ env: { OTEL_TRACES_SAMPLER_ARG: '0' } });
    const { backend } = measured;
    await backend.call('GET', LIST);
    await backend.call('GET', '/health');
    await scrape(backend);
    await backend.call('GET', LIST, { headers: { traceparent: TRACEPARENT.replace(/1$/, '0') } });
    await backend.call('GET', LIST, { headers: { traceparent: TRACEPARENT } });
    const spans = await spansOf(measured);
    expect(spans.map(({ traceId, name }) => [traceId, name])).toEqual([[TRACE, 'GET /api/notes']]);
  });

  it('says that a request failed, and nothing of why', async () => {
    const measured = await measuredBackend();
    const { backend } = measured;
    const { url } = await backend.create();
    backend.faults.notes = { before: new StoreError('STORE_UNAVAILABLE', 'mark-message') };
    expect((await backend.call('GET', url)).status).toBe(503);
    const failed = named(await spansOf(measured), 'GET /api/notes/:id');
    expect(failed.status).toEqual({ code: 2 });
    expect(failed.attributes).toMatchObject({ 'error.type': '503' });
    expect(JSON.stringify(measured.collector.received)).not.toContain('mark-message');
  });

  it('ends where the client leaves', async () => {
    const controller = new AbortController();
    const held = deferred();
    const measured = await measuredBackend({
      notes: (store) => ({
        create: (...call) => store.create(...call),
        get: (...call) => store.get(...call),
        replace: (...call) => store.replace(...call),
        delete: (...call) => store.delete(...call),
        count: (...call) => store.count(...call),
        list: async (...call) => {
          controller.abort();
          await held.promise;
          return store.list(...call);
        },
      }),
    });
    const { backend } = measured;
    const address = await backend.server.app.listen({ port: 0 });
    const headers = { authorization: `Bearer ${await backend.tokenOf({})}` };
    const leaving = fetch(address + LIST, { headers, signal: controller.signal });
    await expect(leaving).rejects.toThrow();
    const left = async (): Promise<boolean> =>
      seriesOf(await scrape(backend)).some(({ labels }) => labels['error_type'] === 'aborted');
    for (let at = 0; at < 500 && !(await left()); at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    held.resolve();
    const span = named(await spansOf(measured), 'GET /api/notes');
    expect(span.attributes).toMatchObject({ 'error.type': 'aborted' });
  });
});
