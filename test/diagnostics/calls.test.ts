/** What is published about each call to a key provider and a store, and in which order. @module */
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DekRow, DekStoreOptions } from '../../src/adapters.js';
import {
  diagnosticsChannels,
  rewrapAllDeks,
  StoreError,
  type Envelope,
  type UnwrapMessage,
} from '../../src/index.js';
import { CheckedDekStore } from '../../src/store/checked-dek-store.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { ManualClock } from '../support/clock.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  MEK_VERSION,
  PRODUCT,
  sealed,
  setup,
  type Setup,
} from '../support/encryptor.js';
import { deferred, turn } from '../support/deferred.js';
import { rejection } from '../support/failure.js';
import { hearCalls, onMessage } from '../support/hear.js';
import { pullUntil, rewrap, start, versionOf, withKeys } from '../support/rotations.js';
import { secretWatch } from '../support/secrets/secret-watch.js';

const UNWRAP = `tracing:${diagnosticsChannels.unwrap}`;
const MEK = { keyProvider: 'env', mekName: 'env', mekVersion: MEK_VERSION };

async function written(): Promise<{ reader: Setup; writer: Setup; dekId: string; body: Envelope }> {
  const writer = setup();
  const body = await sealed(writer.encryptor, 'text');
  return { writer, reader: setup({ beside: writer }), dekId: body.dekId, body };
}

describe('a call of a key provider', () => {
  it('tells product, dekId, exact MEK, epoch of the row and duration', async () => {
    const wraps = hearCalls('wrap');
    const { reader, dekId, body } = await written();
    const unwraps = hearCalls('unwrap');
    await decryptAny(reader.encryptor, { ...KEY, body });
    expect(wraps).toEqual([{ product: PRODUCT, dekId, ...MEK, durationMs: 0 }]);
    expect(unwraps).toEqual([{ product: PRODUCT, dekId, ...MEK, epoch: 1, durationMs: 0 }]);
  });

  it('has no dekId where a random key proves that the MEK works', async () => {
    const { encryptor } = setup();
    const [wraps, unwraps] = [hearCalls('wrap'), hearCalls('unwrap')];
    expect((await encryptor.checkReadiness()).ready).toBe(true);
    const probe = { product: PRODUCT, ...MEK, durationMs: 0 };
    expect([...wraps, ...unwraps]).toEqual([probe, probe]);
  });

  it('is one message through all its phases', async () => {
    const { reader, body } = await written();
    const phases: string[] = [];
    const messages = new Set<unknown>();
    for (const phase of ['start', 'end', 'asyncStart', 'asyncEnd', 'error']) {
      onMessage<'unwrap'>(`${UNWRAP}:${phase}`, (message) => {
        messages.add(message);
        phases.push('durationMs' in message ? `${phase} (over)` : phase);
      });
    }
    reader.provider.before = () => void phases.push('called');
    await decryptAny(reader.encryptor, { ...KEY, body });
    expect(phases).toEqual(['start', 'called', 'end', 'asyncStart (over)', 'asyncEnd (over)']);
    expect(messages.size).toBe(1);
  });

  it('runs in the stores that are bound to its start', async () => {
    const { reader, body } = await written();
    const spans = new AsyncLocalStorage<string>();
    const start = channel(`${UNWRAP}:start`);
    start.bindStore(spans, (message) => {
      return `span of ${(message as UnwrapMessage).product}`;
    });
    onTestFinished(() => void start.unbindStore(spans));
    let span: string | undefined;
    reader.provider.before = () => (span = spans.getStore());
    await decryptAny(reader.encryptor, { ...KEY, body });
    expect(span).toBe(`span of ${PRODUCT}`);
    expect(spans.getStore()).toBeUndefined();
  });

  it('that fails tells a code alone, in one more phase', async () => {
    const { reader, body } = await written();
    const [errors, ends] = [hearCalls('unwrap', 'error'), hearCalls('unwrap')];
    reader.provider.before = () => {
      throw new Error('Not one of the library');
    };
    await rejection(decryptAny(reader.encryptor, { ...KEY, body }));
    expect(errors).toEqual(ends);
    expect(errors).toEqual([
      {
        ...{ product: PRODUCT, dekId: body.dekId, ...MEK, epoch: 1 },
        ...{ durationMs: 0, errorCode: 'OTHER' },
      },
    ]);
  });

  it('that breaks its contract has failed', async () => {
    const { reader, body } = await written();
    const ends = hearCalls('unwrap');
    reader.provider.after = () => 'no bytes';
    await rejection(decryptAny(reader.encryptor, { ...KEY, body }));
    expect(ends).toMatchObject([{ errorCode: 'ADAPTER_CONTRACT' }]);
  });

  it('that was aborted says so', async () => {
    const { writer } = await written();
    const process = withKeys(writer, ['b', 'a']);
    const ends = hearCalls('wrap');
    const controller = new AbortController();
    process.provider.before = () => {
      controller.abort(new Error('Enough'));
      controller.signal.throwIfAborted();
    };
    const target = { mekVersion: await withKeys(writer, ['b']).keyProvider.currentVersion() };
    const rewrapping = rewrapAllDeks(process.encryptor, { target, signal: controller.signal });
    expect(await rejection(rewrapping.next())).toMatchObject({ message: 'Enough' });
    expect(ends).toMatchObject([{ errorCode: 'ABORTED' }]);
  });
});

describe('calls that belong to a DEK', () => {
  it('name it also while a row is rewrapped, and its new wrap unwrapped again', async () => {
    const { writer, dekId } = await written();
    const [wraps, unwraps] = [hearCalls('wrap'), hearCalls('unwrap')];
    await rewrap(withKeys(writer, ['b', 'a']));
    const proof = undefined;
    expect(wraps.map((each) => each.dekId)).toEqual([proof, dekId]);
    expect(unwraps.map((each) => each.dekId)).toEqual([proof, dekId, dekId, dekId]);
    const [source, target] = [await versionOf('a'), await versionOf('b')];
    // Before the beginning, the round trip and one row of the version to leave.
    const versions = [target, source, source, target];
    expect(unwraps.map(({ mekVersion }) => mekVersion)).toEqual(versions);
    // None of them is for a document.
    for (const each of unwraps) expect(each).not.toHaveProperty('epoch');
  });

  it('name it also where a writer brings its own row to a rotation', async () => {
    const { writer } = await written();
    const late = withKeys(writer, ['a', 'b']);
    const gate = deferred();
    late.store.before = (method) => (method === 'create' ? gate.promise : undefined);
    const wraps = hearCalls('wrap');
    const writing = encryptAny(late.encryptor, { ...KEY, id: 'late', body: 'text' });
    await turn();
    await rewrap(withKeys(writer, ['b', 'a']));
    gate.resolve();
    const { dekId } = envelopeAt(await writing, 'body');
    const own = wraps.filter((each) => each.dekId === dekId).map(({ mekVersion }) => mekVersion);
    expect(own).toEqual([await versionOf('a'), await versionOf('b')]);
  });

  it('pass the signal on, heard or unheard, and no dekId', async () => {
    const { writer } = await written();
    const process = withKeys(writer, ['b', 'a']);
    const controller = new AbortController();
    const given: { readonly signal: AbortSignal }[] = [];
    process.provider.before = (method, args) => {
      if (method !== 'currentVersion') given.push(args.at(-1) as (typeof given)[number]);
    };
    const rewrapping = await start(process, { signal: controller.signal });
    await secretWatch.unheard(() => pullUntil(rewrapping, process.clock, 'begun'));
    await pullUntil(rewrapping, process.clock, 'finished');
    const mekVersion = await versionOf('b');
    const signal: unknown = expect.any(AbortSignal);
    const [wrapping, unwrapping] = [{ mekVersion, signal }, { signal }];
    const before = [wrapping, unwrapping, unwrapping];
    expect(given).toEqual([...before, unwrapping, wrapping, unwrapping]);
    // One that the library derives from the caller's, for all calls.
    const signals = new Set(given.map((each) => each.signal));
    expect(signals.size).toBe(1);
    const [own] = signals;
    expect(own?.aborted).toBe(false);
    controller.abort(new Error('Enough'));
    expect(own?.aborted).toBe(true);
    expect(own?.reason).toBe(controller.signal.reason);
  });
});

describe('a call of a store', () => {
  const source = { product: PRODUCT, clock: new ManualClock() };

  it('tells its method, and which DEK, scope or item it was about', async () => {
    const made = setup();
    const calls = hearCalls('store');
    const { dekId } = await sealed(made.encryptor, 'text');
    const [scopeId] = dekId.split('.');
    const about = { product: PRODUCT, durationMs: 0 };
    const record = { scopeId: `rotation:${PRODUCT}`, itemId: 'rotation' };
    expect(calls).toEqual([
      { ...about, ...record, method: 'getItem' },
      { ...about, method: 'count' },
      { ...about, ...record, method: 'createItem' },
      { ...about, ...record, method: 'getItem' },
      { ...about, method: 'listScope', scopeId },
      { ...about, method: 'create', dekId },
    ]);
  });

  it('has a code where it lost a race', async () => {
    const made = setup();
    const { dekId } = await sealed(made.encryptor, 'text');
    const calls = hearCalls('store');
    const store = new CheckedDekStore(made.memory, source);
    const item = await store.get(dekId);
    await rejection(store.replace(item?.value as DekRow, 'another etag'));
    await rejection(store.create(item?.value as DekRow));
    expect(calls).toEqual([
      { product: PRODUCT, method: 'get', dekId, durationMs: 0 },
      { product: PRODUCT, method: 'replace', dekId, durationMs: 0, errorCode: 'ETAG_MISMATCH' },
      { product: PRODUCT, method: 'create', dekId, durationMs: 0, errorCode: 'ALREADY_EXISTS' },
    ]);
  });

  it('tells every method, each by its own name', async () => {
    const names: string[] = [];
    const answers = new Proxy({} as never, {
      get: (_target, name) => () => {
        names.push(String(name));
        return Promise.reject(new StoreError('STORE_UNAVAILABLE', 'Down'));
      },
    });
    const store = new CheckedDekStore(answers, source);
    const calls = hearCalls('store');
    const methods = Object.getOwnPropertyNames(CheckedDekStore.prototype).filter(
      (name) => name !== 'constructor',
    ) as (keyof CheckedDekStore)[];
    for (const method of methods) {
      const call = store[method].bind(store) as (...args: readonly unknown[]) => Promise<unknown>;
      await rejection(call({ id: 'x' }, 'etag'));
    }
    expect(methods).toHaveLength(14);
    expect(names).toEqual(methods);
    expect(calls.map(({ method }) => method)).toEqual(methods);
    expect(calls.every(({ errorCode }) => errorCode === 'STORE_UNAVAILABLE')).toBe(true);
  });

  it('adds up the request units of all its requests, and passes them on', async () => {
    const passedOn: number[] = [];
    const memory = new MemoryDekStore();
    memory.count = (_filter, options: DekStoreOptions = {}) => {
      for (const units of [2.5, NaN, 4]) options.onRequestCharge?.(units);
      return Promise.resolve(7);
    };
    const store = new CheckedDekStore(memory, source);
    const calls = hearCalls('store');
    await store.count({ product: PRODUCT }, { onRequestCharge: (units) => passedOn.push(units) });
    await store.count({ product: PRODUCT });
    expect(calls.map(({ requestCharge }) => requestCharge)).toEqual([6.5, 6.5]);
    expect(passedOn).toEqual([2.5, NaN, 4]);
  });

  it('passes signal and page on as they were', async () => {
    const made = setup();
    const signal = new AbortController().signal;
    const given: unknown[] = [];
    made.store.before = (_method, args) => given.push(args.at(-1));
    const store = new CheckedDekStore(made.dekStore, source);
    await store.list({ product: PRODUCT }, { pageSize: 3, signal });
    await secretWatch.unheard(() => store.list({ product: PRODUCT }, { pageSize: 3, signal }));
    await secretWatch.unheard(() => store.list({ product: PRODUCT }));
    expect(given).toEqual([
      { pageSize: 3, signal, onRequestCharge: expect.any(Function) as unknown },
      { pageSize: 3, signal },
      undefined,
    ]);
  });
});

describe('a subscriber', () => {
  it('that throws fails no call, and Node reports what it threw', () => {
    const script = join(import.meta.dirname, 'throwing-subscribers.mjs');
    const printed = execFileSync(process.execPath, [script], { encoding: 'utf8' });
    const { reported, types, ...outcome } = JSON.parse(printed) as {
      readonly reported: Readonly<Record<string, number>>;
      readonly types: readonly string[];
    };
    expect(outcome).toEqual({ body: 'Hello', refusal: 'TAMPERED' });
    expect(types.filter((type) => type !== 'fence')).toEqual([
      ...['begun', 'pass', 'changed', 'passed'],
      ...['pass', 'unchanged', 'passed', 'pass', 'unchanged', 'passed', 'finished'],
    ]);
    const { run, cache, plaintextRead, wrap } = diagnosticsChannels;
    expect(Object.keys(reported)).toEqual(expect.arrayContaining([cache, plaintextRead]));
    expect(reported[run]).toBe(types.length + 1);
    expect(reported[`tracing:${wrap}:start`]).toBe(reported[`tracing:${wrap}:asyncEnd`]);
  });

  it('that freezes or changes its message fails no call', async () => {
    const { reader, body } = await written();
    onMessage<'unwrap'>(`${UNWRAP}:start`, (message) => {
      Object.assign(message, { product: 'other', mekVersion: 'other' });
      Object.freeze(message);
    });
    onMessage<'store'>(`tracing:${diagnosticsChannels.store}:start`, (message) => {
      const set = (): never => {
        throw new Error('From a subscriber');
      };
      Object.defineProperty(message, 'durationMs', { set, configurable: true });
    });
    expect(await decryptAny(reader.encryptor, { ...KEY, body })).toEqual({ ...KEY, body: 'text' });
  });

  it('gets only what it subscribed to: without a subscriber, the clock is not read', async () => {
    const { writer, body } = await written();
    const clock = new ManualClock();
    const looks: string[] = [];
    const monotonicMs = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => {
      looks.push(new Error('look').stack ?? '');
      return monotonicMs();
    };
    const reader = setup({ beside: writer, clock });
    const work = (): Promise<unknown> => decryptAny(reader.encryptor, { ...KEY, body });
    await secretWatch.unheard(work);
    const timed = (): string[] => looks.filter((stack) => stack.includes('traced-call'));
    expect(timed()).toEqual([]);
    reader.dekCache.clear();
    await work();
    expect(timed().length).toBeGreaterThan(0);
  });
});
