import type { StoredItem } from '../../../src/adapters.js';
import type {
  RewrapAllDeksOptions,
  RewrapEvent,
  RewrapSummary,
  RollbackRotationOptions,
} from '../../../src/index.js';
import { EventCheck, type Witness } from '../../support/rotation/event-check.js';
import { nameOf, targetAt, type MekName } from '../../support/rotation/meks.js';
import { codeOf } from '../explanations.js';
import type { Random } from '../random.js';
import type { Actor, Life, Simulation } from '../simulation.js';

/** Rewraps to whatever it takes for the right version, is left, aborted, or goes to the end. */
export function rewrapper(
  name: string,
  rounds: number,
  targetOf: (sim: Simulation) => MekName,
): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 0, 1_500);
      await rewrapOnce(life, targetOf(sim));
      if (sim.random.chance(0.3)) await goBack(life);
    }
  };
  return { name, role: 'rewrapper', act };
}

/** Another worker of whatever rotation is under way, most often from its fence on. */
export function joiner(name: string, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 100, 700);
      const { record } = sim.dekStore;
      if (!record || record.state === 'complete') continue;
      sim.tally.add('rotations that were joined in their fence', record.state === 'fencing');
      await rewrapOnce(life, nameOf(record));
    }
  };
  return { name, role: 'rewrapper', act };
}

/** The rotation turned out to be a mistake. */
async function goBack(life: Life): Promise<void> {
  const { sim } = life;
  const before = sim.dekStore.record?.history.at(-1);
  if (!before || sim.vault.stateOf(nameOf(before)) !== 'enabled') return;
  sim.wanted = nameOf(before);
  await rewrapOnce(life, sim.wanted);
}

async function rewrapOnce(life: Life, name: MekName): Promise<void> {
  const { sim, process } = life;
  const { random } = sim;
  const rollback = wayBack(sim, name);
  const aborter = new AbortController();
  const options: RewrapAllDeksOptions = {
    target: targetAt(name),
    concurrency: random.int(1, 3),
    verify: random.pick(['all', 'all', 'first', 'none']),
    takeOver: random.chance(0.8),
    dryRun: random.chance(0.15),
    ...(random.chance(0.25) && { shard: { index: random.int(0, 1), count: 2 } }),
    ...(!rollback &&
      random.chance(0.1) && {
        sourceVersion: targetAt(random.pick(sim.vault.made)).mekVersion,
        // It may have been made a moment ago.
        allowUnknown: true,
      }),
    signal: aborter.signal,
  };
  const stopsAfter = random.chance(0.25) ? random.int(1, 25) : Infinity;
  const stop = random.pick(['abort', 'leave'] as const);
  const since = sim.explanations.since(process);
  try {
    const pull = async (events: readonly RewrapEvent[]): Promise<boolean> => {
      await sim.pause(life, 0, mostPauseMs(options, random));
      if (events.length < stopsAfter) return true;
      sim.tally.add(`rewraps that were stopped: ${stop}`, true);
      if (stop === 'abort') {
        process.isAborted = true;
        aborter.abort(STOPPED);
      }
      return stop === 'abort';
    };
    await driveRewrap(life, options, { pull, rollback });
  } catch (error) {
    if (error !== STOPPED) sim.explanations.require(process, error, since);
    if (codeOf(error) === 'ROTATION_SUPERSEDED') sim.tally.add('rewraps that were overtaken', true);
  }
}

/** Where the rows have been they may flip back to. */
function wayBack({ dekStore, random }: Simulation, name: MekName): DriveOptions['rollback'] {
  const hasBeenThere = dekStore.record?.history.some((each) => nameOf(each) === name);
  if (!hasBeenThere || random.chance(0.2)) return undefined;
  return { verifyFlips: random.chance(0.5) };
}

/** The caller may be slow; people read the events of a dry run. */
function mostPauseMs({ dryRun }: RewrapAllDeksOptions, random: Random): number {
  if (dryRun) return 900;
  return random.chance(0.05) ? 1_800 : 15;
}

const STOPPED = new Error('stopped by the one who started it');

export interface DriveOptions {
  /** It is a rollback. */
  readonly rollback?: Pick<Required<RollbackRotationOptions>, 'verifyFlips'> | undefined;
  /** Before each event; false leaves the rewrap. */
  readonly pull?: (events: readonly RewrapEvent[]) => Promise<boolean>;
  /** The code with which rows may fail beside what has happened in this world. */
  readonly expected?: string;
}

/** Pulls a rewrap to its end, or until `pull` says no, and checks what it says: I7, I9, I11. */
export async function driveRewrap(
  { sim, process, encryptor }: Life,
  options: RewrapAllDeksOptions,
  { pull = () => Promise.resolve(true), expected, rollback }: DriveOptions = {},
): Promise<{ readonly events: readonly RewrapEvent[]; readonly summary?: RewrapSummary }> {
  const events: RewrapEvent[] = [];
  const check = options.dryRun ? undefined : new EventCheck(witnessOf(sim), process.name);
  begin(process, options, rollback);
  const { rewrapAllDeks, rollbackRotation } = sim.library;
  const rewrapping = rollback
    ? rollbackRotation(encryptor, { ...options, ...rollback, allowEmpty: true })
    : rewrapAllDeks(encryptor, { ...options, allowEmpty: true });
  const since = sim.explanations.since(process);
  try {
    while (await pull(events)) {
      const { done, value } = await rewrapping.next();
      if (done) {
        check?.finish(events, value);
        return { events, summary: value };
      }
      events.push(value);
      tellShard(sim, value);
      sim.secrecy.hears(value);
      await check?.see(value);
      const isExpected = value.type === 'failed' && codeOf(value.error) === expected;
      if (value.type === 'failed' && !isExpected)
        sim.explanations.require(process, value.error, since);
      sim.tally.add('rows that were rewrapped', value.type === 'changed');
      sim.tally.add('rows that flipped back', value.type === 'changed' && value.flipped);
    }
    await rewrapping.return(undefined as never);
    return { events };
  } finally {
    process.isIdle = true;
    process.isRehearsing = process.isAborted = false;
  }
}

function tellShard({ tally }: Simulation, event: RewrapEvent): void {
  tally.add('rotations that a shard has ended', isWholeByShard(event));
  const isLeft = event.type === 'skipped' && event.reason === 'other-shard';
  tally.add('rows that were left to another shard', isLeft);
}

function isWholeByShard(event: RewrapEvent): boolean {
  return event.type === 'finished' && event.summary.complete && event.summary.shard !== undefined;
}

function begin(
  process: Life['process'],
  { verify = 'all', dryRun = false }: RewrapAllDeksOptions,
  rollback: DriveOptions['rollback'],
): void {
  process.mayFlip = rollback?.verifyFlips === false;
  process.isIdle = false;
  process.verifies = verify === 'all';
  process.verifiesFirst = verify === 'first';
  process.wrapped.clear();
  process.isRehearsing = dryRun;
  process.unwrapped.clear();
}

function witnessOf({ rows, dekStore }: Simulation): Witness {
  const get = (dekId: string): Promise<StoredItem> =>
    Promise.resolve({ value: dekStore.row(dekId), etag: '' });
  return { journal: rows, memory: { get } };
}
