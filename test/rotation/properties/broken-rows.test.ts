import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { takeCensus, type RewrapAllDeksOptions, type RewrapEvent } from '../../../src/index.js';
import { PRODUCT } from '../../support/encryptor.js';
import { AutoClock } from '../../support/rotation/auto-clock.js';
import { drive, endOf, type Driven } from '../../support/rotation/drive.js';
import type { Intercept } from '../../support/rotation/intercepted.js';
import { openWrap, targetAt } from '../../support/rotation/meks.js';
import { forEachWay } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireConvergence } from '../../support/rotation/settling.js';
import { snapshotOf, type RowItem } from '../../support/rotation/snapshot.js';
import { inPlaceOf } from '../../support/rotation/tampering.js';
import { Watch } from '../../support/rotation/watch.js';

let seed: Seed;
let live: readonly LiveDekRow[];

beforeAll(async () => {
  seed = await seedOf({ notes: 3, retired: true, tombstone: true });
  live = [...seed.snapshot.rows.values()].flatMap(({ row }) =>
    row.state === 'shredded' ? [] : [row],
  );
});

const TO_B = { target: targetAt('b') };

function rewrap(
  watch: Watch,
  options: RewrapAllDeksOptions,
  intercept?: Intercept,
): Promise<Driven> {
  const clock = new AutoClock();
  return drive(
    watch,
    watch.process('rewrapper', { clock, ...(intercept && { intercept }) }),
    options,
  );
}

function failures({ events }: Driven): readonly RewrapEvent[] {
  return events.filter(({ type }) => type === 'failed');
}

async function itemOf({ memory }: Watch, dekId: string): Promise<RowItem | undefined> {
  return (await snapshotOf(memory)).rows.get(dekId);
}

/** A provider that once wraps, or gives, some other key. */
function wrongOnce(watch: Watch, method: 'unwrapKey' | 'wrapKey', nth: number): Intercept {
  let calls = 0;
  return async (call, execute) => {
    calls += Number(call.method === method);
    const isWrong = call.method === method && calls === nth;
    const other = Buffer.alloc(32, 0xee);
    if (isWrong && method === 'unwrapKey') return other;
    const args = isWrong ? [other, call.args[1]] : call.args;
    return (await watch.executeInTurn(call, () => execute(args)))();
  };
}

describe('a provider that handles another key once', () => {
  it.each([
    ['wraps', 'wrapKey', 1, 5, 'ADAPTER_CONTRACT'],
    ['unwraps', 'unwrapKey', 2, 2 * 5, /ADAPTER_CONTRACT|TAMPERED/],
  ] as const)(
    'when it %s fails that row, which stays as it is, and the next scan has it right',
    async (_name, method, before, calls, code) => {
      // Before the beginning there are a round trip, and an unwrap of one row.
      for (let nth = before + 1; nth <= before + calls; nth += 1) {
        const watch = await Watch.over(seed);
        const driven = await rewrap(watch, TO_B, wrongOnce(watch, method, nth));
        await watch.check();
        expect(endOf(driven)).toBe('complete');
        expect(failures(driven)).toHaveLength(1);
        expect(failures(driven)[0]).toMatchObject({
          error: { code: expect.stringMatching(code) as string },
        });
        await requireConvergence(watch);
      }
    },
  );

  it('before anything is begun is found by the round trip, and nothing is written', async () => {
    for (const method of ['wrapKey', 'unwrapKey'] as const) {
      const watch = await Watch.over(seed);
      const { etags } = watch.snapshot;
      expect(endOf(await rewrap(watch, TO_B, wrongOnce(watch, method, 1)))).toBe(
        'ADAPTER_CONTRACT',
      );
      await watch.check();
      expect(watch.snapshot.etags).toBe(etags);
    }
  });

  it('where it is not verified leaves the previous wrap, from which the next rotation repairs the row', async () => {
    for (const verify of ['none', 'first'] as const) {
      const watch = await Watch.overBroken(seed);
      const options = { ...TO_B, verify, concurrency: 1 };
      expect(endOf(await rewrap(watch, options, wrongOnce(watch, 'wrapKey', 3)))).toBe('complete');
      const broken = (await dekOf(watch)).filter(({ dek, kept }) => dek !== kept);
      expect(broken).toHaveLength(1);
      const mended = await rewrap(watch, { target: targetAt('c') });
      expect(mended.summary).toMatchObject({ complete: true, repaired: 1 });
      const deks = await dekOf(watch);
      expect(deks.filter(({ dek, kept }) => dek !== kept)).toEqual([]);
      expect(deks.map(({ dek }) => dek)).toEqual(live.map((row) => hexIn(row)));
    }
  });
});

function hexIn(wrap: Parameters<typeof openWrap>[0]): string {
  return openWrap(wrap).toString('hex');
}

/** What each row's primary wrap holds, and its previous one. */
async function dekOf({ memory }: Watch): Promise<readonly { dek: string; kept: string }[]> {
  const { rows } = await snapshotOf(memory);
  return live.map(({ id }) => {
    const row = rows.get(id)?.row as LiveDekRow;
    return { dek: hexIn(row), kept: row.previousWrap ? hexIn(row.previousWrap) : '' };
  });
}

type Tampering = (victim: LiveDekRow, other: LiveDekRow) => LiveDekRow;

const TAMPERINGS: readonly Tampering[] = [
  (victim, other) => ({ ...victim, wrappedDek: other.wrappedDek }),
  (victim, other) => ({ ...victim, commitment: other.commitment }),
  (victim) => ({ ...victim, wrappedDek: victim.wrappedDek.replace(/^./, otherLetter) }),
  inPlaceOf,
];

function otherLetter(letter: string): string {
  return letter === 'A' ? 'B' : 'A';
}

describe('a row that was tampered with', () => {
  it('fails alone, named and untouched, and the rotation is not complete over it', async () => {
    const pairs = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 2, maxLength: 2 });
    const property = (tamper: Tampering): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(pairs, fc.integer({ min: 1, max: 6 }), async ([at, from], concurrency) => {
        const victim = live[at ?? 0] as LiveDekRow;
        const row = tamper(victim, live[from ?? 1] as LiveDekRow);
        const rows = new Map(seed.snapshot.rows).set(victim.id, { row, etag: '' });
        const watch = await Watch.overBroken({ ...seed, snapshot: { ...seed.snapshot, rows } });
        const before = await itemOf(watch, victim.id);
        const driven = await rewrap(watch, { ...TO_B, concurrency });
        expect(endOf(driven)).toBe('incomplete');
        expect(driven.summary).toMatchObject({ failed: 1, changed: live.length - 1 });
        for (const event of failures(driven)) {
          expect(event).toMatchObject({ dekId: victim.id, error: { code: 'TAMPERED' } });
        }
        expect(await itemOf(watch, victim.id)).toEqual(before);
        expect(watch.journal.record?.state).toBe('rewrapping');
        await watch.memory.replace(victim, before?.etag ?? '');
        expect(endOf(await rewrap(watch, TO_B))).toBe('complete');
      });
    await forEachWay(TAMPERINGS, property, 0.05);
  });
});

describe('a rotation record from a backup, older than the rows', () => {
  it('lets no row fall to its epoch: each one fails, and nothing is written', async () => {
    const watch = await Watch.overBroken(seed);
    await rewrap(watch, TO_B);
    expect(endOf(await rewrap(watch, { target: targetAt('c') }))).toBe('complete');
    const newest = await watch.memory.getRotation(PRODUCT);
    const older = seed.snapshot.record;
    if (!older || !newest) throw new Error('There is no record');
    await watch.memory.replaceItem(older, newest.etag);
    const { etags } = await snapshotOf(watch.memory);
    const driven = await rewrap(watch, { target: targetAt('a') });
    expect(endOf(driven)).toBe('incomplete');
    expect(driven.summary).toMatchObject({ failed: live.length, changed: 0, unchanged: 0 });
    for (const event of failures(driven)) {
      expect(event).toMatchObject({ error: { code: 'ROTATION_RECORD_BEHIND' } });
    }
    expect((await snapshotOf(watch.memory)).etags).toBe(etags);
    const census = await takeCensus({ product: PRODUCT, dekStore: watch.memory });
    expect(census).toMatchObject({ ahead: live.length, settled: false });
  });
});
