import { drive, type Driven } from './drive.js';
import type { RotateOptions } from './operator.js';
import { AutoClock } from './auto-clock.js';
import { StoreError, type Clock } from '../../../src/index.js';
import type { Call, Intercept } from './intercepted.js';
import type { Process, Watch } from './watch.js';

/**
 * How a process ends at one of its calls: before it is executed, after it and before the answer, or
 * by a connection that fails from there on, which the process lives to see.
 */
export const CRASHES = ['before', 'after', 'cut off'] as const;
export type Crash = (typeof CRASHES)[number];

export interface CrashPoint {
  /** Counts the calls of the process, from 1 on. */
  readonly call: number;
  /** `'unanswered'` is no crash: the call is executed, its answer is lost, and the process goes on. */
  readonly crash: Crash | 'unanswered';
}

export interface Mortal {
  readonly process: Process;
  /** Resolves when the process died. */
  readonly death: Promise<void>;
  readonly calls: readonly Call[];
}

export interface MortalOptions {
  /** Absent for a process that lives. */
  readonly point?: CrashPoint | undefined;
  readonly clock?: Clock;
  /** Happens before the call with the number is executed. */
  readonly beforeCall?: (call: number) => Promise<void>;
}

const CUT_OFF = new Error('connection refused');
const UNANSWERED = new StoreError('STORE_UNAVAILABLE', 'connection reset');

/** A process that dies at a call, and is never heard of again. */
export function mortal(
  watch: Watch,
  name: string,
  { point, clock = new AutoClock(), beforeCall = () => Promise.resolve() }: MortalOptions = {},
): Mortal {
  const calls: Call[] = [];
  let die = (): void => undefined;
  const death = new Promise<void>((resolve) => {
    die = resolve;
  });
  const intercept: Intercept = async (call, execute) => {
    const number = calls.push(call);
    await beforeCall(number);
    const { crash } = point ?? {};
    if (!point || number < point.call) return (await watch.executeInTurn(call, execute))();
    if (crash === 'cut off') throw CUT_OFF;
    if (crash === 'unanswered') {
      const answer = await watch.executeInTurn(call, execute);
      if (number === point.call) throw UNANSWERED;
      return answer();
    }
    if (crash === 'after' && number === point.call) await watch.executeInTurn(call, execute);
    die();
    return new Promise(() => undefined);
  };
  return { process: watch.process(name, { clock, intercept }), death, calls };
}

/** Runs a rewrap until it ends or its process dies; `undefined` for the latter. */
export function driveMortal(
  watch: Watch,
  { process, death }: Mortal,
  options: RotateOptions,
): Promise<Driven | undefined> {
  const run = drive(watch, process, options);
  return Promise.race([run, death.then(() => undefined)]);
}
