import type { DocumentStore } from '../../../src/index.js';
import type { Loose } from '../encryptor.js';
import type { World } from './world.js';

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** A document store each of whose calls waits for its turn, and so does each answer. */
export function inTurns(
  world: World,
  process: string,
  store: DocumentStore<Loose>,
): DocumentStore<Loose> {
  const call = async (method: string, args: readonly unknown[]): Promise<unknown> => {
    await world.pause(process, `documents.${method} sent`);
    const outcome = await settled((Reflect.get(store, method) as Method).apply(store, [...args]));
    await world.pause(process, `documents.${method} answered`);
    return outcome();
  };
  return new Proxy(store, {
    get:
      (_target, name): unknown =>
      (...args: readonly unknown[]) =>
        call(String(name), args),
  });
}

async function settled(work: Promise<unknown>): Promise<() => unknown> {
  try {
    const value = await work;
    return () => value;
  } catch (error) {
    return () => {
      throw error as Error;
    };
  }
}
