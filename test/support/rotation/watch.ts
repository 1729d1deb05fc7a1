import { equal } from 'node:assert/strict';
import type { DekRow } from '../../../src/adapters.js';
import {
  createFieldEncryptor,
  DekCache,
  type Clock,
  type FieldEncryptor,
} from '../../../src/index.js';
import { standsFor } from '../../../src/store/dek-store.js';
import type { MemoryDekStore } from '../../../src/testing/index.js';
import { PRODUCT, type Loose } from '../encryptor.js';
import { AutoClock } from './auto-clock.js';
import { Documents } from './documents.js';
import { intercepted, type Call, type Execute, type Intercept } from './intercepted.js';
import { Invariants } from './invariants.js';
import { Journal, writtenBy, type Result } from './journal.js';
import { USUAL_OPERATOR, type Operator } from './operator.js';
import { ALL_MEKS, providerOf, type MekName } from './meks.js';
import { FENCE_TTL_MS, storeFrom, type Seed } from './seeds.js';
import { snapshotOf, type Snapshot } from './snapshot.js';

/** One process: its own encryptor and cache, every call of its store and provider intercepted. */
export interface Process {
  readonly name: string;
  readonly encryptor: FieldEncryptor;
}

export interface ProcessOptions {
  readonly clock: Clock;
  /** The first is current. @default all, or what the seed says */
  readonly keys?: readonly MekName[];
  readonly intercept?: Intercept;
  /** All users of one cache are in one process, and have one store. */
  readonly dekCache?: DekCache;
  /** @default none */
  readonly recoveryKey?: string;
}

/** A store under watch: whatever is done to it is written down and checked. */
export class Watch {
  readonly memory: MemoryDekStore;
  readonly journal: Journal;
  readonly invariants: Invariants;
  readonly documents: Documents;
  readonly operator: Operator;
  snapshot: Snapshot;
  #isBroken = false;
  #isDue = true;
  #hasWritten = false;
  readonly #violations: unknown[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    memory: MemoryDekStore,
    { snapshot, documents, operator = USUAL_OPERATOR }: Seed,
  ) {
    this.memory = memory;
    this.snapshot = snapshot;
    this.operator = operator;
    this.journal = new Journal(snapshot);
    this.invariants = new Invariants(this.journal);
    this.documents = new Documents(readerOver(memory, ALL_MEKS));
    for (const { stored, plain } of documents) this.documents.acknowledge(stored, plain);
  }

  /** Over rows that are broken on purpose: only {@link Watch.check} checks them. */
  static async overBroken(seed: Seed): Promise<Watch> {
    const watch = new Watch(await storeFrom(seed.snapshot), seed);
    watch.snapshot = await snapshotOf(watch.memory);
    watch.#isBroken = true;
    return watch;
  }

  static async over(seed: Seed): Promise<Watch> {
    const watch = new Watch(await storeFrom(seed.snapshot), seed);
    watch.#hasWritten = true;
    await watch.check();
    return watch;
  }

  process(name: string, options: ProcessOptions): Process {
    const { clock, keys = this.operator.keys, intercept, dekCache, recoveryKey } = options;
    const through =
      intercept ?? (async (call, execute) => (await this.executeInTurn(call, execute))());
    const store = intercepted(this.memory, { process: name, subject: 'store' }, through);
    if (dekCache) standsFor(store, dekCache);
    const provider = intercepted(providerOf(keys), { process: name, subject: 'provider' }, through);
    const encryptor = createFieldEncryptor({
      product: PRODUCT,
      keyProviders: [provider],
      dekStore: store,
      dekCache: dekCache ?? new DekCache({ clock, maxEntries: 64 }),
      fenceTtlMs: FENCE_TTL_MS,
      clock,
      ...(recoveryKey !== undefined && { recoveryKey }),
    });
    return { name, encryptor };
  }

  /** Executes a call and records its outcome, which the returned promise has too. */
  async execute(call: Call, execute: Execute): Promise<() => unknown> {
    const result = await settled(execute);
    // A read changes nothing, and there are many.
    const isWrite = writtenBy(call) !== undefined;
    this.#isDue ||= isWrite;
    this.#hasWritten ||= isWrite && result.ok;
    try {
      this.journal.add(call, result);
    } catch (error) {
      // Not to the caller, who might take it for a failure of the store.
      this.#violations.push(error);
    }
    return () => {
      if (result.ok) return result.value;
      throw result.error as Error;
    };
  }

  /** One call at a time, and a check after each. */
  executeInTurn(call: Call, execute: Execute): Promise<() => unknown> {
    return this.#inTurn(async () => {
      const answer = await this.execute(call, execute);
      if (!this.#isBroken)
        await this.#look().catch((error: unknown) => this.#violations.push(error));
      return answer;
    });
  }

  /** @throws Error naming the invariant that does not hold any more, or did not at some time. */
  check(): Promise<void> {
    return this.#inTurn(() => this.#look());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #look(): Promise<void> {
    if (this.#violations.length > 0) throw this.#violations[0] as Error;
    if (!this.#isDue && !this.documents.hasUnread) return;
    const { etags } = this.snapshot;
    this.snapshot = await snapshotOf(this.memory);
    if (!this.#hasWritten) equal(this.snapshot.etags, etags, 'I7: what failed has written');
    this.#isDue = this.#hasWritten = false;
    const changed = this.invariants.check(this.snapshot);
    await this.documents.check(changed, (dekId) => this.rowOf(dekId));
  }

  /** What is there now, to begin with another time. */
  async toSeed(): Promise<Seed> {
    await this.check();
    const documents = this.documents.all.map(({ text, plain }) => ({
      stored: JSON.parse(text) as Loose,
      plain,
    }));
    return { snapshot: this.snapshot, documents };
  }

  rowOf(dekId: string): DekRow {
    const item = this.snapshot.rows.get(dekId);
    if (!item) throw new Error(`There is no row ${dekId}`);
    return item.row;
  }
}

/** A reader from nowhere: no cache but an empty one, and just these keys. */
export function readerOver(memory: MemoryDekStore, keys: readonly MekName[]): FieldEncryptor {
  const clock = new AutoClock();
  return createFieldEncryptor({
    product: PRODUCT,
    keyProviders: [providerOf(keys)],
    dekStore: memory,
    dekCache: new DekCache({ clock, maxEntries: 64 }),
    clock,
  });
}

async function settled(execute: Execute): Promise<Result> {
  try {
    return { ok: true, value: await execute() };
  } catch (error) {
    return { ok: false, error };
  }
}
