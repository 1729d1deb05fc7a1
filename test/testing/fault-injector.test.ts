import { EventEmitter, once } from 'node:events';
import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { EnvKeyProvider, type DekStore } from '../../src/index.js';
import {
  injectFaults,
  ManualClock,
  MemoryDekStore,
  MemoryDocumentStore,
  type AsyncMethod,
  type Fault,
} from '../../src/testing/index.js';

const reset = new Error('connection reset');
const key = { id: 'n1' };

function storeWith(plan: (call: number) => Fault | undefined, clock = new ManualClock()) {
  const memory = new MemoryDocumentStore({ key: ['id'] });
  return { memory, store: injectFaults(memory, ({ call }) => plan(call), { clock }) };
}

describe('injectFaults', () => {
  it('lets calls through, arguments and answers unchanged, where the plan says nothing', async () => {
    const { store, memory } = storeWith(() => undefined);
    const created = await store.create({ id: 'n1', body: 'text' });
    expect(await memory.get(key)).toEqual(created);
    expect(await store.list({ pageSize: 1 })).toEqual({ items: [created] });
  });

  it('fails before anything is done', async () => {
    const { store, memory } = storeWith(() => ({ before: reset }));
    await expect(store.create({ id: 'n1' })).rejects.toBe(reset);
    expect(await memory.count()).toBe(0);
  });

  it('loses the answer to what was done', async () => {
    const { store, memory } = storeWith(() => ({ after: reset }));
    await expect(store.create({ id: 'n1' })).rejects.toBe(reset);
    expect(await memory.count()).toBe(1);
  });

  it('does not hide the own failure of a call whose answer would be lost', async () => {
    const { store } = storeWith((call) => (call === 2 ? { after: reset } : undefined));
    await store.create({ id: 'n1' });
    await expect(store.create({ id: 'n1' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('begins a call late, by a time on the given clock', async () => {
    const clock = new ManualClock();
    const { store, memory } = storeWith(() => ({ delayMs: 500 }), clock);
    const creating = store.create({ id: 'n1' });
    await clock.run(499);
    expect(await memory.count()).toBe(0);
    await clock.run(1);
    await creating;
    expect(await memory.count()).toBe(1);
  });

  it('begins a call once a promise has settled', async () => {
    const gate = new EventEmitter();
    const { store, memory } = storeWith(() => ({ wait: once(gate, 'open') }));
    const creating = store.create({ id: 'n1' });
    await new Promise(setImmediate);
    expect(await memory.count()).toBe(0);
    gate.emit('open');
    await creating;
    expect(await memory.count()).toBe(1);
  });

  it('asks with the method and a number counted over all methods, failed calls included', async () => {
    const asked: unknown[] = [];
    const memory = new MemoryDocumentStore({ key: ['id'] });
    const store = injectFaults(memory, (call) => {
      asked.push(call);
      return call.call === 2 ? { before: reset } : undefined;
    });
    await store.count();
    await store.get(key).catch(() => undefined);
    await store.count();
    expect(asked).toEqual([
      { method: 'count', call: 1 },
      { method: 'get', call: 2 },
      { method: 'count', call: 3 },
    ]);
    expect(store.calls).toEqual(['count', 'get', 'count']);
  });

  it('keeps no argument', async () => {
    const { store } = storeWith(() => undefined);
    await store.create({ id: 'n1', body: 'a secret' });
    expect(inspect(store.calls)).toBe("[ 'create' ]");
  });

  it('leaves properties, and what is not a method of the contract, as they are', async () => {
    const provider = new EnvKeyProvider({
      key: 'ebd9810b7b2132eac8b9df76d52071b31d4d95d944689e7f1c77da1170ce380d',
    });
    const wrapped = injectFaults(provider, () => undefined);
    expect([wrapped.id, wrapped.mekName, wrapped.wrapAlgorithm]).toEqual(['env', 'env', 'A256KW']);
    expect(wrapped instanceof EnvKeyProvider).toBe(true);
    expect(Reflect.get(wrapped, 'valueOf')).toBe(Reflect.get(provider, 'valueOf'));

    expect(await wrapped.currentVersion()).toBe(await provider.currentVersion());
    expect(wrapped.calls).toEqual(['currentVersion']);
  });

  it('has an optional method where its subject has it, and decides over it, too', async () => {
    const memory = new MemoryDekStore();
    const silent: DekStore = injectFaults<DekStore>(memory, () => ({ before: reset }));
    expect(Reflect.get(silent, 'readLagMs')).toBeUndefined();
    const lagging = Object.assign(memory, { readLagMs: () => Promise.resolve(3_000) });
    const store = injectFaults<DekStore>(lagging, ({ method, call }) =>
      method === 'readLagMs' && call === 2 ? { before: reset } : undefined,
    );
    expect(await store.readLagMs?.()).toBe(3_000);
    await expect(store.readLagMs?.()).rejects.toBe(reset);
    expect(store.calls).toEqual(['readLagMs', 'readLagMs']);
  });

  it('knows the methods of its subject', () => {
    expectTypeOf<AsyncMethod<DekStore>>().toEqualTypeOf<keyof DekStore>();
    expectTypeOf<AsyncMethod<EnvKeyProvider>>().toEqualTypeOf<
      'currentVersion' | 'unwrapKey' | 'wrapKey'
    >();
  });
});
