/** A process that can be held at each of its steps, and all that it writes into the store. @module */
import type { DekRow, RotationRecord } from '../../../src/adapters.js';
import type { DekStore } from '../../../src/index.js';
import type { MemoryDekStore } from '../../../src/testing/index.js';
import { ManualClock } from '../../support/clock.js';
import { PRODUCT, setup, type Setup, type SetupOptions } from '../../support/encryptor.js';

/** A sleep is over at once, and the whole time is gone. */
class SkippingClock extends ManualClock {
  override async sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await Promise.resolve();
    this.advance(durationMs);
  }
}

/** An empty store, and the process that arranges what is in it, with MEK `a`. */
export function newWorld(options: SetupOptions = {}): Setup {
  const clock = new SkippingClock();
  // At 0 the cache's own timers take the time for unset.
  clock.advance(1_000);
  const cache = { maxEntries: 16 };
  return setup({ fenceTtlMs: 1_000, cache, ...options, beside: { ...setup({ cache }), clock } });
}

/** A row that was written, and what there was at that moment. */
export interface RowWrite {
  readonly row: DekRow;
  /** Absent where the row was created. */
  readonly before: DekRow | undefined;
  readonly recordEpoch: number;
  readonly isAfterHold: boolean;
  /** The hold was between the call and its effect: only the etag could stop it. */
  readonly wasUnderWay: boolean;
}

/** What happens while a process is held; called once. */
export type Meanwhile = () => Promise<void>;

export interface Stepped {
  readonly made: Setup;
  readonly writes: readonly RowWrite[];
  /** What was held, as `store.replace sent`. */
  readonly held: string | undefined;
  /** How many steps there were at which it could have been held. */
  readonly steps: number;
  /** A step of the run itself, beside its calls. */
  readonly step: (what: string) => Promise<void>;
}

/**
 * Where a process can be held: at a write on its way; at any place where it continues after an answer; or there until
 * its copy of the record is old, and then at the answer by which it looks at the record again.
 */
export type HoldAt = 'answers about the record' | 'between calls' | 'row writes';

const ANSWER = 'store.getRotation answered';
const LONGER_THAN_FENCE_MS = 2_000;

export interface HoldOptions {
  readonly where: HoldAt;
  /** The number of the step at which the process is held, from 1 on. */
  readonly at: number;
  readonly meanwhile: Meanwhile;
}

export function stepped(
  world: Setup,
  options: SetupOptions,
  { where, at, meanwhile }: HoldOptions,
): Stepped {
  const writes: RowWrite[] = [];
  let steps = 0;
  let isDozing = false;
  let held: string | undefined;
  let underWay: unknown;
  const step = async (what: string, call?: unknown): Promise<void> => {
    steps += 1;
    if (where === 'answers about the record' && steps === at) {
      isDozing = true;
      world.clock.advance(LONGER_THAN_FENCE_MS);
      return;
    }
    if (isDozing ? what !== ANSWER : steps !== at) return;
    isDozing = false;
    held = what;
    underWay = call;
    await meanwhile();
  };
  const note = async (row: DekRow, execute: () => Promise<unknown>): Promise<unknown> => {
    const before = (await world.memory.get(row.id))?.value as DekRow | undefined;
    const record = (await world.memory.getRotation(PRODUCT))?.value as RotationRecord | undefined;
    const answer = await execute();
    const isAfterHold = held !== undefined;
    const wasUnderWay = underWay === row;
    const recordEpoch = record?.epoch ?? 0;
    writes.push({ row, before, recordEpoch, isAfterHold, wasUnderWay });
    return answer;
  };
  const dekStore = options.dekStore ?? world.memory;
  const made = setup({ beside: world, ...options, dekStore: noting(dekStore, note) });
  for (const [name, probe] of [
    ['store', made.store],
    ['provider', made.provider],
  ] as const) {
    probe.before = async (method, [first]) => {
      const isRowWrite = name === 'store' && (method === 'create' || method === 'replace');
      if (isRowWrite && where === 'row writes') await step(`store.${method} sent`, first);
    };
    probe.after = async (method, answer) => {
      if (where !== 'row writes') await step(`${name}.${method} answered`);
      return answer;
    };
  }
  return {
    made,
    writes,
    get held() {
      return held;
    },
    get steps() {
      return steps;
    },
    step: async (what) => {
      if (where !== 'row writes') await step(what);
    },
  };
}

type Note = (row: DekRow, execute: () => Promise<unknown>) => Promise<unknown>;

function noting(store: DekStore | MemoryDekStore, note: Note): DekStore {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      const execute = (...args: readonly unknown[]): Promise<unknown> =>
        (member as (...args: unknown[]) => Promise<unknown>).call(target, ...args);
      const isRowWrite = name === 'create' || name === 'replace';
      return (...args: readonly unknown[]) =>
        isRowWrite ? note(args[0] as DekRow, () => execute(...args)) : execute(...args);
    },
  });
}
