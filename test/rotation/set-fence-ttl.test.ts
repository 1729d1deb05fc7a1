import { describe, expect, it } from 'vitest';
import { rewrapAllDeks, setFenceTtl, type SetFenceTtlOptions } from '../../src/index.js';
import { contentsOf, PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import {
  alterRecord,
  ended,
  record,
  targetOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

async function withRecord(): Promise<Setup> {
  const made = setup();
  await writeNotes(made, 1);
  await alterRecord(made, { fenceTtlMs: 30_000 });
  return made;
}

function set(made: Setup, fenceTtlMs: number, options: SetFenceTtlOptions = {}): Promise<unknown> {
  return ended(setFenceTtl(made.encryptor, fenceTtlMs, options), made.clock);
}

describe('a longer fence', () => {
  it('holds at once, without a wait', async () => {
    const made = await withRecord();
    const startMs = made.clock.monotonicMs();
    const report = await setFenceTtl(made.encryptor, 60_000);
    expect(report).toEqual({ product: PRODUCT, fenceTtlMs: 60_000, previousFenceTtlMs: 30_000 });
    expect(await record(made)).toMatchObject({ fenceTtlMs: 60_000, epoch: 1, state: 'complete' });
    expect(await record(made)).not.toHaveProperty('drainTtlMs');
    expect(made.clock.monotonicMs()).toBe(startMs);
  });

  it('does not end the wait for a still longer one', async () => {
    const made = await withRecord();
    await alterRecord(made, { fenceTtlMs: 5_000, drainTtlMs: 60_000 });
    const startMs = made.clock.monotonicMs();
    await set(made, 10_000);
    expect(made.clock.monotonicMs() - startMs).toBe(60_000);
    expect(await record(made)).toMatchObject({ fenceTtlMs: 10_000 });
    expect(await record(made)).not.toHaveProperty('drainTtlMs');
  });
});

describe('a shorter fence', () => {
  it('is stored beside the earlier one, until that was waited out', async () => {
    const made = await withRecord();
    const seen: unknown[] = [];
    const waits: number[] = [];
    const reading: Promise<void>[] = [];
    const note = async (): Promise<void> => {
      const { fenceTtlMs, drainTtlMs } = await record(made);
      seen.push([fenceTtlMs, drainTtlMs]);
    };
    const onWait: SetFenceTtlOptions['onWait'] = ({ remainingMs }) => {
      waits.push(remainingMs);
      reading.push(note());
    };
    await set(made, 2_000, { onWait });
    await Promise.all(reading);
    expect(waits[0]).toBe(30_000);
    expect(waits.length).toBeGreaterThanOrEqual(30);
    expect(seen).toEqual(waits.map(() => [2_000, 30_000]));
    expect(await record(made)).toMatchObject({ fenceTtlMs: 2_000 });
    expect(await record(made)).not.toHaveProperty('drainTtlMs');
  });

  it('makes a rotation wait for the earlier one, while it is stored', async () => {
    const made = await withRecord();
    const stopped = new AbortController();
    const setting = setFenceTtl(made.encryptor, 2_000, {
      signal: stopped.signal,
      onWait: () => {
        stopped.abort(new Error('enough'));
      },
    });
    expect(await failure(setting)).toMatchObject({ message: 'enough' });
    expect(await record(made)).toMatchObject({ fenceTtlMs: 2_000, drainTtlMs: 30_000 });
    const operator = withKeys(made, ['b', 'a']);
    const waits: number[] = [];
    const rotation = async (): Promise<void> => {
      for await (const event of rewrapAllDeks(operator.encryptor, { target: await targetOf('b') }))
        if (event.type === 'fence') waits.push(event.remainingMs);
    };
    await ended(rotation(), made.clock);
    expect(waits[0]).toBe(30_000);
    expect(await record(made)).toMatchObject({ drainTtlMs: 30_000, epoch: 2, state: 'complete' });
  });

  it('is continued by the next call, with a wait of its own', async () => {
    const made = await withRecord();
    await alterRecord(made, { fenceTtlMs: 2_000, drainTtlMs: 30_000 });
    const startMs = made.clock.monotonicMs();
    await set(made, 2_000);
    expect(made.clock.monotonicMs() - startMs).toBe(30_000);
    expect(await record(made)).not.toHaveProperty('drainTtlMs');
  });

  it('waits again where the record changed during the wait', async () => {
    const made = await withRecord();
    const startMs = made.clock.monotonicMs();
    const altering: Promise<void>[] = [];
    const onWait: SetFenceTtlOptions['onWait'] = ({ remainingMs }) => {
      if (remainingMs === 1_000 && altering.length === 0) {
        altering.push(alterRecord(made, { generationFloor: 7 }));
      }
    };
    await set(made, 2_000, { onWait });
    await Promise.all(altering);
    expect(altering).toHaveLength(1);
    expect(made.clock.monotonicMs() - startMs).toBe(60_000);
    expect(await record(made)).toMatchObject({ fenceTtlMs: 2_000, generationFloor: 7 });
    expect(await record(made)).not.toHaveProperty('drainTtlMs');
  });
});

describe('a call with the time that the record has', () => {
  it('writes nothing', async () => {
    const made = await withRecord();
    const contents = await contentsOf(made.memory);
    await setFenceTtl(made.encryptor, 30_000);
    expect(await contentsOf(made.memory)).toEqual(contents);
  });
});

describe('a lost answer of the write', () => {
  it('counts as written', async () => {
    const made = await withRecord();
    let lost = 0;
    made.store.after = (method, result) => {
      if (method !== 'replaceRotation' || lost > 0) return result;
      lost += 1;
      throw new Error('connection reset');
    };
    await setFenceTtl(made.encryptor, 60_000);
    expect(lost).toBe(1);
    expect(await record(made)).toMatchObject({ fenceTtlMs: 60_000 });
  });
});

describe('what is refused', () => {
  it.each([999, 600_001, 1.5, '30000', undefined])('is a time of %s', async (fenceTtlMs) => {
    const made = await withRecord();
    const contents = await contentsOf(made.memory);
    const error = await failure(setFenceTtl(made.encryptor, fenceTtlMs as number));
    expect(error.message).toMatch(/^"fenceTtlMs" expected /);
    expect(await contentsOf(made.memory)).toEqual(contents);
  });
});
