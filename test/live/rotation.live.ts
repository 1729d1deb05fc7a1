import { afterAll, afterEach, describe, expect, it } from 'vitest';
import {
  createFieldEncryptor,
  rewrapAllDeks,
  takeCensus,
  type FieldEncryptor,
  type RewrapSummary,
  type RewrapTarget,
} from '../../src/index.js';
import { LiveNotes, noteOf, SECRET } from './live-notes.js';
import { joinLiveRun } from './live-run.js';

const NOTES = 36;
/** One row in this number is followed by traffic. */
const TRAFFIC_EVERY = 6;

const run = joinLiveRun();
const { azure, older, newest } = run;
const notes = new LiveNotes(run);

afterEach(() => notes.sweep());

afterAll(() => {
  azure.close();
});

async function writeAll(encryptor: FieldEncryptor): Promise<void> {
  for (let id = 0; id < NOTES; id += 1) await notes.write(encryptor, noteOf(id));
}

async function expectAllReadBy(encryptor: FieldEncryptor): Promise<void> {
  const read = await Promise.all(notes.written.map((note) => notes.read(encryptor, note)));
  expect(read).toEqual(notes.written);
}

/** @param meanwhile - Called with 0, 1, 2 … while rows are rewrapped. */
async function rotate(
  operator: FieldEncryptor,
  target: RewrapTarget,
  meanwhile: (turn: number) => Promise<void> = () => Promise.resolve(),
): Promise<RewrapSummary> {
  for await (const event of rewrapAllDeks(operator, { target })) {
    if (event.type === 'finished') return event.summary;
    if (event.type === 'failed') throw event.error;
    if (event.type !== 'changed') continue;
    const { changed } = event.counts;
    if (changed % TRAFFIC_EVERY === 0) await meanwhile(changed / TRAFFIC_EVERY);
  }
  throw new Error('The rotation ended without a summary');
}

describe('a rotation on the vault and the account', () => {
  it('moves every DEK to the newest version while notes are read and written', async () => {
    const writer = await notes.process(older);
    await writeAll(writer);
    const before = await notes.stored();
    expect(before.size).toBe(NOTES);
    expect(JSON.stringify([...before.values()])).not.toContain(SECRET);
    // The rotation record names its version too.
    expect(await notes.rowsNotUnder(newest)).toBe(NOTES + 1);

    const reader = await notes.process(newest);
    const changed = new Set<string>();
    const summary = await rotate(await notes.process(), { mekVersion: newest }, async (turn) => {
      const [old, made] = [noteOf(turn, `in turn ${String(turn)}`), noteOf(NOTES + turn)];
      await notes.write(writer, old);
      await notes.write(writer, made);
      changed.add(old.id);
      expect(await notes.read(reader, made)).toEqual(made);
      expect(await notes.read(reader, noteOf(NOTES - turn))).toEqual(noteOf(NOTES - turn));
    });

    expect(summary).toMatchObject({ complete: true, failed: 0, repaired: 0, skipped: 0 });
    expect(summary.changed).toBeGreaterThanOrEqual(NOTES);
    expect(summary.requestCharge).toBeGreaterThan(0);
    expect(changed.size).toBe(NOTES / TRAFFIC_EVERY);
    expect(await takeCensus(writer)).toMatchObject({ settled: true, rows: notes.written.length });
    expect(await notes.rowsNotUnder(newest)).toBe(0);
    for (const process of [writer, reader, await notes.process()]) await expectAllReadBy(process);
    const after = await notes.stored();
    for (const [id, item] of before) if (!changed.has(id)) expect(after.get(id)).toEqual(item);

    const again = await rotate(await notes.process(), { mekVersion: newest });
    expect(again).toMatchObject({ complete: true, changed: 0, unchanged: notes.written.length });
  });

  it('goes back to the older version, wrapping in this process, and forth again', async () => {
    const { product, dekStore } = await notes.process();
    const keyProviders = [azure.keyProvider({ wrapMode: 'local', mekVersion: newest })];
    const encryptor = createFieldEncryptor({ product, dekStore, keyProviders, fenceTtlMs: 1_000 });
    await writeAll(encryptor);
    for (const mekVersion of [older, newest]) {
      const summary = await rotate(encryptor, { mekVersion });
      expect(summary).toMatchObject({ complete: true, changed: NOTES, failed: 0 });
      expect(await notes.rowsNotUnder(mekVersion)).toBe(0);
      await expectAllReadBy(await notes.process());
    }
  });
});
