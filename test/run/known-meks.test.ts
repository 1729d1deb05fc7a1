import { describe, expect, it } from 'vitest';
import { contentsOf, MEK_VERSION, setup, type Setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { rotated, withoutPreviousWrap } from '../support/previous-wraps.js';
import { prune } from '../support/pruning.js';
import { ask, left, reasonsOf } from '../support/retiring.js';
import {
  alterRecord,
  alterRow,
  rewrap,
  rollBack,
  rows,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const LONGER = `${MEK_VERSION}0`;
const ENV = { keyProvider: 'env', mekName: 'env' };

function unknown(option: string, name: string, hint: string): object {
  return {
    name: 'RangeError',
    message: `"${option}" names ${name}, which no DEK row and no entry of the rotation record of the product "notelett" has: ${hint} pass "allowUnknown: true" for a version that left no trace`,
  };
}

async function expectRefused(made: Setup, call: Promise<unknown>, refusal: object): Promise<void> {
  const contents = await contentsOf(made.memory);
  const startMs = made.clock.monotonicMs();
  expect(await failure(call)).toEqual(refusal);
  expect(await contentsOf(made.memory)).toEqual(contents);
  // At once, and not after a fence.
  expect(made.clock.monotonicMs() - startMs).toBeLessThanOrEqual(1);
}

describe('a version with a digit too many', () => {
  const hint = `did you mean env/env/${MEK_VERSION}?`;
  const refusal = unknown('mek', `env/env/${LONGER}`, hint);

  it('is refused by assertRetirable', async () => {
    const [made, operator] = await left();
    await expectRefused(made, ask(operator, { mek: { mekVersion: LONGER } }), refusal);
  });

  it.each([{}, { dryRun: true }])('is refused by prunePreviousWraps: %j', async (options) => {
    const [made, operator] = await rotated(2);
    const pruning = prune(operator, { mek: { mekVersion: LONGER }, ...options });
    await expectRefused(made, pruning, refusal);
  });

  it.each([{}, { dryRun: true }])('is refused as a sourceVersion: %j', async (options) => {
    const before = setup();
    await writeNotes(before, 2);
    const operator = withKeys(before, ['b', 'a']);
    const rewrapping = rewrap(operator, { sourceVersion: LONGER, ...options });
    const refused = unknown('sourceVersion', LONGER, `did you mean ${MEK_VERSION}?`);
    await expectRefused(before, rewrapping, refused);
    expect(operator.provider.calls).toEqual({ currentVersion: 1 });
  });

  it('is named with all others where none is near', async () => {
    const [made, operator] = await left();
    const known = [await versionOf('b'), await versionOf('a')].map((each) => `env/env/${each}`);
    const refused = unknown('mek', 'env/env/v7', `known are ${known.join(', ')};`);
    await expectRefused(made, ask(operator, { mek: { mekVersion: 'v7' } }), refused);
  });

  it('is named with five others at most', async () => {
    const [made, operator] = await left(6);
    for (const [index, { id }] of (await rows(made)).entries()) {
      await alterRow(made, id, { mekVersion: `another-${String(index)}` });
    }
    const error = await failure(ask(operator, { mek: { mekVersion: 'v7' } }));
    expect(error.message).toContain(', env/env/another-2 and more; pass');
  });

  it('may be named anyway, of a product that forgot it', async () => {
    const [, operator] = await left();
    const mek = { mekVersion: LONGER };
    expect(await ask(operator, { mek, allowUnknown: true })).toMatchObject({ mek });
    const [, other] = await rotated(2);
    expect((await prune(other, { mek, allowUnknown: true })).summary).toMatchObject({ skipped: 2 });
  });
});

describe('a version is known', () => {
  it('by a row alone, or by a previous wrap alone', async () => {
    for (const named of [{ mekVersion: 'v7' }, {}]) {
      const [made, operator] = await rotated(2);
      await alterRecord(made, { history: [] });
      const [row] = await rows(made);
      if ('mekVersion' in named) await alterRow(made, row?.id ?? '', named);
      const mek = { ...ENV, mekVersion: MEK_VERSION, ...named };
      const [reason] = await reasonsOf(operator, { mek });
      expect(reason?.type).toBe('mekVersion' in named ? 'rows' : 'previous-wraps');
      await expect(prune(operator, { mek })).resolves.toBeDefined();
    }
  });

  it('by the history alone', async () => {
    const [, operator] = await left();
    const mek = { mekVersion: MEK_VERSION };
    expect(await ask(operator)).toMatchObject({ mek });
    expect((await prune(operator, { mek })).summary).toMatchObject({ complete: true });
    const { summary } = await rewrap(operator, { sourceVersion: MEK_VERSION });
    expect(summary).toMatchObject({ complete: true });
  });

  it('though rows name more than 256 others', async () => {
    const made = setup();
    await writeNotes(made, 300);
    for (const [index, { id }] of (await rows(made)).entries()) {
      await alterRow(made, id, { mekVersion: `v${String(1_000 + index)}` });
    }
    const mek = { mekVersion: 'v1299' };
    expect(await reasonsOf(made, { mek })).toContainEqual(
      expect.objectContaining({ type: 'rows', rows: 1 }),
    );
    expect((await prune(made, { mek })).summary).toMatchObject({ failed: 0 });
  });

  it('is of no concern to a product without rows', async () => {
    const options = { allowEmpty: true, mek: { mekVersion: LONGER } };
    expect((await prune(setup(), options)).summary).toMatchObject({ complete: true, scanned: 0 });
  });
});

describe('a rollback', () => {
  it('names the version that was meant, and goes there where that is allowed', async () => {
    const [made] = await rotated(2);
    for (const { id } of await rows(made)) await withoutPreviousWrap(made, id);
    const near = `${await versionOf('c')}0`;
    await alterRecord(made, { history: [] });
    const [row] = await rows(made);
    await alterRow(made, row?.id ?? '', { mekVersion: near });
    const operator = withKeys(made, ['c', 'b', 'a']);
    const target = `env/env/${await versionOf('c')}`;
    await expectRefused(made, rollBack(operator, 'c'), {
      name: 'RangeError',
      message: `The product "notelett" was never on ${target}: no row is under it, and the rotation record does not name it; did you mean ${target}0? pass "allowUnknown: true", or rotate to it with rewrapAllDeks`,
    });
    const { summary } = await rollBack(operator, 'c', { allowUnknown: true });
    expect(summary).toMatchObject({ changed: 1, failed: 1 });
  });
});

describe('a key that another provider may have too', () => {
  it('is a reason of its own: rows are under it there', async () => {
    const [, operator] = await rotated(2);
    const mek = { ...ENV, keyProvider: 'akv', mekVersion: await versionOf('b') };
    const reasons = await reasonsOf(operator, { mek });
    const dekIds = (await rows(operator)).map(({ id }) => id);
    expect(reasons).toEqual([
      {
        type: 'other-provider',
        ...{ rows: 2, dekIds },
        message: `rows under the same version of another key provider, which may be the same key: 2 (${dekIds.join(', ')}); ask for it under the name of that provider too, and disable neither before both may be`,
      },
    ]);
  });

  it('is one for previous wraps, and for new DEKs alone', async () => {
    const [, operator] = await rotated(1);
    const before = { ...ENV, keyProvider: 'akv', mekVersion: MEK_VERSION };
    expect(await reasonsOf(operator, { mek: before })).toMatchObject([
      { type: 'other-provider', rows: 1 },
    ]);
    const made = setup();
    await (await start(made, { allowEmpty: true })).next();
    const mek = { ...ENV, keyProvider: 'akv', mekVersion: MEK_VERSION };
    expect(await reasonsOf(made, { mek })).toEqual([
      {
        ...{ type: 'other-provider', rows: 0, dekIds: [] },
        message:
          'new DEKs are wrapped with the same version of the key provider "env", which may be the same key; rotate to another version',
      },
    ]);
  });
});

describe('allowUnknown', () => {
  it('is a boolean', async () => {
    const [, operator] = await rotated(1);
    const options = { allowUnknown: 1 as never };
    const refusal = {
      name: 'TypeError',
      message: '"allowUnknown" expected a boolean, got a number',
    };
    for (const call of [ask, prune, rewrap]) {
      expect(await failure(call(operator, options))).toEqual(refusal);
    }
    expect(await failure(rollBack(operator, 'a', options))).toEqual(refusal);
  });
});
