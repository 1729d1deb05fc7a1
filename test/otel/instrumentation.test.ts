/** What an instrumentation costs and risks: its end, its bounds, what it never lets out. @module */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { diag, metrics, trace, type DiagLogger, type Meter } from '@opentelemetry/api';
import { describe, expect, it, onTestFinished } from 'vitest';
import { diagnosticsChannels } from '../../src/index.js';
import { instrumentEncryption } from '../../src/otel/index.js';
import { setup } from '../support/encryptor.js';
import { doEverything, readsAndWrites } from '../support/otel/everything.js';
import { activateContexts, inSpan, OtelWorld, otelWorld } from '../support/otel/otel-world.js';
import { CHANNELS, secretWatch } from '../support/secrets/secret-watch.js';

const { cache, unwrap, failedOpen, rotationRecord } = diagnosticsChannels;

/** Lines of a scrape that are series. */
function seriesIn(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.startsWith('field_encrypt_'));
}

function nameOfSeries(line: string): string {
  return line.slice(0, line.lastIndexOf(' '));
}

function hearDiag(): readonly string[] {
  const said: string[] = [];
  const note = (...args: unknown[]): void => void said.push(args.join(' '));
  const logger: DiagLogger = { error: note, warn: note, info: note, debug: note, verbose: note };
  diag.setLogger(logger);
  onTestFinished(() => {
    diag.disable();
  });
  said.length = 0;
  return said;
}

describe('the end of an instrumentation', () => {
  it('leaves no subscriber behind, so that nothing is measured any more', async () => {
    const heard = (): boolean[] => CHANNELS.map((name) => channel(name).hasSubscribers);
    await secretWatch.unheard(async () => {
      expect(heard()).not.toContain(true);
      const world = new OtelWorld({ encryptors: [setup().encryptor] });
      expect(heard()).toContain(true);
      await world.end();
      world.instrumentation.stop();
      expect(heard()).not.toContain(true);
    });
  });

  it('is the end of all metrics', async () => {
    const world = otelWorld();
    await readsAndWrites();
    const before = seriesIn(await world.text());
    world.instrumentation.stop();
    await readsAndWrites();
    expect(seriesIn(await world.text())).toEqual(before);
  });
});

describe('without providers', () => {
  it('the global ones are taken', async () => {
    const world = otelWorld();
    world.instrumentation.stop();
    metrics.setGlobalMeterProvider(world.meterProvider);
    trace.setGlobalTracerProvider(world.tracerProvider);
    activateContexts();
    const own = instrumentEncryption();
    try {
      await inSpan(world, 'request', readsAndWrites);
    } finally {
      own.stop();
    }
    expect(await world.samples('field_encrypt.store.duration')).not.toEqual([]);
    expect(world.spans().length).toBeGreaterThan(5);
  });

  it('of any kind nothing goes wrong', async () => {
    const own = instrumentEncryption();
    try {
      await readsAndWrites();
    } finally {
      own.stop();
    }
  });
});

describe('the series', () => {
  it('are as many for 10,000 DEKs as for one', async () => {
    const world = otelWorld();
    const names = CHANNELS.filter((name) => !/:(start|end|asyncStart|error)$/.test(name));
    const heard: [name: string, message: object][] = [];
    const listeners = names.map((name) => {
      const listen = (message: unknown): void => void heard.push([name, message as object]);
      subscribe(name, listen);
      return () => {
        unsubscribe(name, listen);
      };
    });
    await readsAndWrites();
    for (const leave of listeners) leave();
    const messages = heard.filter(([, message]) => 'dekId' in message);
    expect(new Set(messages.map(([name]) => name)).size).toBe(4);
    const before = seriesIn(await world.text()).map(nameOfSeries);
    for (let count = 0; count < 10_000; count += 1) {
      for (const [name, message] of messages) {
        channel(name).publish({ ...message, dekId: `dek-${String(count)}.1` });
      }
    }
    expect(before.length).toBeGreaterThan(50);
    expect(seriesIn(await world.text()).map(nameOfSeries)).toEqual(before);
  });

  it('are bounded for whatever adapters and other versions publish', async () => {
    const world = otelWorld();
    const messages = Array.from({ length: 2_000 }, (_each, index) => String(index));
    for (const each of messages) {
      channel(`tracing:${unwrap}:asyncEnd`).publish({
        ...{ product: 'p', keyProvider: 'env', mekName: 'env', mekVersion: each },
        ...{ dekId: each, durationMs: 1, errorCode: `CODE_${each}` },
      });
      channel(cache).publish({ type: each, dekId: each });
      channel(failedOpen).publish({ product: each, collection: 'c'.repeat(1_000), errorCode: 7 });
      const target = { keyProvider: 'env', mekName: 'env', mekVersion: each };
      channel(rotationRecord).publish({ product: each, epoch: 1, state: 'complete', target });
    }
    expect(await world.samples('field_encrypt.unwrap.duration')).toHaveLength(101);
    const failures = await world.samples('field_encrypt.open.failures');
    // One product is that of the unwraps.
    expect(failures).toHaveLength(100);
    for (const { attributes } of failures) {
      expect(attributes).toMatchObject({
        'field_encrypt.collection': '_OTHER',
        'error.type': '_OTHER',
      });
    }
    expect(await world.samples('field_encrypt.rotation.epoch')).toHaveLength(100);
    expect(await world.samples('field_encrypt.cache.requests')).toHaveLength(3);
  });
});

describe('what is exported', () => {
  it('holds no key, plaintext, ciphertext or dekId', async () => {
    activateContexts();
    const world = otelWorld();
    const dekIds = new Set<string>();
    const listen = (message: unknown): void =>
      void dekIds.add((message as { dekId?: string }).dekId ?? '');
    subscribe(diagnosticsChannels.cache, listen);
    await inSpan(world, 'request', doEverything);
    unsubscribe(diagnosticsChannels.cache, listen);
    const spans = world
      .spans()
      .map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
    const exported = [await world.text(), JSON.stringify(spans)];
    expect(dekIds.size).toBeGreaterThan(5);
    for (const text of exported) {
      expect(text.length).toBeGreaterThan(1_000);
      expect(secretWatch.secrets.findIn(text)).toBeUndefined();
      for (const dekId of dekIds) if (dekId !== '') expect(text.includes(dekId)).toBe(false);
      expect(text).not.toContain('note-1');
    }
  });
});

describe('a failure in the SDK', () => {
  it('fails no call, and the logger of OpenTelemetry receives its name alone', async () => {
    const said = hearDiag();
    const failing = {
      add: () => {
        throw new RangeError('The quoted input');
      },
    };
    const world = new OtelWorld();
    await world.end();
    const meter = world.meterProvider.getMeter('other');
    const own = instrumentEncryption({
      meterProvider: {
        getMeter: () =>
          Object.assign(Object.create(meter) as Meter, { createCounter: () => failing as never }),
      },
      tracerProvider: world.tracerProvider,
    });
    try {
      await readsAndWrites();
    } finally {
      own.stop();
    }
    expect(said).toContain('@bytelyst/field-encrypt/otel lost a measurement: RangeError');
    expect(said.join('\n')).not.toContain('quoted');
  });
});

describe('a failure of a tracer', () => {
  it('fails no call, and leaves the caller its own span', async () => {
    activateContexts();
    const said = hearDiag();
    const world = otelWorld();
    world.instrumentation.stop();
    const startSpan = (): never => {
      throw new RangeError('The quoted input');
    };
    const own = instrumentEncryption({
      tracerProvider: { getTracer: () => ({ startSpan }) as never },
    });
    try {
      await inSpan(world, 'request', readsAndWrites);
    } finally {
      own.stop();
    }
    expect(world.spans().map(({ name }) => name)).toEqual(['request']);
    expect(said).toContain('@bytelyst/field-encrypt/otel lost a measurement: RangeError');
  });
});

describe('options', () => {
  it.each([
    [
      { meterProvider: {} },
      '"meterProvider" expected a MeterProvider with getMeter, got an object',
    ],
    [
      { tracerProvider: 1 },
      '"tracerProvider" expected a TracerProvider with getTracer, got a number',
    ],
    [{ requireParentSpan: 'no' }, '"requireParentSpan" expected a boolean, got a string'],
    [{ encryptors: {} }, '"encryptors" expected an array, got an object'],
    [
      { encryptors: [{ product: 1 }] },
      '"encryptors[].product" expected a non-empty string, got a number',
    ],
    [{ auditSinks: [{}] }, '"auditSinks[]" expected an audit sink with backlog, got an object'],
    [{ clock: {} }, '"clock" expected a clock with wallMs and monotonicMs, got an object'],
    [
      { tracer: {} },
      '"tracer" is no option: expected meterProvider, tracerProvider, requireParentSpan, encryptors, auditSinks, clock',
    ],
  ])('%j are refused', (options, message) => {
    expect(() => instrumentEncryption(options as never)).toThrow(message);
  });
});
