import { createPublicKey, publicEncrypt, randomBytes, constants } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DekRow, LiveDekRow, PreviousWrap, RecoveryWrap } from '../../src/adapters.js';
import { contentsOf, encryptAny, KEY, setup, type Setup } from '../support/encryptor.js';
import { recover } from '../support/recovery.js';
import { OTHER_PAIR, PAIR, type RecoveryPair } from '../support/recovery-pairs.js';
import { rows } from '../support/rotations.js';
import {
  commitmentTo,
  openWrap,
  providerOf,
  targetAt,
  type MekName,
} from '../support/rotation/meks.js';
import { partOfRuns } from '../support/rotation/runs.js';
import { activeRow, tombstone } from '../support/rows.js';
import { someOf } from '../support/lane.js';

// MEK `a` is lost, `c` is still there, and `b` is the target.
const RECOVERY = ['ours', 'none', 'other key', 'broken', 'another DEK', 'a short DEK'] as const;
const PRIMARY = ['lost', 'there', 'broken', 'target'] as const;
const PREVIOUS = ['none', 'lost', 'there', 'broken'] as const;
const STATE = ['active', 'retired', 'shredded', 'unreadable'] as const;

interface Description {
  readonly recovery: (typeof RECOVERY)[number];
  readonly primary: (typeof PRIMARY)[number];
  readonly previous: (typeof PREVIOUS)[number];
  readonly state: (typeof STATE)[number];
}

/** A row as it is described, and what is known of it without having read it. */
interface Made {
  readonly row: DekRow;
  readonly dek: string;
  readonly description: Description;
}

const REASONS: Readonly<Partial<Record<Description['recovery'], string>>> = {
  none: 'no-recovery-wrap',
  'other key': 'other-recovery-key',
  broken: 'broken-recovery-wrap',
  'another DEK': 'commitment-mismatch',
  'a short DEK': 'commitment-mismatch',
};

/** By the description alone: why its DEK is lost, or `undefined` where it is not. */
function lossOf({ recovery, primary, previous, state }: Description): string | undefined {
  if (state === 'shredded') return undefined;
  if (state === 'unreadable') return 'unreadable-row';
  if (primary === 'target' || primary === 'there' || previous === 'there') return undefined;
  return REASONS[recovery];
}

function rsaWrap({ publicKey }: RecoveryPair, dek: Uint8Array): string {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const key = { key: createPublicKey(publicKey), padding, oaepHash: 'sha256' };
  return publicEncrypt(key, dek).toString('base64url');
}

function recoveryWrapOf(kind: Description['recovery'], dek: Buffer): RecoveryWrap | undefined {
  if (kind === 'none') return undefined;
  const pair = kind === 'other key' ? OTHER_PAIR : PAIR;
  const inside = kind === 'another DEK' ? randomBytes(32) : dek;
  const sound = rsaWrap(pair, kind === 'a short DEK' ? dek.subarray(0, 31) : inside);
  const wrappedDek = kind === 'broken' ? changed(sound) : sound;
  return { wrappedDek, wrapAlgorithm: 'RSA-OAEP-256', recoveryKeyId: pair.id };
}

/** Another text of the same length, canonical still. */
function changed(wrap: string): string {
  return wrap.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A'));
}

const MEK_OF: Readonly<Record<string, MekName>> = { lost: 'a', there: 'c', target: 'b' };

async function wrapOf(kind: string, dek: Buffer): Promise<PreviousWrap> {
  const name = MEK_OF[kind] ?? 'c';
  const { mekVersion } = targetAt(name);
  const wrap = await providerOf([name]).wrapKey(dek, { mekVersion });
  const wrappedDek = kind === 'broken' ? changed(wrap.wrappedDek) : wrap.wrappedDek;
  return { ...wrap, wrappedDek, epoch: 1 };
}

async function make(description: Description, index: number): Promise<Made> {
  const parts = ['notes', 'ws-1', `row-${String(index)}`];
  const dek = randomBytes(32);
  const described = { dek: dek.toString('hex'), description };
  const { recovery, primary, previous, state } = description;
  if (state === 'shredded') return { ...described, row: tombstone(parts, 1) };
  const keyProvider = providerOf(['a']);
  const { mekVersion } = targetAt('a');
  const base = await activeRow({ parts, generation: 1, dek, keyProvider, mekVersion });
  expect(base.commitment).toBe(commitmentTo(dek, base.id));
  const recoveryWrap = recoveryWrapOf(recovery, dek);
  const row = {
    ...base,
    ...(await wrapOf(primary, dek)),
    ...(previous !== 'none' && { previousWrap: await wrapOf(previous, dek) }),
    ...(recoveryWrap && { recoveryWrap }),
    ...(state === 'retired' && { state, retiredAt: base.createdAt }),
    ...(state === 'unreadable' && { state: 'paused' }),
  };
  return { ...described, row: row as DekRow };
}

const description: fc.Arbitrary<Description> = fc.record({
  recovery: fc.constantFrom(...RECOVERY),
  primary: fc.constantFrom(...PRIMARY),
  previous: fc.constantFrom(...PREVIOUS),
  state: fc.oneof(
    { weight: 4, arbitrary: fc.constant('active' as const) },
    { weight: 2, arbitrary: fc.constantFrom(...STATE) },
  ),
});

/** A store with the rows, and one more that the recovery key opens for certain. */
async function storeOf(made: readonly Made[]): Promise<Setup> {
  const writer = setup({ recoveryKey: PAIR.publicKey });
  await encryptAny(writer.encryptor, { ...KEY, id: 'certain', body: 'text' });
  for (const { row } of made) await writer.memory.create(row);
  return writer;
}

function expectedLosses(made: readonly Made[]): readonly (readonly [string, string])[] {
  return made.flatMap(({ row, description: each }) => {
    const reason = lossOf(each);
    return reason === undefined ? [] : [[row.id, reason] as const];
  });
}

async function runAndCompare(made: readonly Made[], dryRun: boolean): Promise<void> {
  const store = await storeOf(made);
  const before = new Map((await rows(store)).map((row) => [row.id, row]));
  const operator = setup({ beside: store, keyProviders: [providerOf(['b', 'c'])] });
  const contents = await contentsOf(store.memory);
  const { events, summary } = await recover(operator, { dryRun });

  const last = events.findLastIndex(({ type }) => type === 'pass');
  const reported = events.slice(last).flatMap((event) => {
    if (event.type !== 'failed') return [];
    expect(event.loss, 'everything that fails here is lost').toBeDefined();
    expect(event.loss?.scope).toEqual(before.get(event.dekId)?.scope);
    return [[event.dekId, event.loss?.reason] as const];
  });
  const expected = expectedLosses(made);
  expect(reported.toSorted()).toEqual(expected.toSorted());
  expect(summary).toMatchObject({ lost: expected.length, failed: expected.length });
  for (const [reason, count] of Object.entries(summary.losses)) {
    expect(count).toBe(expected.filter(([, each]) => each === reason).length);
  }
  if (dryRun) {
    expect(await contentsOf(store.memory)).toEqual(contents);
    return;
  }
  expect(summary.complete).toBe(expected.length === 0);
  const after = new Map((await rows(store)).map((row) => [row.id, row]));
  const { mekVersion } = targetAt('b');
  for (const { row, dek, description: each } of made) {
    const now = after.get(row.id);
    if (lossOf(each) !== undefined || each.state === 'shredded') {
      expect(now).toEqual(row);
      continue;
    }
    expect(now).toMatchObject({ mekVersion, epoch: 2 });
    // That one is on the target, so it need not be opened, and is not read.
    if (each.primary !== 'target') expect(openWrap(now as LiveDekRow).toString('hex')).toBe(dek);
  }
}

describe('the report of a recovery', () => {
  it('names exactly the rows that nothing available opens, each with its reason', async () => {
    const some = fc.array(description, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(some, fc.boolean(), async (descriptions, dryRun) => {
        await runAndCompare(await Promise.all(descriptions.map(make)), dryRun);
      }),
      partOfRuns(0.5),
    );
  });

  it('does so for every kind of row there is, all in one store', async () => {
    const all = RECOVERY.flatMap((recovery) =>
      PRIMARY.flatMap((primary) =>
        PREVIOUS.flatMap((previous) =>
          STATE.map((state) => ({ recovery, primary, previous, state })),
        ),
      ),
    );
    const made = await Promise.all(all.map(make));
    const losses = expectedLosses(made);
    expect(losses.length).toBeGreaterThan(50);
    expect(new Set(losses.map(([, reason]) => reason)).size).toBe(5);
    for (const dryRun of someOf([false, true])) await runAndCompare(made, dryRun);
  });
});
