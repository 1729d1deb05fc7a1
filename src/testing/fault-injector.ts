/** Makes any store or provider fail, answer late or lose its answer, call by call. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { readOptions } from '../guards/guards.js';

/**
 * The fault of one call: it fails without effect (`before`), it takes effect and its answer is lost
 * (`after`), or it begins late, after a time or once a promise has settled.
 */
export type Fault =
  | { readonly before: Error }
  | { readonly after: Error }
  | { readonly delayMs: number }
  | { readonly wait: Promise<unknown> };

/** The names of the methods that return a promise. */
export type AsyncMethod<Subject> = {
  [Name in keyof Subject & string]-?: NonNullable<Subject[Name]> extends (
    ...args: never[]
  ) => Promise<unknown>
    ? Name
    : never;
}[keyof Subject & string];

export interface FaultCall<Subject> {
  readonly method: AsyncMethod<Subject>;
  /** The number of the call, over all methods of the subject, from 1 on. */
  readonly call: number;
}

/** Called before each call; `undefined` lets the call through. */
export type FaultPlan<Subject> = (call: FaultCall<Subject>) => Fault | undefined;

export interface FaultLog<Subject> {
  /** The methods called so far, in order; arguments are never kept. */
  readonly calls: readonly AsyncMethod<Subject>[];
}

export interface InjectFaultsOptions {
  /** The source of time for `delayMs`. @default systemClock */
  readonly clock?: Clock;
}

/**
 * Wraps a subject so that a plan decides on each call; everything else is the subject's own.
 *
 * All methods must return a promise, as those of `KeyProvider`, `DekStore` and `DocumentStore` do. Calls that
 * the subject makes on itself are not intercepted.
 *
 * @returns The subject to use instead, with `calls` next to its own properties.
 *
 * @example The answer to the first write is lost
 * ```ts
 * import { injectFaults, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * const store = injectFaults(new MemoryDocumentStore({ key: ['id'] }), ({ method, call }) =>
 *   method === 'create' && call === 1 ? { after: new Error('connection reset') } : undefined,
 * );
 * await store.create({ id: 'n1' }).catch((error) => console.log(error.message)); // connection reset
 * console.log(await store.count(), store.calls); // 1 [ 'create', 'count' ]
 * ```
 */
export function injectFaults<Subject extends object>(
  subject: Subject,
  plan: FaultPlan<Subject>,
  options: InjectFaultsOptions = {},
): FaultLog<Subject> & Subject {
  const { clock = systemClock } = readOptions(options, ['clock']);
  const calls: AsyncMethod<Subject>[] = [];

  const perform = async (name: string, work: () => unknown): Promise<unknown> => {
    const method = name as AsyncMethod<Subject>;
    const call = calls.push(method);
    return performWith(plan({ method, call }), work, clock);
  };

  return new Proxy(subject, {
    get(target, name) {
      if (name === 'calls') return calls;
      const member: unknown = Reflect.get(target, name);
      if (typeof name === 'symbol' || typeof member !== 'function' || name in Object.prototype) {
        return member;
      }
      // Called on the target itself: a proxy has none of its private fields.
      return (...args: unknown[]) =>
        perform(name, () => Reflect.apply(member, target, args) as unknown);
    },
  }) as FaultLog<Subject> & Subject;
}

async function performWith(
  planned: Fault | undefined,
  work: () => unknown,
  clock: Clock,
): Promise<unknown> {
  if (planned === undefined) return work();
  const fault = readFault(planned);
  if ('before' in fault) throw fault.before;
  if ('wait' in fault) await fault.wait;
  if ('delayMs' in fault) await clock.sleep(fault.delayMs);
  const answer = await work();
  if ('after' in fault) throw fault.after;
  return answer;
}

/** A misspelt fault would have no effect, and its test would pass. */
function readFault(fault: Fault): Fault {
  const own = readOptions(fault, ['before', 'after', 'delayMs', 'wait'], 'fault');
  if (Object.keys(own).length > 0) return own;
  throw new TypeError('"fault" expected one of before, after, delayMs, wait, got none of them');
}
