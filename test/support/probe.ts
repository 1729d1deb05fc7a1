import type { DekStore } from '../../src/index.js';
import { storeCallName } from './store-call.js';

/** What went through a probed object, and ways to disturb it; calls by {@link storeCallName}. */
export interface Probe {
  /** Calls of each method so far. */
  readonly calls: Readonly<Record<string, number>>;
  /** Most calls of a method that were under way at once. */
  readonly mostInFlight: Readonly<Record<string, number>>;
  /** Runs before a call; throws to make it fail, waits to make it slow. */
  before: (method: string, args: readonly unknown[]) => unknown;
  /** May replace what a call resolves to; throws to lose its acknowledgement. */
  after: (method: string, result: unknown) => unknown;
  reset(): void;
}

type Method = (...args: readonly unknown[]) => unknown;

const asItIs = (_method: string, result: unknown): unknown => result;

/** A stand-in for a store or a key provider that counts calls and lets tests disturb them. */
export function probed<T extends object>(target: T): readonly [T, Probe] {
  const calls: Record<string, number> = {};
  const inFlight: Record<string, number> = {};
  const mostInFlight: Record<string, number> = {};
  const probe: Probe = {
    calls,
    mostInFlight,
    before: () => undefined,
    after: asItIs,
    reset() {
      for (const counts of [calls, mostInFlight]) {
        for (const method of Object.keys(counts)) Reflect.deleteProperty(counts, method);
      }
    },
  };

  const call = async (name: string, args: readonly unknown[]): Promise<unknown> => {
    const method = storeCallName(name, args);
    calls[method] = (calls[method] ?? 0) + 1;
    const now = (inFlight[method] = (inFlight[method] ?? 0) + 1);
    mostInFlight[method] = Math.max(mostInFlight[method] ?? 0, now);
    try {
      await probe.before(method, args);
      const result = await (Reflect.get(target, name) as Method).call(target, ...args);
      return await probe.after(method, result);
    } finally {
      inFlight[method] = (inFlight[method] ?? 1) - 1;
    }
  };

  const proxy = new Proxy(target, {
    get(_target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return (...args: readonly unknown[]) => call(name, args);
    },
  });
  return [proxy, probe];
}

/** The store with methods of its own in the place of some, or beside them. */
export function withOwn(store: DekStore, own: Partial<Record<keyof DekStore, unknown>>): DekStore {
  return new Proxy(store, {
    get(_store, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name) as unknown;
      const member: unknown = Reflect.get(store, name);
      return typeof member === 'function' ? (member.bind(store) as unknown) : member;
    },
  });
}
