import type { RewrapShard } from '../../src/rotation/rewrap-run.js';
import { expect } from 'vitest';
import type { LiveDekRow } from '../../src/adapters.js';
import type { RewrapAllDeksOptions, RewrapEvent, RewrapTarget } from '../../src/index.js';
import { idRangeOf } from '../../src/rotation/rewrap-run.js';
import { setup, type Setup } from './encryptor.js';
import {
  envKeys,
  pull,
  record,
  rows,
  start,
  versionOf,
  withKeys,
  writeNotes,
  type Rewrapped,
} from './rotations.js';
import { PAIR } from './recovery-pairs.js';
import { RsaKeyProvider } from './rsa-key-provider.js';

export const NOTES = 60;

/** Workers of one rotation, each with a store and a provider of its own to be watched. */
export async function fleet(count: number): Promise<readonly [Setup, readonly Setup[]]> {
  const before = setup();
  await writeNotes(before, NOTES);
  return [before, Array.from({ length: count }, () => withKeys(before, ['b', 'a']))];
}

/** The same to a MEK that never wraps twice to the same: then a row tells who wrote it. */
export async function fleetOnRsa(
  count: number,
): Promise<readonly [Setup, readonly Setup[], RewrapTarget]> {
  const before = setup();
  await writeNotes(before, NOTES);
  const rsa = new RsaKeyProvider({ privateKeyPem: PAIR.privateKey, versions: ['v1'] });
  const worker = () => setup({ beside: before, keyProviders: [envKeys('a'), rsa] });
  const target = { keyProvider: rsa.id, mekVersion: 'v1' };
  return [before, Array.from({ length: count }, worker), target];
}

/** One event of each in turn, until all are done. */
export async function inTurns(
  workers: readonly Setup[],
  shards = shardsFor(workers),
  options: Partial<RewrapAllDeksOptions> = {},
): Promise<readonly Rewrapped[]> {
  const runs = await Promise.all(
    workers.map(async (worker, index) => ({
      rewrapping: await start(worker, {
        shard: shards[index] as RewrapShard,
        concurrency: 2,
        ...options,
      }),
      clock: worker.clock,
      events: [] as RewrapEvent[],
      isOver: false,
    })),
  );
  while (runs.some(({ isOver }) => !isOver)) {
    for (const run of runs.filter(({ isOver }) => !isOver)) {
      const { done, value } = await pull(run.rewrapping, run.clock);
      if (done) run.isOver = true;
      else run.events.push(value);
    }
  }
  return runs.map(({ events }) => ({ events, summary: finishedIn(events) }));
}

function shardsFor(workers: readonly Setup[]): readonly RewrapShard[] {
  return workers.map((_each, index) => ({ index, count: workers.length }));
}

export function finishedIn(events: readonly RewrapEvent[]): Rewrapped['summary'] {
  const last = events.at(-1);
  if (last?.type !== 'finished') throw new Error('The last event is not "finished"');
  return last.summary;
}

export function isIn(dekId: string, shard: RewrapShard): boolean {
  const { idFrom, idBefore } = idRangeOf(shard);
  return (idFrom === undefined || dekId >= idFrom) && (idBefore === undefined || dekId < idBefore);
}

export async function requireSettled(before: Setup, target?: string): Promise<void> {
  const mekVersion = target ?? (await versionOf('b'));
  expect(await record(before)).toMatchObject({ state: 'complete', epoch: 2, mekVersion });
  const live = (await rows(before)) as readonly LiveDekRow[];
  expect(live.filter((row) => row.mekVersion === mekVersion)).toHaveLength(NOTES);
}

export function splitByPass(events: readonly RewrapEvent[]): readonly (readonly RewrapEvent[])[] {
  const passes: RewrapEvent[][] = [];
  for (const event of events) {
    if (event.type === 'pass') passes.push([]);
    passes.at(-1)?.push(event);
  }
  return passes;
}

/** As a writer does that was cut off for long: on the old version, and at the old epoch. */
export async function writeAgain({ memory }: Setup, late: readonly LiveDekRow[]): Promise<void> {
  for (const row of late) {
    const item = await memory.get(row.id);
    await memory.replace(row, item?.etag ?? '');
  }
}
