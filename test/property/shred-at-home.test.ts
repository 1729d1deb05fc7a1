import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decryptAny, encryptAny, KEY } from '../support/encryptor.js';
import { forEachWay, requireAllMet } from '../support/rotation/runs.js';
import { Tally } from '../support/rotation/tally.js';
import {
  ALL_WAYS,
  IDLE,
  ShredRace,
  type Call,
  type RacePlan,
  type Way,
} from '../support/shred-race.js';

/** What a call that began before the shred may end with after it. */
const REFUSALS: readonly (string | undefined)[] = ['DEK_SHREDDED', IDLE];
/** Reads an envelope from before the shred, so that it cannot succeed after it. */
const OF_BEFORE = [
  'encrypt a change',
  'keep what is sealed',
  'open in an open document',
  'decrypt',
  'decrypt a list',
];

/** It goes on from document to document, each as it is stored at that time; one runs at a time. */
const MIGRATION = 'backfill';

function wayOf({ name }: Call): string {
  return name.replace(/ (after|\d+)$/, '');
}

function requireRefusedOrNew(race: ShredRace, call: Call): void {
  const { begunAfter, settledAfter, code, dekIds = [] } = call;
  if (!settledAfter) return;
  const way = wayOf(call);
  expect(
    dekIds.filter((dekId) => race.dekIdsAtShred.includes(dekId)),
    call.name,
  ).toEqual([]);
  if (way === MIGRATION) {
    if (code !== undefined) expect(['MIGRATION_UNDER_WAY', ...REFUSALS], call.name).toContain(code);
  } else if (!begunAfter) expect(REFUSALS, call.name).toContain(code);
  else if (OF_BEFORE.includes(way)) {
    // A document that was opened afterwards has never heard of the DEK.
    expect(['DEK_NOT_FOUND', ...REFUSALS], call.name).toContain(code);
  } else expect({ name: call.name, code }).toEqual({ name: call.name, code: undefined });
}

/** The way in question with a step that takes long, beside others. */
function plansOf(way: Way): fc.Arbitrary<RacePlan> {
  const calls = fc.tuple(
    fc.record({ way: fc.constant(way), isSecond: fc.boolean() }),
    fc.record({ way: fc.constantFrom<Way>(...ALL_WAYS), isSecond: fc.boolean() }),
  );
  return fc.record({
    hasDek: OF_BEFORE.includes(way) ? fc.constant(true) : fc.boolean(),
    isWarm: fc.nat({ max: 3 }).map((number) => number === 0),
    heldStep: fc.integer({ min: 1, max: 5 }),
    calls,
  });
}

describe('a shred beside everything else that its process does', { timeout: 600_000 }, () => {
  it('is whole: nothing from before is used, kept, made or confirmed after it', async () => {
    const tally = new Tally();
    const property = (way: Way): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(plansOf(way), fc.scheduler(), async (plan, scheduler) => {
        const race = new ShredRace(scheduler);
        await race.run(plan);
        for (const call of race.calls) requireRefusedOrNew(race, call);
        await requireNothingLeft(race);
        await requireReadable(race);
        const isRefused = race.calls.some(
          (call) => wayOf(call) === way && isLate(call) && call.code === 'DEK_SHREDDED',
        );
        tally.add(`${way}, refused as it came too late`, isRefused || way === MIGRATION);
      });
    await forEachWay(ALL_WAYS, property, 0.3);
    requireAllMet(tally);
  });
});

function isLate({ begunAfter, settledAfter }: Call): boolean {
  return !begunAfter && settledAfter === true;
}

/** Whatever there was of the document's DEKs is a tombstone, and in no cache. */
async function requireNothingLeft(race: ShredRace): Promise<void> {
  for (const { id, state } of await race.rows()) {
    if (!race.dekIdsAtShred.includes(id)) continue;
    expect({ id, state }).toEqual({ id, state: 'shredded' });
    for (const cache of race.caches) expect(cache.peek(id)).toBeUndefined();
  }
}

/** By another process: what was written afterwards, and what is written next. */
async function requireReadable(race: ShredRace): Promise<void> {
  const hasUpdated = race.calls.some(
    ({ name, begunAfter }) => begunAfter && name.startsWith('update'),
  );
  const item = hasUpdated ? await race.documents.get(KEY) : undefined;
  if (item) {
    expect(await decryptAny(race.fresh(), item.document)).toMatchObject({ body: 'updated' });
  }
  const next = await encryptAny(race.fresh(), { ...KEY, body: 'next' });
  expect(await decryptAny(race.fresh(), next)).toMatchObject({ body: 'next' });
  expect(await decryptAny(race.fresh(), race.other)).toMatchObject({ body: 'other' });
}
