import { placeOf } from '../../../src/document/document-draft.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RewrapAllDeksOptions, RewrapEvent } from '../../../src/index.js';
import { encryptAny, KEY, note } from '../../support/encryptor.js';
import { AutoClock } from '../../support/rotation/auto-clock.js';
import { drive, endOf } from '../../support/rotation/drive.js';
import { ALL_MEKS, targetAt, type MekName } from '../../support/rotation/meks.js';
import { partOfRuns, requireAllMet } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import { Watch } from '../../support/rotation/watch.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 3, retired: true, tombstone: true });
});

interface Rotate {
  readonly to: MekName;
  readonly concurrency: number;
  readonly verify: 'all' | 'first' | 'none';
  readonly takeOver: boolean;
  readonly only: MekName | undefined;
  /** Events after which it is left or aborted; beyond the last one, it runs to its end. */
  readonly events: number;
  readonly stop: 'abort' | 'leave';
}

const mek = fc.constantFrom(...ALL_MEKS);

const rotations: fc.Arbitrary<Rotate> = fc.record({
  to: mek,
  concurrency: fc.integer({ min: 1, max: 9 }),
  verify: fc.constantFrom('all', 'first', 'none'),
  takeOver: fc.boolean(),
  only: fc.option(mek, { nil: undefined, freq: 6 }),
  events: fc.oneof({ weight: 1, arbitrary: fc.nat({ max: 25 }) }, fc.constant(1_000)),
  stop: fc.constantFrom('abort', 'leave'),
});

type Step = { readonly rotate: Rotate } | { readonly shred: string } | { readonly write: string };

const ids = fc.constantFrom('note-0', 'note-1', 'fresh');
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: rotations.map((rotate) => ({ rotate })) },
  { weight: 2, arbitrary: ids.map((write) => ({ write })) },
  { weight: 1, arbitrary: ids.map((shred) => ({ shred })) },
);

async function rotate(watch: Watch, request: Rotate): Promise<string> {
  const { to, concurrency, verify, takeOver, only, events: most, stop } = request;
  const controller = new AbortController();
  const options: RewrapAllDeksOptions = {
    target: targetAt(to),
    concurrency,
    verify,
    takeOver,
    signal: controller.signal,
    ...(only && { sourceVersion: targetAt(only).mekVersion, allowUnknown: true }),
  };
  const pull = (events: readonly RewrapEvent[]): Promise<boolean> => {
    if (events.length >= most && stop === 'abort') controller.abort(new Error('aborted'));
    return Promise.resolve(stop === 'abort' || events.length < most);
  };
  const process = watch.process('operator', { clock: new AutoClock() });
  const driven = await drive(watch, process, options, { pull });
  return driven.error === controller.signal.reason && driven.error ? 'aborted' : endOf(driven);
}

async function take(watch: Watch, step: Step): Promise<string> {
  const { encryptor } = watch.process('writer', { clock: new AutoClock() });
  if ('rotate' in step) return rotate(watch, step.rotate);
  if ('write' in step) {
    const plain = { ...KEY, id: step.write, body: 'anew', tags: ['x', 'y'] };
    watch.documents.acknowledge(await encryptAny(encryptor, plain), plain);
    return 'written';
  }
  const key = { ...KEY, id: step.shred };
  watch.documents.beginShred(placeOf(note, 'notelett', key).scope.scopeId);
  await encryptor.shred(note, key);
  return 'shredded';
}

/** What a step may come to, by the record that it meets. */
function possible(watch: Watch, step: Step): readonly string[] {
  if ('write' in step) return ['written'];
  if ('shred' in step) return ['shredded'];
  const { to, takeOver, only } = step.rotate;
  const { record } = watch.journal;
  const isOther = record?.mekVersion !== targetAt(to).mekVersion;
  const isRefused = isOther && record?.state !== 'complete' && !takeOver;
  if (isRefused) return ['ROTATION_UNFINISHED', 'aborted', 'left'];
  return ['complete', 'aborted', 'left', ...(only ? ['incomplete'] : [])];
}

describe('any sequence of rotations, whole, left, aborted and resumed', () => {
  it('leaves every DEK, every document and the invariants as they were', async () => {
    const tally = new Tally();
    const sequences = fc.array(steps, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sequences, mek, async (sequence, last) => {
        const watch = await Watch.over(seed);
        for (const step of sequence) {
          const expected = possible(watch, step);
          const { etags } = watch.snapshot;
          const end = await take(watch, step);
          expect(expected).toContain(end);
          await watch.check();
          if (end === 'ROTATION_UNFINISHED') expect(watch.snapshot.etags).toBe(etags);
          tally.add(end, true);
        }
        const deks = new Map(watch.invariants.deks);
        await requireSound(watch, { target: targetAt(last), takeOver: true });
        expect(watch.invariants.deks).toEqual(deks);
      }),
      partOfRuns(0.6),
    );
    for (const end of ENDS) tally.add(end, 0);
    requireAllMet(tally);
  });
});

const ENDS = ['complete', 'incomplete', 'left', 'aborted', 'ROTATION_UNFINISHED', 'shredded'];
