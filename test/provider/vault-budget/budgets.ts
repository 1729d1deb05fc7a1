/** Rewraps on a vault that is paced by a clock, and that clock moved on until they are over. */
import {
  rewrapAllDeks,
  type DekStore,
  type KeyProvider,
  type RewrapAllDeksOptions,
  type RewrapEvent,
  type RewrapSummary,
} from '../../../src/index.js';
import type { ManualClock } from '../../support/clock.js';
import { turn } from '../../support/deferred.js';
import { setup, type Loose, type Setup } from '../../support/encryptor.js';
import { MeteredVault } from '../../support/rotation/metered-vault.js';
import { envKeys, writeNotes, type MekName } from '../../support/rotations.js';

export interface BudgetWorld {
  /** A process that rotates from `a` to `b`. */
  readonly operator: Setup;
  readonly vault: MeteredVault;
  readonly clock: ManualClock;
  readonly stored: readonly Loose[];
}

/** The given number of DEKs under MEK `a`, none of them in any cache of the operator. */
export async function budgetWorld(rows: number): Promise<BudgetWorld> {
  const before = setup({ fenceTtlMs: 1_000 });
  before.clock.advance(1_000);
  const stored = await writeNotes(before, rows);
  return worldOver(before, ['b', 'a'], { stored });
}

export interface WorldOptions {
  readonly stored?: readonly Loose[];
  /** What the provider has that the vault's own has not. */
  readonly provider?: Partial<KeyProvider>;
  readonly dekStore?: DekStore;
}

/** A process whose MEKs are in a vault, over the rows of another. */
export function worldOver(
  before: Setup,
  [current, ...previous]: readonly [MekName, ...MekName[]],
  { stored = [], provider, dekStore = before.memory }: WorldOptions = {},
): BudgetWorld {
  const { clock } = before;
  const vault = new MeteredVault(envKeys(current, ...previous), clock);
  const keyProviders = [{ ...vault.provider(), ...provider }];
  return { operator: setup({ beside: before, keyProviders, dekStore }), vault, clock, stored };
}

export interface Run {
  readonly events: readonly RewrapEvent[];
  readonly summary: RewrapSummary;
}

/** Begins a rewrap to the current MEK; {@link pass} lets its time go by. */
export async function run(
  { operator }: BudgetWorld,
  options: Partial<RewrapAllDeksOptions> = {},
  onEvent: (event: RewrapEvent) => void = () => undefined,
): Promise<Run> {
  const target = { mekVersion: await operator.keyProvider.currentVersion() };
  const events: RewrapEvent[] = [];
  for await (const event of rewrapAllDeks(operator.encryptor, { target, ...options })) {
    events.push(event);
    onEvent(event);
  }
  const last = events.at(-1);
  if (last?.type !== 'finished') throw new Error('The last event is not "finished"');
  return { events, summary: last.summary };
}

const MOST_PASSED_MS = 24 * 3_600_000;

/** Lets time pass, sleeper by sleeper, until the work is done. */
export async function pass<T>(work: Promise<T>, clock: ManualClock, stepMs = 250): Promise<T> {
  const progress = { isOver: false };
  const done = work.finally(() => {
    progress.isOver = true;
  });
  done.catch(() => undefined);
  for (let passedMs = 0; passedMs < MOST_PASSED_MS; passedMs += stepMs) {
    await turn();
    if (progress.isOver) return done;
    await clock.run(stepMs);
  }
  throw new Error('It takes more than a day');
}

/** The same, for a whole rewrap. */
export function ran(world: BudgetWorld, options: Partial<RewrapAllDeksOptions> = {}): Promise<Run> {
  return pass(run(world, options), world.clock);
}
