import { deepEqual, equal, ok } from 'node:assert/strict';
import type { LiveDekRow } from '../../../src/adapters.js';
import { recoverDeks } from '../../../src/index.js';
import { encryptAny, KEY } from '../encryptor.js';
import { PAIR } from '../recovery-pairs.js';
import { AutoClock } from './auto-clock.js';
import { driveMortal, mortal, type CrashPoint } from './crashing.js';
import { drive, type Driven } from './drive.js';
import { writtenBy } from './journal.js';
import { targetAt, type MekName } from './meks.js';
import type { Operator, RotateOptions } from './operator.js';
import { seedOf, type Seed, type SeedOptions } from './seeds.js';
import { runAgain } from './settling.js';
import type { Snapshot } from './snapshot.js';
import { Watch } from './watch.js';

/** A rotation to crash, and where it begins. */
export interface Scenario {
  readonly seed: Seed;
  readonly options: RotateOptions;
}

const SOME_ROWS = { notes: 2, retired: true, tombstone: true };

export async function plainRotation(): Promise<Scenario> {
  return { seed: await seedOf(SOME_ROWS), options: to('b') };
}

/** Back to the MEK that most rows never left: for those just the epoch moves. */
export async function epochOnlyMoves(): Promise<Scenario> {
  return { seed: await leftAfter(1), options: { ...to('a'), takeOver: true } };
}

export async function takeover(): Promise<Scenario> {
  return { seed: await leftAfter(2), options: { ...to('c'), takeOver: true } };
}

/** Rows that flip back, that never left, that were made since, and one whose wrap before is pruned. */
export async function rollback(): Promise<Scenario> {
  const watch = await Watch.over(await leftAfter(3));
  const { encryptor } = watch.process('writer', { clock: new AutoClock() });
  const plain = { ...KEY, id: 'since', body: 'made since' };
  watch.documents.acknowledge(await encryptAny(encryptor, plain), plain);
  return { seed: withOnePruned(await watch.toSeed()), options: { ...to('a'), back: true } };
}

function withOnePruned({ snapshot, documents }: Seed): Seed {
  const rows = new Map(snapshot.rows);
  const kept = [...rows.values()].find(({ row }) => 'previousWrap' in row);
  ok(kept, 'no row keeps a wrap');
  const { previousWrap, ...row } = kept.row as LiveDekRow;
  ok(previousWrap);
  rows.set(row.id, { row: row, etag: kept.etag });
  return { snapshot: { ...snapshot, rows }, documents };
}

/** Rows that flip a second time, after both rotations were finished. */
export async function rollbackOfARollback(): Promise<Scenario> {
  const watch = await Watch.over(await finishedRotation());
  await runAgain(watch, { ...to('a'), back: true });
  return { seed: await watch.toSeed(), options: { ...to('b'), back: true } };
}

async function finishedRotation(): Promise<Seed> {
  const watch = await Watch.over(await seedOf(SOME_ROWS));
  await runAgain(watch, to('b'));
  return watch.toSeed();
}

/** Every version of the old MEK is gone, and the DEKs come out of their recovery wraps. */
export async function recovery(): Promise<Scenario> {
  const seed = await seedOf({ ...SOME_ROWS, recoveryKey: PAIR.publicKey });
  return { seed: { ...seed, operator: recovererWith('b') }, options: to('b') };
}

/** The MEK was lost in the middle of a rotation, and both versions of it. */
export async function recoveryOverRotation(): Promise<Scenario> {
  const seed = await leftAfter(2, { ...SOME_ROWS, recoveryKey: PAIR.publicKey });
  const options = { ...to('c'), takeOver: true };
  return { seed: { ...seed, operator: recovererWith('c') }, options };
}

function recovererWith(key: MekName): Operator {
  const { privateKey } = PAIR;
  return {
    keys: [key],
    rotate: (encryptor, options) => recoverDeks(encryptor, { ...options, privateKey }),
  };
}

function to(name: MekName): RotateOptions {
  return { target: targetAt(name), concurrency: 2 };
}

/** A rotation to `b` that was left after the given number of rewrapped rows. */
async function leftAfter(rows: number, seedOptions: SeedOptions = SOME_ROWS): Promise<Seed> {
  const watch = await Watch.over(await seedOf(seedOptions));
  const process = watch.process('left', { clock: new AutoClock() });
  const isLeft = (events: readonly { type: string }[]): boolean =>
    events.filter(({ type }) => type === 'changed').length < rows;
  await drive(
    watch,
    process,
    { target: targetAt('b'), concurrency: 1 },
    { pull: (events) => Promise.resolve(isLeft(events)) },
  );
  return watch.toSeed();
}

export interface Undisturbed {
  readonly calls: number;
  /** The numbers of those that write. */
  readonly writes: readonly number[];
  readonly end: unknown;
}

/** What the scenario does, and where it ends, when nothing happens to it. */
export async function undisturbed({ seed, options }: Scenario): Promise<Undisturbed> {
  const watch = await Watch.over(seed);
  const { process, calls } = mortal(watch, 'undisturbed');
  await drive(watch, process, options);
  await watch.check();
  const writes = calls.flatMap((call, index) => (writtenBy(call) ? [index + 1] : []));
  return { calls: calls.length, writes, end: endStateOf(watch) };
}

/** One crash after the other, each of a process that ran the scenario again. */
export async function crashed({ seed, options }: Scenario, points: CrashPoint[]): Promise<Watch> {
  const watch = await Watch.over(seed);
  for (const [index, point] of points.entries()) {
    const process = mortal(watch, `crash-${String(index)}`, { point });
    await driveMortal(watch, process, options);
    await watch.check();
  }
  return watch;
}

/** A run in which one answer never arrives, and its process goes on. */
export async function unanswered(
  { seed, options }: Scenario,
  call: number,
): Promise<{ readonly watch: Watch; readonly driven: Driven }> {
  const watch = await Watch.over(seed);
  const { process } = mortal(watch, 'unanswered', { point: { call, crash: 'unanswered' } });
  const driven = await drive(watch, process, options);
  await watch.check();
  return { watch, driven };
}

/** I8: a rerun ends where nothing had happened, and a second one writes nothing. */
export async function requireRecovery(
  watch: Watch,
  { options }: Pick<Scenario, 'options'>,
  end: unknown,
): Promise<void> {
  await runAgain(watch, options);
  deepEqual(endStateOf(watch), end, 'I8: another end state');
  const { etags } = watch.snapshot;
  await runAgain(watch, options);
  equal(watch.snapshot.etags, etags, 'I8: the second rerun has written');
}

/** Rows and record without their times. */
export function endStateOf({ snapshot, invariants }: Watch): unknown {
  return { stored: timeless(snapshot), deks: new Map(invariants.deks) };
}

const TIMES = ['rewrappedAt', 'startedAt', 'fencedAt', 'completedAt'];

function timeless({ rows, record }: Snapshot): unknown {
  const all = { rows: [...rows.values()].map(({ row }) => row), record };
  return JSON.parse(
    JSON.stringify(all, (name, value: unknown) => (TIMES.includes(name) ? undefined : value)),
  );
}
