import { describe, expect, it } from 'vitest';
import type { ActiveDekRow, RotationRecord } from '../../../src/adapters.js';
import { takeCensus, type DekStore } from '../../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
} from '../../support/encryptor.js';
import { deferred, turn, type Deferred } from '../../support/deferred.js';
import { rejection } from '../../support/failure.js';
import {
  alterRow,
  rewrap,
  rows,
  versionOf,
  withKeys,
  writeNotes,
} from '../../support/rotations.js';

const FENCE_TTL_MS = 30_000;

interface LateCreate {
  readonly made: Setup;
  readonly writer: Setup;
  readonly gate: Deferred<void>;
  readonly writing: Promise<Loose>;
}

/** A writer whose create is under way until the gate opens; it was sent in time. */
async function lateCreate(): Promise<LateCreate> {
  const made = setup();
  await writeNotes(made, 2);
  const writer = withKeys(made, ['a', 'b', 'c']);
  await writeNotes(writer, 1);
  const gate = deferred();
  writer.store.before = (method) => (method === 'create' ? gate.promise : undefined);
  const writing = encryptAny(writer.encryptor, { ...KEY, id: 'late', body: 'text' });
  writing.catch(() => undefined);
  await turn();
  return { made, writer, gate, writing };
}

async function raiseFloor({ memory }: Setup, generationFloor: number): Promise<void> {
  const item = await memory.getRotation('notelett');
  if (!item) throw new Error('There is no rotation record yet');
  await memory.replaceRotation({ ...(item.value as RotationRecord), generationFloor }, item.etag);
}

async function lateRow(made: Setup): Promise<ActiveDekRow> {
  const found = (await rows(made)).find(({ scope }) => scope.includes('late'));
  return found as ActiveDekRow;
}

const RETIRED_AT = '2026-01-02T03:04:05.000Z';

/** A re-encryption retires the row that the writer is about to replace. */
function retireBeforeReplace(
  made: Setup,
  writer: Setup,
  changes: Partial<ActiveDekRow> = {},
): void {
  writer.store.before = async (method) => {
    if (method !== 'replace') return;
    writer.store.before = () => undefined;
    const { id } = await lateRow(made);
    await alterRow(made, id, { ...changes, state: 'retired', retiredAt: RETIRED_AT });
  };
}

describe('a create that lands after a whole rotation', () => {
  it('is brought to the rotation by its writer, who has the DEK in memory', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    writer.provider.reset();
    gate.resolve();
    const stored = await writing;
    const [versionA, versionB] = [await versionOf('a'), await versionOf('b')];
    expect(await lateRow(made)).toMatchObject({
      epoch: 2,
      mekVersion: versionB,
      previousWrap: { mekVersion: versionA, epoch: 1 },
    });
    expect(writer.provider.calls).toEqual({ wrapKey: 1 });
    expect(stored['body']).toMatchObject({ mekVersion: versionB });
    const { encryptor } = withKeys(made, ['b']);
    expect(await decryptAny(encryptor, stored)).toMatchObject({ body: 'text' });
    expect((await takeCensus(encryptor)).settled).toBe(true);
  });

  it('is retired where a re-encryption raised the generation floor, and another DEK is made', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    writer.clock.advance(FENCE_TTL_MS);
    await raiseFloor(made, 5);
    gate.resolve();
    const stored = await writing;
    const [late, made5] = (await rows(made)).filter(({ scope }) => scope.includes('late'));
    // The time of its creation: it was never used.
    const retired = { state: 'retired', retiredAt: late?.createdAt };
    expect(late).toMatchObject({ generation: 1, ...retired });
    expect(made5).toMatchObject({ generation: 5, state: 'active' });
    expect(stored['body']).toMatchObject({ dekId: made5?.id });
  });

  it('is moved to the rotation and retired in one write where both have passed', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    writer.clock.advance(FENCE_TTL_MS);
    await rewrap(withKeys(made, ['b', 'a']));
    await raiseFloor(made, 5);
    writer.store.reset();
    gate.resolve();
    await writing;
    expect(writer.store.calls['replace']).toBe(1);
    const [late] = (await rows(made)).filter(({ scope }) => scope.includes('late'));
    expect(late).toMatchObject({ state: 'retired', epoch: 2, mekVersion: await versionOf('b') });
  });

  it('costs nothing where its copy of the record was still fresh', async () => {
    const { writer, gate, writing } = await lateCreate();
    writer.clock.advance(FENCE_TTL_MS - 1);
    writer.store.reset();
    gate.resolve();
    await writing;
    expect(writer.store.calls).toEqual({});
  });

  it('costs one read where the record did not move', async () => {
    const { writer, gate, writing } = await lateCreate();
    writer.clock.advance(FENCE_TTL_MS);
    writer.store.reset();
    gate.resolve();
    await writing;
    expect(writer.store.calls).toMatchObject({ getRotation: 1 });
    expect(writer.store.calls).not.toHaveProperty('replace');
  });

  it('moves its epoch alone where the wrap is the target’s already', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    await rewrap(withKeys(made, ['a', 'b']));
    writer.provider.reset();
    gate.resolve();
    await writing;
    const row = await lateRow(made);
    expect(row).toMatchObject({ epoch: 3, mekVersion: await versionOf('a') });
    expect(row).not.toHaveProperty('previousWrap');
    expect(row).not.toHaveProperty('rewrappedAt');
    expect(writer.provider.calls).toEqual({});
  });

  it('is content with one read after it landed, however slow that is', async () => {
    const { writer, gate, writing } = await lateCreate();
    writer.clock.advance(FENCE_TTL_MS);
    writer.store.reset();
    writer.store.after = (method, result) => {
      const isFirst = method === 'getRotation' && writer.store.calls['getRotation'] === 1;
      if (isFirst) writer.clock.advance(FENCE_TTL_MS);
      return result;
    };
    gate.resolve();
    await writing;
    expect(writer.store.calls).toEqual({ getRotation: 2, listScope: 1 });
  });

  it('does not write over a row that someone sealed with a mac since', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    const digest = Buffer.alloc(32).toString('base64url');
    writer.store.before = async (method) => {
      if (method !== 'replace') return;
      writer.store.before = () => undefined;
      const { id } = await lateRow(made);
      await alterRow(made, id, { macKeyId: '0'.repeat(16), mac: digest });
    };
    gate.resolve();
    expect(await rejection(writing)).toMatchObject({ code: 'ROW_UNSUPPORTED' });
    expect(await lateRow(made)).toMatchObject({ mac: digest, epoch: 1 });
  });

  it('does not take over a row with another key', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    const commitment = Buffer.alloc(32).toString('base64url');
    writer.store.before = async (method) => {
      if (method !== 'replace') return;
      writer.store.before = () => undefined;
      await alterRow(made, (await lateRow(made)).id, { commitment });
    };
    gate.resolve();
    expect(await rejection(writing)).toMatchObject({
      code: 'TAMPERED',
      message: `DEK row ${(await lateRow(made)).id} was altered (commitment): restore it from a backup`,
    });
  });

  it('leaves the row to a rewrapper who got hold of it first', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    writer.store.before = async (method) => {
      if (method !== 'replace') return;
      writer.store.before = () => undefined;
      await rewrap(withKeys(made, ['c', 'b', 'a']));
    };
    gate.resolve();
    const stored = await writing;
    expect(await lateRow(made)).toMatchObject({ epoch: 3, mekVersion: await versionOf('c') });
    expect(await decryptAny(withKeys(made, ['c']).encryptor, stored)).toMatchObject({
      body: 'text',
    });
  });

  it('goes on to where a second rotation went while it was catching up', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    writer.store.after = async (method, result) => {
      if (method !== 'getRotation') return result;
      writer.store.after = (_method, answer) => answer;
      await rewrap(withKeys(made, ['c', 'b', 'a']));
      return result;
    };
    gate.resolve();
    await writing;
    expect(await lateRow(made)).toMatchObject({ epoch: 3, mekVersion: await versionOf('c') });
    expect((await takeCensus(made.encryptor)).settled).toBe(true);
  });

  it('brings its row along where a re-encryption has retired it first', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    retireBeforeReplace(made, writer);
    gate.resolve();
    const stored = await writing;
    expect(stored['body']).toMatchObject({ dekId: expect.stringMatching(/\.2$/) as string });
    const [versionA, versionB] = [await versionOf('a'), await versionOf('b')];
    expect(await lateRow(made)).toMatchObject({
      state: 'retired',
      retiredAt: RETIRED_AT,
      epoch: 2,
      mekVersion: versionB,
      previousWrap: { mekVersion: versionA, epoch: 1 },
    });
    expect((await takeCensus(made.encryptor)).settled).toBe(true);
  });

  it('moves the epoch alone of a retired row that is on the target', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    await rewrap(withKeys(made, ['a', 'b']));
    writer.provider.reset();
    retireBeforeReplace(made, writer);
    gate.resolve();
    await writing;
    const row = await lateRow(made);
    expect(row).toMatchObject({ state: 'retired', epoch: 3, mekVersion: await versionOf('a') });
    expect(row).not.toHaveProperty('previousWrap');
    // One wrap is that of the next generation.
    expect(writer.provider.calls).toEqual({ wrapKey: 1 });
    expect((await takeCensus(made.encryptor)).settled).toBe(true);
  });

  it('does not take over a retired row with another key', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    const commitment = Buffer.alloc(32).toString('base64url');
    retireBeforeReplace(made, writer, { commitment });
    gate.resolve();
    expect(await rejection(writing)).toMatchObject({ code: 'TAMPERED' });
    expect(await lateRow(made)).toMatchObject({ state: 'retired', commitment, epoch: 1 });
  });

  it('makes another DEK where its own was shredded meanwhile', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    await rewrap(withKeys(made, ['b', 'a']));
    writer.store.before = async (method) => {
      if (method !== 'replace') return;
      writer.store.before = () => undefined;
      await made.encryptor.shred(note, { ...KEY, id: 'late' });
    };
    gate.resolve();
    const stored = await writing;
    expect(stored['body']).toMatchObject({ dekId: expect.stringMatching(/\.2$/) as string });
    expect(await decryptAny(withKeys(made, ['b']).encryptor, stored)).toMatchObject({
      body: 'text',
    });
  });

  it('that cannot catch up fails, seals nothing, and is left to a rerun', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    const operator = withKeys(made, ['b', 'a']);
    await rewrap(operator);
    const outage = new Error('down');
    writer.provider.before = () => Promise.reject(outage);
    gate.resolve();
    expect(await rejection(writing)).toBe(outage);
    expect(await lateRow(made)).toMatchObject({ epoch: 1, mekVersion: await versionOf('a') });
    const census = await takeCensus(operator.encryptor);
    expect(census).toMatchObject({ behind: 1, settled: false, rotation: { state: 'complete' } });
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: true, changed: 1, epoch: 2 });
    expect((await takeCensus(operator.encryptor)).settled).toBe(true);
  });
});

describe('a DEK that was left on a MEK version which is gone', () => {
  it('is reported by each process that loads it, with what to do', async () => {
    const { made, writer, gate, writing } = await lateCreate();
    writer.provider.before = () => undefined;
    gate.resolve();
    const stored = await writing;
    const { encryptor } = withKeys(made, ['b']);
    const version = await versionOf('a');
    expect(await rejection(decryptAny(encryptor, stored))).toMatchObject({
      code: 'MEK_VERSION_UNKNOWN',
      message: expect.stringContaining(
        `is still wrapped by the MEK env/env/${version}, which cannot be used: enable or configure that version again, then rewrap the remaining rows with rewrapAllDeks`,
      ) as string,
    });
    const store: DekStore = made.memory;
    expect(await store.count({ product: 'notelett' })).toBe(3);
  });
});
