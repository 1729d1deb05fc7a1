import { storeCallName } from '../support/store-call.js';
import type { Library } from './library.js';
import type { Random } from './random.js';
import type { DocumentOperation } from './ledger.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';
import type { Weather } from './weather.js';

export type Subject = 'documents' | 'provider' | 'store';

/** A call of a store or a provider on its way. */
export interface Call {
  readonly process: SimProcess;
  readonly subject: Subject;
  /** As {@link storeCallName} says it. */
  readonly method: string;
  readonly args: readonly unknown[];
  readonly sentAtMs: number;
  readonly operation: DocumentOperation | undefined;
  readonly fault: Fault | undefined;
  /** Envelopes that it brings for the first time: their DEKs by ciphertext. */
  readonly sealed: Map<string, string>;
}

export type Outcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/**
 * What goes wrong with a call: it is refused (429, 449, no connection); its answer is lost; its
 * transport sends it twice, and gives the second answer (412 or 409); or it is given up and arrives.
 */
export type Fault = 'late' | 'lost' | 'refused' | 'repeated';

export interface WireHooks {
  readonly onSend: (call: Call) => void;
  /** After the call was executed, or refused on its way. */
  readonly onExecuted: (call: Call, outcome: Outcome) => void;
  readonly onDelivered: (call: Call, outcome: Outcome) => void;
  readonly onCrash: (process: SimProcess) => void;
}

/** A subject whose methods take the process that asks, and answer at once. */
type Target = object;
type Method = (process: SimProcess, ...args: readonly unknown[]) => unknown;
type Answer = (outcome: Outcome) => void;

/** What lies between processes and services: it takes time, breaks, and repeats itself. */
export class Wire {
  /** Nothing breaks any more, and everything is quick. */
  isCalm = false;
  readonly #library: Library;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #weather: Weather;
  readonly #hooks: WireHooks;
  readonly #revokes: (() => void)[] = [];

  constructor({ library, timeline, random, weather }: WireParts, hooks: WireHooks) {
    this.#library = library;
    this.#timeline = timeline;
    this.#random = random;
    this.#weather = weather;
    this.#hooks = hooks;
  }

  /** The service as the process has it: every call is sent, executed and answered, one step each. */
  stub(process: SimProcess, subject: Subject, target: Target): object {
    const { proxy, revoke } = Proxy.revocable(target, {
      get: (_target, name): unknown => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        return (...args: readonly unknown[]) =>
          this.#send(process, { subject, method: storeCallName(name, args), args }, () =>
            (member as Method).call(target, process, ...args),
          );
      },
    });
    this.#revokes.push(revoke);
    return proxy;
  }

  /** Nothing is sent any more, and processes do not hold the services. */
  end(): void {
    for (const revoke of this.#revokes.splice(0)) revoke();
  }

  #send(
    process: SimProcess,
    { subject, method, args }: Pick<Call, 'args' | 'method' | 'subject'>,
    execute: () => unknown,
  ): Promise<unknown> {
    if (!process.isAlive) return forEver();
    const signal = signalOf(args);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    process.calls += 1;
    const sentAtMs = this.#timeline.nowMs;
    const fault = this.#faultFor(subject, method);
    const { operation } = process;
    const sealed = new Map<string, string>();
    const call = { process, subject, method, args, sentAtMs, operation, fault, sealed };
    if (process.calls >= process.diesAtCall) {
      const isSent = this.#random.chance(0.5);
      this.#hooks.onCrash(process);
      if (!isSent) return forEver();
    }
    this.#hooks.onSend(call);
    return this.#travel(call, execute);
  }

  #travel(call: Call, execute: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const signal = signalOf(call.args);
      const stop = this.#timeline.listen(signal, () => {
        stop();
        this.#hooks.onDelivered(call, { ok: false, error: signal?.reason });
        reject(signal?.reason as Error);
      });
      const answer: Answer = (outcome) => {
        this.#timeline.after(this.#latencyMs(), () => {
          if (!call.process.isAlive || signal?.aborted) return;
          stop();
          this.#hooks.onDelivered(call, outcome);
          if (outcome.ok) resolve(outcome.value);
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it was thrown
          else reject(outcome.error);
        });
      };
      this.#arrive(call, execute, answer);
    });
  }

  #arrive(call: Call, execute: () => unknown, answer: Answer): void {
    const isLate = call.fault === 'late';
    if (isLate) answer(this.#unreachable(call));
    const delayMs = this.#latencyMs() + this.#slownessMs(call);
    this.#timeline.after(delayMs, () => {
      const { process } = call;
      if (process.isCutOff || (!process.isAlive && this.#random.chance(0.5))) return;
      const outcome = call.fault === 'refused' ? this.#unreachable(call) : settled(execute);
      this.#hooks.onExecuted(call, outcome);
      if (!isLate) answer(this.#asAnswered(call, outcome));
    });
  }

  #slownessMs({ process, subject, method, fault }: Call): number {
    if (fault === 'late') return this.#random.int(300, 4_000);
    const isCreate = subject === 'store' && method === 'create';
    if (this.isCalm || !(isCreate || method === 'wrapKey')) return 0;
    // So that a shred begins and ends while a DEK is being made.
    if (process.role === 'shredder' && this.#random.chance(0.5)) return this.#random.int(20, 600);
    const isSlow = isCreate && this.#random.chance(this.#weather.slowCreateRate);
    return isSlow ? this.#random.int(800, 5_000) : 0;
  }

  #asAnswered(call: Call, outcome: Outcome): Outcome {
    if (call.fault === 'lost') return this.#unreachable(call);
    if (call.fault !== 'repeated' || !outcome.ok) return outcome;
    const { StoreError } = this.#library;
    const isCreate = call.method.startsWith('create');
    const code = isCreate ? 'ALREADY_EXISTS' : 'ETAG_MISMATCH';
    return { ok: false, error: new StoreError(code, 'The request was sent twice') };
  }

  #unreachable({ subject }: Call): Outcome {
    const { KeyProviderError, StoreError } = this.#library;
    const retryable = true;
    if (subject !== 'provider') {
      const text = this.#random.pick(['429 too many requests', '449 retry with', 'socket hang up']);
      return { ok: false, error: new StoreError('STORE_UNAVAILABLE', text) };
    }
    const error = this.#random.chance(0.5)
      ? new KeyProviderError('KEY_PROVIDER_THROTTLED', '429', { retryable, retryAfterMs: 250 })
      : new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'socket hang up', { retryable });
    return { ok: false, error };
  }

  #faultFor(subject: Subject, method: string): Fault | undefined {
    if (this.isCalm || !this.#random.chance(this.#weather.faultRate)) return undefined;
    if (subject === 'provider') return this.#random.pick(['lost', 'refused']);
    if (!isWrite(method)) return 'refused';
    return this.#random.pick(['late', 'lost', 'refused', 'repeated']);
  }

  #latencyMs(): number {
    if (this.isCalm) return this.#random.int(1, 3);
    const { slowRate } = this.#weather;
    const roll = this.#random.next();
    if (roll < slowRate / 5) return this.#random.int(1_000, 3_500);
    return roll < slowRate ? this.#random.int(100, 900) : this.#random.int(1, 12);
  }
}

export interface WireParts {
  readonly library: Library;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
}

export function isWrite(method: string): boolean {
  return /^(create|delete|replace)/.test(method);
}

export function forEver(): Promise<never> {
  return new Promise(() => undefined);
}

function settled(execute: () => unknown): Outcome {
  try {
    return { ok: true, value: execute() };
  } catch (error) {
    return { ok: false, error };
  }
}

function signalOf(args: readonly unknown[]): AbortSignal | undefined {
  const options = args.at(-1) as { readonly signal?: unknown } | null | undefined;
  return options?.signal instanceof AbortSignal ? options.signal : undefined;
}
