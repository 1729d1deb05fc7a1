import { describe, expect, it } from 'vitest';
import type { RotationRecord } from '../../../src/adapters.js';
import { rewrapAllDeks, takeCensus, type RewrapEvent } from '../../../src/index.js';
import { PRODUCT, setup, type Setup } from '../../support/encryptor.js';
import { targetOf } from '../../support/rotations.js';
import { kindOf, readAll, RUNS, type Arranged, type Run } from './runs.js';
import {
  stepped,
  type HoldAt,
  type HoldOptions,
  type Meanwhile,
  type RowWrite,
  type Stepped,
} from './stepped.js';
import { perLane } from '../../support/lane.js';

type Rewrapping = AsyncGenerator<RewrapEvent, unknown, void>;

/** A new rotation of another process: one to the target that there is would just be joined. */
async function takeOver({ world, superseder }: Arranged): Promise<Rewrapping> {
  const { encryptor } = setup({ beside: world, ...superseder });
  const [a, c] = [await targetOf('a'), await targetOf('c')];
  const isAtC = (await record(world))?.mekVersion === c.mekVersion;
  return rewrapAllDeks(encryptor, { target: isAtC ? a : c, concurrency: 1, takeOver: true });
}

/** Another rotation begins and waits out its whole fence; no row of it is written yet. */
async function begun(arranged: Arranged): Promise<void> {
  for await (const { type } of await takeOver(arranged)) if (type === 'pass') return;
}

/** Another rotation begins, and has moved every row by the time the process goes on. */
async function finished(arranged: Arranged): Promise<void> {
  await complete(await takeOver(arranged));
}

async function complete(rewrapping: Rewrapping): Promise<void> {
  for await (const event of rewrapping) {
    if (event.type === 'finished') expect(event.summary.complete).toBe(true);
  }
}

async function record({ memory }: Setup): Promise<RotationRecord | undefined> {
  return (await memory.getRotation(PRODUCT))?.value as RotationRecord | undefined;
}

interface Held {
  readonly arranged: Arranged;
  readonly process: Stepped;
  readonly writes: readonly RowWrite[];
  readonly error: unknown;
}

async function hold(
  { arrange }: Run,
  { where, at }: Pick<HoldOptions, 'at' | 'where'>,
  meanwhile: (arranged: Arranged) => Promise<void>,
): Promise<Held> {
  const arranged = await arrange();
  let failure: unknown;
  // Not into the call that is held, which would take it for a failure of the store.
  const during: Meanwhile = () =>
    meanwhile(arranged).catch((reason: unknown) => {
      failure = reason;
    });
  const process = stepped(arranged.world, arranged.options, { where, at, meanwhile: during });
  let error: unknown;
  try {
    await arranged.run(process);
  } catch (reason) {
    error = reason;
  }
  if (failure) throw failure as Error;
  const writes = process.writes.filter(({ isAfterHold }) => isAfterHold);
  return { arranged, process, writes, error };
}

/** Whether the write leaves the row where the rotations have brought it. */
function keepsEpoch({ row, before }: RowWrite): boolean {
  const wrapOf = (each: object | undefined): unknown =>
    (each as { wrappedDek?: string }).wrappedDek;
  if (row.epoch !== before?.epoch) return false;
  return row.state === 'shredded' || wrapOf(row) === wrapOf(before);
}

function isOfOlderEpoch(write: RowWrite): boolean {
  return !write.wasUnderWay && write.row.epoch < write.recordEpoch && !keepsEpoch(write);
}

/** Also where the write leaves the row's epoch alone. */
function isOfEarlierRow({ row, recordEpoch, wasUnderWay }: RowWrite): boolean {
  return !wasUnderWay && row.epoch !== recordEpoch;
}

function epochFell({ row, before }: RowWrite): boolean {
  return before !== undefined && (row.epoch < before.epoch || before.state === 'shredded');
}

async function requireSettled({ arranged, process: { held } }: Held): Promise<void> {
  const { world, superseder } = arranged;
  const reader = setup({ beside: world, ...superseder });
  const mekVersion = (await record(world))?.mekVersion ?? '';
  await complete(rewrapAllDeks(reader.encryptor, { target: { mekVersion } }));
  const census = await takeCensus({ product: PRODUCT, dekStore: reader.encryptor.dekStore });
  expect(census, held).toMatchObject({ settled: true, behind: 0 });
  await readAll(reader, await arranged.documents());
}

/** At which steps it is held: at each of its writes, and in the fast lane at a part of the others. */
const EVERY = perLane(12, 1);

/** Holds a run at each of its steps in turn, and looks at what came of it. */
async function atEachStep(
  run: Run,
  where: HoldAt,
  meanwhile: (arranged: Arranged) => Promise<void>,
  look: (held: Held) => void,
): Promise<void> {
  for (let at = 1; ; at += where === 'row writes' ? 1 : EVERY) {
    const held = await hold(run, { where, at }, meanwhile);
    if (held.process.steps < at) return;
    expect(held.writes.filter(epochFell), held.process.held).toEqual([]);
    const older = held.writes.filter(isOfOlderEpoch);
    expect(
      older.filter(({ before }) => before || !run.createsLate),
      held.process.held,
    ).toEqual([]);
    look(held);
    await requireSettled(held);
  }
}

describe.each(RUNS)('$name', (run) => {
  it('writes rows in all its ways', async () => {
    const { process, error } = await hold(run, { where: 'row writes', at: Infinity }, () =>
      Promise.resolve(),
    );
    expect(error).toBeUndefined();
    expect([...new Set(process.writes.map(kindOf))].sort()).toEqual([...run.kinds].sort());
  });

  it('writes nothing of its epoch once another rotation began and its fence is over', async () => {
    await atEachStep(run, 'between calls', begun, ({ writes, process: { held } }) => {
      if (run.stops) expect(writes.filter(isOfEarlierRow), held).toEqual([]);
    });
  });

  it('undoes nothing of a rotation that has moved every row meanwhile', async () => {
    await atEachStep(run, 'row writes', finished, ({ writes, process: { held } }) => {
      const late = writes.filter(({ wasUnderWay, before }) => wasUnderWay && before);
      expect(late, held).toEqual([]);
    });
  });
});

const LOOKING_AGAIN = RUNS.filter(({ stops, createsLate }) => stops || createsLate === true);

describe.each(LOOKING_AGAIN)('$name whose copy of the record is old', (run) => {
  it('writes nothing where the answer that says so takes longer than the fence', async () => {
    await atEachStep(run, 'answers about the record', begun, ({ writes, process: { held } }) => {
      if (run.stops) expect(writes.filter(isOfEarlierRow), held).toEqual([]);
    });
  });
});
