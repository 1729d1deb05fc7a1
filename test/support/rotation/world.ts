import { turn as everythingElse } from '../deferred.js';
import { KEY, note } from '../encryptor.js';
import { runningClock } from './auto-clock.js';
import { drive, type Driven } from './drive.js';
import type { RotateOptions } from './operator.js';
import type { Call, Execute } from './intercepted.js';
import type { Plan, Schedule } from './schedule.js';
import type { Seed } from './seeds.js';
import { START, Turns, type Caught, type HeldCall } from './turns.js';
import { Watch, type Process, type ProcessOptions } from './watch.js';

/** Instead of executing a call, or after it; `undefined` lets it through. */
export type Faults = (
  call: Call,
) => { readonly before: Error } | { readonly after: Error } | undefined;

const TICK_MS = 250;
const MOST_TURNS = 6_000;

/** Processes over one store, of which one at a time takes one step. */
export class World {
  readonly watch: Watch;
  readonly clock = runningClock();
  faults: Faults = () => undefined;
  /** Called for each call as it leaves; its result is called when the call is over. */
  onSent: (call: Call) => () => void = () => () => undefined;
  /** Called for each call that was executed successfully. */
  onExecuted: (call: Call) => void = () => undefined;
  readonly #turns: Turns;
  readonly #plan: Plan;
  readonly #actors: { readonly name: string; done: boolean }[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isTicking = false;

  private constructor(watch: Watch, [plan, scheduler]: Schedule) {
    this.watch = watch;
    this.#turns = new Turns([plan, scheduler]);
    this.#plan = plan;
  }

  /** @param changes - What of the plan must not be left to chance. */
  static async over(
    seed: Seed,
    [plan, scheduler]: Schedule,
    changes: Partial<Plan> = {},
  ): Promise<World> {
    return new World(await Watch.over(seed), [{ ...plan, ...changes }, scheduler]);
  }

  process(name: string, options: Omit<ProcessOptions, 'clock' | 'intercept'> = {}): Process {
    const { clock } = this;
    return this.watch.process(name, {
      ...options,
      clock,
      intercept: (call, execute) => this.#step(call, execute),
    });
  }

  /** Keeps the nth call of a method, or any, from being executed, or its answer from arriving. */
  holdCall(call: HeldCall, until: () => boolean): Caught {
    return this.#turns.hold(call, until);
  }

  /** Keeps an actor from beginning. */
  holdStart(actor: string, until: () => boolean): void {
    this.#turns.hold({ process: actor, what: START }, until);
  }

  /** Something that goes on beside the others; what it throws fails the run. */
  act(name: string, work: () => Promise<void>): void {
    const actor = { name, done: false };
    this.#actors.push(actor);
    void this.#perform(actor, work);
  }

  /** Rewraps as an actor that may be slow to pull, and leaves after the given number of events. */
  rewrap(process: Process, options: RotateOptions, leaveAfter = Infinity): Job {
    const job = new Job();
    const { name } = process;
    this.act(name, async () => {
      const pull = async ({ length }: readonly unknown[]): Promise<boolean> => {
        await this.pause(name, 'pull');
        return length < leaveAfter;
      };
      const { concurrency } = this.#plan;
      job.driven = await drive(this.watch, process, { concurrency, ...options }, { pull });
      job.isOver = true;
    });
    return job;
  }

  /** Seals a document and stores it, as slowly as a database may; acknowledged when it stands. */
  async write({ name, encryptor }: Process, id: string, body: string): Promise<void> {
    const plain = { ...KEY, id, body, tags: ['x', body] };
    for (;;) {
      const write = await encryptor.beginWrite(note, plain);
      await this.pause(name, 'document.write');
      if (!(await write.confirm())) continue;
      this.watch.documents.acknowledge(write.document, plain);
      return;
    }
  }

  /** A turn of an actor's own, beside its calls. */
  pause(process: string, what: string): Promise<void> {
    return this.#turns.wait(process, what);
  }

  /** Until every process is done; fails where one waits forever, and where an invariant breaks. */
  async run(): Promise<void> {
    try {
      while (await this.#takeStep());
      const stuck = this.#actors.filter(({ done }) => !done).map(({ name }) => name);
      if (stuck.length > 0) throw new Error(`Waiting forever: ${stuck.join(', ')}`);
    } catch (error) {
      const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`${said}\nafter:\n${this.#turns.trace.slice(-80).join('\n')}`, {
        cause: error,
      });
    }
  }

  async #takeStep(): Promise<boolean> {
    await everythingElse();
    if (this.#failure) throw this.#failure.error;
    await this.watch.check();
    if (this.clock.sleeping > 0) this.#scheduleTick();
    if (this.#turns.trace.length > MOST_TURNS) throw new Error('It never ends');
    return this.#turns.giveOne();
  }

  /** Time passes while a process sleeps, and the others may be faster or slower. */
  #scheduleTick(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    void this.pause('clock', 'tick').then(() => {
      this.#isTicking = false;
      this.clock.advance(TICK_MS);
    });
  }

  async #perform(actor: { readonly name: string; done: boolean }, work: () => Promise<void>) {
    try {
      await this.pause(actor.name, START);
      await work();
    } catch (error) {
      this.#failure ??= { error };
    }
    actor.done = true;
  }

  async #step(call: Call, execute: Execute): Promise<unknown> {
    const what = `${call.subject}.${call.method}`;
    const isOver = this.onSent(call);
    await this.#turns.wait(call.process, what, 'sent', call);
    const fault = this.faults(call);
    const answer =
      fault && 'before' in fault
        ? undefined
        : await this.watch.execute(call, async () => {
            const value = await execute(this.#withPageSize(call));
            this.onExecuted(call);
            return value;
          });
    await this.#turns.wait(call.process, what, 'answered', call);
    isOver();
    if (fault) throw 'before' in fault ? fault.before : fault.after;
    return answer?.();
  }

  #withPageSize({ method, args }: Call): readonly unknown[] {
    const { pageSize } = this.#plan;
    return method === 'list' ? [args[0], { ...(args[1] as object), pageSize }] : args;
  }
}

/** A rewrap that is under way. */
export class Job {
  driven: Driven = { events: [] };
  isOver = false;
}
