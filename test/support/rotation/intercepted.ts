import { storeCallName } from '../store-call.js';

/** A call of a store or a provider on its way. */
export interface Call {
  readonly process: string;
  readonly subject: 'provider' | 'store';
  /** As {@link storeCallName} says it. */
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Executes a call, with its own arguments or others. */
export type Execute = (args?: readonly unknown[]) => Promise<unknown>;

/** Decides when, and whether, a call is executed. */
export type Intercept = (call: Call, execute: Execute) => Promise<unknown>;

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** A stand-in whose every call goes through `intercept`. */
export function intercepted<T extends object>(
  target: T,
  { process, subject }: Pick<Call, 'process' | 'subject'>,
  intercept: Intercept,
): T {
  return new Proxy(target, {
    get(_target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return (...given: readonly unknown[]) =>
        intercept(
          { process, subject, method: storeCallName(name, given), args: given },
          (args = given) => (member as Method).call(target, ...args),
        );
    },
  });
}

/** The signal that a call was given, in any argument. */
export function signalOf({ args }: Call): AbortSignal | undefined {
  const options = args.at(-1) as { readonly signal?: unknown } | null | undefined;
  return options?.signal instanceof AbortSignal ? options.signal : undefined;
}
