import type fc from 'fast-check';
import type { Call } from './intercepted.js';
import { signalOf } from './intercepted.js';
import type { Plan, Schedule } from './schedule.js';

/** Where something waits for its turn. */
export interface Turn {
  readonly process: string;
  /** The call, or what else the process is about to do. */
  readonly what: string;
  /** Counts the turns of this process with the same `what` and phase, from 1 on. */
  readonly nth: number;
  /** A call waits twice: before it is executed, and before its answer arrives. */
  readonly phase: 'answered' | 'sent';
  readonly call: Call | undefined;
}

/** Keeps turns waiting, at most until nothing else can go on. */
interface Hold {
  readonly when: (turn: Turn) => boolean;
  readonly until: () => boolean;
}

interface Held {
  readonly until: () => boolean;
  /** For a turn that just takes long: it gives way to those that wait for something. */
  readonly dueTurn: number;
  readonly go: () => void;
}

export interface HeldCall extends Pick<Turn, 'process' | 'what'> {
  /** @default 1 */
  readonly nth?: number | 'any';
  /** @default 'sent' */
  readonly phase?: Turn['phase'];
}

/** Whether a hold has caught what it waits for. */
export interface Caught {
  readonly reached: boolean;
  /** The first that it caught. */
  readonly call?: Call | undefined;
}

/** What the actors of a world wait for: one turn is given at a time. */
export class Turns {
  /** Turns that were given, in order. */
  readonly trace: string[] = [];
  readonly #scheduler: fc.Scheduler;
  readonly #plan: Plan;
  readonly #holds: Hold[] = [];
  readonly #counts = new Map<string, number>();
  readonly #actors: string[] = [];
  #held: Held[] = [];
  #asked = 0;

  constructor([plan, scheduler]: Schedule) {
    this.#scheduler = scheduler;
    this.#plan = plan;
  }

  hold({ process, what, nth = 1, phase = 'sent' }: HeldCall, until: () => boolean): Caught {
    const caught: { reached: boolean; call?: Call | undefined } = { reached: false };
    const when = (turn: Turn): boolean => {
      if (turn.process !== process || turn.what !== what || turn.phase !== phase) return false;
      if (nth !== 'any' && turn.nth !== nth) return false;
      caught.reached = true;
      caught.call ??= turn.call;
      return true;
    };
    this.#holds.push({ when, until });
    return caught;
  }

  /** Resolves when it is this one's turn; rejects as soon as the signal of its call aborts. */
  wait(process: string, what: string, phase: Turn['phase'] = 'sent', call?: Call): Promise<void> {
    const key = `${process} ${what} ${phase}`;
    const nth = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, nth);
    this.#asked += 1;
    const delay = this.#delayOf({ process, what, nth, phase, call });
    return untilAborted(call && signalOf(call), (resolve) => {
      const go = (): void => {
        void this.#scheduler.schedule(Promise.resolve(), key).then(() => {
          this.trace.push(key);
          resolve();
        });
      };
      if (delay) this.#held.push({ ...delay, go });
      else go();
    });
  }

  /** False when no process can take a turn. */
  async giveOne(): Promise<boolean> {
    const due = this.#held.filter(({ until }) => until());
    this.#held = this.#held.filter((each) => !due.includes(each));
    for (const { go } of due) go();
    if (this.#scheduler.count() === 0) this.#letNextGo();
    if (this.#scheduler.count() === 0) return false;
    await this.#scheduler.waitNext(1);
    return true;
  }

  /** Nothing else can continue: slow processes go first, and then waiting ones. */
  #letNextGo(): void {
    const [next] = [...this.#held].sort((one, other) => one.dueTurn - other.dueTurn);
    this.#held = this.#held.filter((each) => each !== next);
    next?.go();
  }

  #delayOf(turn: Turn): Omit<Held, 'go'> | undefined {
    const hold = this.#holds.find(({ when }) => when(turn));
    if (hold) return hold.until() ? undefined : { until: hold.until, dueTurn: Infinity };
    const others = turn.what === START ? this.#startOf(turn.process) : this.#stall();
    if (!others) return undefined;
    const dueTurn = this.trace.length + others;
    return { until: () => this.trace.length >= dueTurn, dueTurn };
  }

  #startOf(actor: string): number | undefined {
    return this.#plan.starts[this.#actors.push(actor) - 1];
  }

  #stall(): number | undefined {
    return this.#plan.stalls.find(({ turn }) => turn === this.#asked)?.others;
  }
}

/** What an actor waits for before it begins. */
export const START = 'start';

/** A call that is given up when its signal aborts, at any point. */
function untilAborted(
  signal: AbortSignal | undefined,
  start: (resolve: () => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal?.reason as Error);
    };
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener('abort', abort, { once: true });
    start(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
  });
}
