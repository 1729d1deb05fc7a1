import type { DocumentStore } from '../../../src/index.js';
import type { Loose } from '../encryptor.js';
import type { World } from './world.js';

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** A call of a document store that was executed just now, and is not answered yet. */
export interface DocumentCall {
  readonly process: string;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly value?: unknown;
  /** Where it failed. */
  readonly error?: unknown;
}

export interface TurnsOptions {
  /** Documents on a page of `list`. @default as the caller asks */
  readonly pageSize?: number;
  readonly onSent?: (method: string) => void;
  /** No other process takes a turn before it resolves. */
  readonly onExecuted?: (call: DocumentCall) => Promise<void> | void;
}

/** A document store each of whose calls waits for its turn, and so does each answer. */
export function inTurns(
  world: World,
  process: string,
  store: DocumentStore<Loose>,
  { pageSize, onSent, onExecuted }: TurnsOptions = {},
): DocumentStore<Loose> {
  const call = async (method: string, given: readonly unknown[]): Promise<unknown> => {
    const isPaged = method === 'list' && pageSize !== undefined;
    const args = isPaged ? [{ ...(given[0] as object), pageSize }] : given;
    onSent?.(method);
    await world.pause(process, `documents.${method} sent`);
    const outcome = await settled((Reflect.get(store, method) as Method).apply(store, [...args]));
    await onExecuted?.({ process, method, args, ...outcome });
    await world.pause(process, `documents.${method} answered`);
    if ('error' in outcome) throw outcome.error as Error;
    return outcome.value;
  };
  return new Proxy(store, {
    get: (_target, name): unknown => {
      const member: unknown = Reflect.get(store, name);
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]) => call(String(name), args);
    },
  });
}

async function settled(
  work: Promise<unknown>,
): Promise<{ readonly value: unknown } | { readonly error: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}
