import type { DekStore, DocumentStore, KeyProvider, MigrationEvent } from '../../src/index.js';
import { setup, type Loose, type Setup } from './encryptor.js';
import type { Migration } from './migrations.js';
import { AutoClock } from './rotation/auto-clock.js';

/** Before the call is executed, or after it and before its answer. */
export const CRASHES = ['before', 'after'] as const;
export type Crash = (typeof CRASHES)[number];

export interface CrashPoint {
  /** Counts the calls of the process, whatever they go to, from 1 on. */
  readonly call: number;
  readonly crash: Crash;
}

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** A process that dies at a call: from there on nothing of it is heard. */
export class MortalProcess {
  readonly made: Setup;
  readonly store: DocumentStore<Loose>;
  readonly #point: CrashPoint | undefined;
  #calls = 0;
  #die: () => void = () => undefined;
  readonly #death = new Promise<void>((resolve) => {
    this.#die = resolve;
  });

  constructor(beside: Setup, documents: DocumentStore<Loose>, point?: CrashPoint) {
    this.#point = point;
    const keyProviders = [this.#mortal(beside.keyProvider)] as readonly KeyProvider[];
    const dekStore: DekStore = this.#mortal(beside.memory);
    this.made = setup({ beside, dekStore, keyProviders, clock: new AutoClock() });
    this.store = this.#mortal(documents);
  }

  /** Another store that the process uses. */
  beside<T extends object>(target: T): T {
    return this.#mortal(target);
  }

  /** The events until the end; `undefined` where it died on the way. */
  async run(migration: Migration): Promise<readonly MigrationEvent[] | undefined> {
    const events: MigrationEvent[] = [];
    const work = async (): Promise<readonly MigrationEvent[]> => {
      for await (const event of migration) events.push(event);
      return events;
    };
    return Promise.race([work(), this.#death.then(() => undefined)]);
  }

  #mortal<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_target, name): unknown => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: readonly unknown[]) =>
          this.#call(() => (member as Method).apply(target, [...args]));
      },
    });
  }

  async #call(execute: () => Promise<unknown>): Promise<unknown> {
    this.#calls += 1;
    const { call, crash } = this.#point ?? {};
    if (call === undefined || this.#calls < call) return execute();
    if (this.#calls === call && crash === 'after') await execute();
    this.#die();
    return new Promise(() => undefined);
  }
}
