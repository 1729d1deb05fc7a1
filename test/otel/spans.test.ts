/** Spans: below what, from when to when, and what is on them. @module */
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { beforeEach, describe, expect, it } from 'vitest';
import { decryptAny, encryptAny, KEY, PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { throttledRotation } from '../support/otel/everything.js';
import { activateContexts, inSpan, otelWorld } from '../support/otel/otel-world.js';
import { pull, pullUntil, start, versionOf, withKeys, writeNotes } from '../support/rotations.js';

beforeEach(() => {
  activateContexts();
});

function byName(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.filter((each) => each.name === name);
  expect(found, name).toHaveLength(1);
  return found[0] as ReadableSpan;
}

async function coldReader(): Promise<{ reader: Setup; stored: Record<string, unknown> }> {
  const writer = setup();
  const stored = await encryptAny(writer.encryptor, { ...KEY, body: 'text' });
  return { reader: setup({ beside: writer }), stored };
}

describe('a read', () => {
  it('has spans of its calls below the active one, and those of a provider below them', async () => {
    const { reader, stored } = await coldReader();
    const world = otelWorld();
    reader.provider.before = async (method) => {
      await Promise.resolve();
      if (method === 'unwrapKey') world.tracerProvider.getTracer('vault').startSpan('POST').end();
    };
    await inSpan(world, 'GET /notes/:id', async () => {
      await Promise.resolve();
      await decryptAny(reader.encryptor, stored);
    });
    const spans = world.spans();
    const names = ['field_encrypt.store.get', 'POST', 'field_encrypt.unwrap', 'GET /notes/:id'];
    expect(spans.map(({ name }) => name)).toEqual(names);
    const [get, post, unwrap, request] = names.map((name) => byName(spans, name));
    expect(get?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(unwrap?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(post?.parentSpanContext?.spanId).toBe(unwrap?.spanContext().spanId);
    expect(new Set(spans.map((each) => each.spanContext().traceId)).size).toBe(1);
    expect(get?.attributes).toEqual({
      'field_encrypt.product': PRODUCT,
      'field_encrypt.store.method': 'get',
    });
    expect(unwrap?.attributes).toEqual({
      'field_encrypt.product': PRODUCT,
      'field_encrypt.key_provider': 'env',
      'field_encrypt.mek.name': 'env',
      'field_encrypt.mek.version': await versionOf('a'),
      'field_encrypt.purpose': 'document',
    });
    expect(unwrap?.instrumentationScope.name).toBe('@bytelyst/field-encrypt');
  });

  it('leaves the caller in its own context', async () => {
    const { reader, stored } = await coldReader();
    const world = otelWorld();
    await inSpan(world, 'request', async () => {
      const before = trace.getSpan(context.active());
      const reading = decryptAny(reader.encryptor, stored);
      expect(trace.getSpan(context.active())).toBe(before);
      await reading;
      expect(trace.getSpan(context.active())).toBe(before);
    });
  });

  it('that fails has the code, and nothing of the error', async () => {
    const { reader, stored } = await coldReader();
    const world = otelWorld();
    reader.provider.before = () => {
      throw new Error('The quoted input');
    };
    await inSpan(world, 'request', () => rejection(decryptAny(reader.encryptor, stored)));
    const { status, attributes, events } = byName(world.spans(), 'field_encrypt.unwrap');
    expect(status).toEqual({ code: SpanStatusCode.ERROR });
    expect(attributes['error.type']).toBe('OTHER');
    expect(events).toEqual([]);
  });

  it('outside of any span has none, unless that is asked for', async () => {
    const { reader, stored } = await coldReader();
    const world = otelWorld();
    await decryptAny(reader.encryptor, stored);
    expect(world.spans()).toEqual([]);
    world.instrumentation.stop();
    reader.dekCache.clear();
    const rooted = otelWorld({ requireParentSpan: false });
    await decryptAny(reader.encryptor, stored);
    const names = rooted.spans().map(({ name }) => name);
    expect(names).toEqual(['field_encrypt.store.get', 'field_encrypt.unwrap']);
    for (const each of rooted.spans()) expect(each.parentSpanContext).toBeUndefined();
  });

  it('shows concurrent calls each in its own trace', async () => {
    const writer = setup();
    const stored = await writeNotes(writer, 3);
    const reader = setup({ beside: writer });
    const world = otelWorld();
    await Promise.all(
      stored.map((each, index) =>
        inSpan(world, `request ${String(index)}`, () => decryptAny(reader.encryptor, each)),
      ),
    );
    const traces = world.spans().map((each) => each.spanContext().traceId);
    expect(traces).toHaveLength(9);
    expect(new Set(traces).size).toBe(3);
  });
});

describe('a run', () => {
  it('has a span from its start to its end, with steps and counts', async () => {
    const writer = setup();
    await writeNotes(writer, 3);
    const operator = withKeys(writer, ['b', 'a']);
    const world = otelWorld();
    await inSpan(world, 'job', async () => {
      await pullUntil(await start(operator), operator.clock, 'finished');
    });
    const spans = world.spans();
    const run = byName(spans, 'field_encrypt.run.rewrapAllDeks');
    expect(run.parentSpanContext?.spanId).toBe(byName(spans, 'job').spanContext().spanId);
    expect(run.attributes).toMatchObject({
      'field_encrypt.product': PRODUCT,
      'field_encrypt.mek.version': await versionOf('b'),
      'field_encrypt.run.name': 'rewrapAllDeks',
      'field_encrypt.run.outcome': 'finished',
      'field_encrypt.run.changed': 3,
      'field_encrypt.run.complete': true,
    });
    const steps = run.events.map(({ name }) => name);
    expect(steps).toEqual(
      expect.arrayContaining(['field_encrypt.run.begun', 'field_encrypt.run.pass']),
    );
    expect(steps.length).toBeLessThan(20);
  });

  it('that stops has the code, and one that is not over ends with the instrumentation', async () => {
    const writer = setup();
    await writeNotes(writer, 2);
    const operator = withKeys(writer, ['b', 'a']);
    const world = otelWorld();
    const controller = new AbortController();
    const aborted = await start(operator, { signal: controller.signal });
    await pullUntil(aborted, operator.clock, 'fence');
    controller.abort();
    await rejection(pull(aborted, operator.clock));
    expect(world.spans()).toMatchObject([
      { status: { code: SpanStatusCode.ERROR }, attributes: { 'error.type': 'ABORTED' } },
    ]);
    const open = await start(operator);
    await pullUntil(open, operator.clock, 'begun');
    world.instrumentation.stop();
    expect(world.spans()).toHaveLength(2);
    await open.return(undefined as never);
    expect(world.spans()).toHaveLength(2);
  });

  it('shows a throttled attempt on the span of its call', async () => {
    const world = otelWorld();
    await inSpan(world, 'job', throttledRotation);
    const events = world.spans().flatMap(({ events: own }) => own);
    const retries = events.filter(({ name }) => name === 'field_encrypt.retry');
    expect(retries).toHaveLength(2);
    for (const { attributes } of retries) {
      expect(attributes).toEqual({ 'error.type': 'KEY_PROVIDER_THROTTLED' });
    }
  });
});
