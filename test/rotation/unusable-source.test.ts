import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../src/adapters.js';
import type { FieldEncryptionError } from '../../src/index.js';
import { KeyProviderError } from '../../src/index.js';
import { contentsOf, KEY, MEK_VERSION, note, setup, type Setup } from '../support/encryptor.js';
import { failure, rejection } from '../support/failure.js';
import {
  alterRow,
  envKeys,
  ofType,
  record,
  rewrap,
  rows,
  start,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const BROKEN = 'A'.repeat(54);

async function written(count: number): Promise<Setup> {
  const before = setup();
  await writeNotes(before, count);
  return before;
}

function refusal(lines: readonly string[]): object {
  const list = lines.map((line) => `\n- ${line}`).join('');
  return {
    name: 'FieldEncryptionError',
    code: 'MEK_UNUSABLE',
    message: `The rotation of the product "notelett" did not begin, because no DEK row opens under:${list}\nA version that is lost for good has to be named in "withoutOpening"`,
  };
}

const FORGOTTEN =
  'add its key to FIELD_ENCRYPT_PREVIOUS_KEYS, which is "previousKeys" of EnvKeyProvider';

async function expectRefused(
  made: Setup,
  options: Parameters<typeof rewrap>[1],
  ...lines: readonly string[]
): Promise<void> {
  const contents = await contentsOf(made.memory);
  expect(await failure(rewrap(made, options))).toEqual(refusal(lines));
  expect(await contentsOf(made.memory)).toEqual(contents);
}

describe('before a rotation begins', () => {
  it.each([{}, { dryRun: true }, { shard: { index: 1, count: 2 } }, { verify: 'none' as const }])(
    'each version to leave has to open, or nothing is written: %j',
    async (options) => {
      const operator = withKeys(await written(3), ['b']);
      const line = `env/env/${MEK_VERSION} (rows: 3, MEK_VERSION_UNKNOWN): ${FORGOTTEN}`;
      await expectRefused(operator, options, line);
      expect(operator.store.calls).not.toHaveProperty('replaceRotation');
    },
  );

  it('every version that does not open is named, with what cures it', async () => {
    const before = await written(5);
    const [one, two, three] = await rows(before);
    await alterRow(before, one?.id ?? '', { keyProvider: 'akv', mekName: 'notes' });
    await alterRow(before, two?.id ?? '', { mekVersion: 'env-0' });
    await alterRow(before, three?.id ?? '', { mekVersion: await versionOf('c') });
    const operator = withKeys(before, ['b', 'a', 'c']);
    await expectRefused(
      operator,
      {},
      `akv/notes/${MEK_VERSION} (rows: 1, KEY_PROVIDER_NOT_CONFIGURED): add its provider to "keyProviders"`,
      `env/env/env-0 (rows: 1, MEK_VERSION_UNKNOWN): ${FORGOTTEN}`,
      `env/env/${await versionOf('c')} (rows: 1, TAMPERED): its key is not the one that wrapped them, or they were altered: configure that key, or restore them`,
    );
  });

  it.each([
    ['MEK_DISABLED', 'enable the version'],
    ['KEY_PROVIDER_DENIED', 'allow this process to unwrap with it'],
    ['KEY_PROVIDER_FAILED', 'see "cause"'],
  ] as const)('a provider that fails with %s is the reason', async (code, remedy) => {
    const operator = withKeys(await written(3), ['b', 'a']);
    const cause = new KeyProviderError(code, 'As it said');
    operator.provider.before = (method, [wrap]) => {
      if (method === 'unwrapKey' && (wrap as LiveDekRow).mekVersion === MEK_VERSION) throw cause;
    };
    await expectRefused(operator, {}, `env/env/${MEK_VERSION} (rows: 3, ${code}): ${remedy}`);
    expect(await rejection(rewrap(operator))).toMatchObject({ cause });
    expect(operator.provider.calls['unwrapKey']).toBe(2 * (1 + 1));
  });

  it('a version in a key service is recovered there', async () => {
    const before = await written(1);
    const { id, mekName, wrapAlgorithm } = envKeys('b');
    const [env, current] = [envKeys('b'), await versionOf('b')];
    const service = {
      ...{ id, mekName, wrapAlgorithm },
      currentVersion: () => Promise.resolve(current),
      wrapKey: env.wrapKey.bind(env),
      unwrapKey: env.unwrapKey.bind(env),
    };
    const operator = setup({ beside: before, keyProviders: [service] });
    const remedy = 'recover the version in its key service, or correct the name of the key';
    const line = `env/env/${MEK_VERSION} (rows: 1, MEK_VERSION_UNKNOWN): ${remedy}`;
    await expectRefused(operator, {}, line);
  });

  it('an outage is no reason to give a version up: its error is thrown', async () => {
    const operator = withKeys(await written(2), ['b', 'a']);
    const down = new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'down', { retryable: true });
    operator.provider.before = (method, [wrap]) => {
      if (method === 'unwrapKey' && (wrap as LiveDekRow).mekVersion === MEK_VERSION) throw down;
    };
    expect(await rejection(rewrap(operator))).toBe(down);
    expect((await record(operator)).epoch).toBe(1);
  });

  it('one row that opens is enough, though seven are broken', async () => {
    const before = await written(8);
    for (const { id } of (await rows(before)).slice(0, 7)) {
      await alterRow(before, id, { wrappedDek: BROKEN });
    }
    const operator = withKeys(before, ['b', 'a']);
    expect((await rewrap(operator)).summary).toMatchObject({ changed: 1, failed: 7 });
  });

  it('eight that are broken are enough against it', async () => {
    const before = await written(9);
    for (const { id } of (await rows(before)).slice(0, 8)) {
      await alterRow(before, id, { wrappedDek: BROKEN });
    }
    const operator = withKeys(before, ['b', 'a']);
    expect(await rejection(rewrap(operator))).toMatchObject({ code: 'MEK_UNUSABLE' });
    expect(operator.provider.calls['unwrapKey']).toBe(1 + 8);
  });

  it('a row whose previous wrap opens counts as one that opens', async () => {
    const before = await written(1);
    await rewrap(withKeys(before, ['b', 'a']));
    const [row] = await rows(before);
    await alterRow(before, row?.id ?? '', { wrappedDek: BROKEN });
    const { summary } = await rewrap(withKeys(before, ['c', 'b', 'a']));
    expect(summary).toMatchObject({ complete: true, repaired: 1 });
  });

  it('rows that cannot be read, tombstones and rows on the target are left to the scans', async () => {
    const before = await written(3);
    await rewrap(withKeys(before, ['b', 'a']));
    const [row] = await rows(before);
    await before.encryptor.shred(note, { ...KEY, id: 'note-1' });
    await alterRow(before, row?.id ?? '', { schema: 2, mekVersion: 'env-0' });
    const operator = withKeys(before, ['a', 'b']);
    expect((await rewrap(operator)).summary).toMatchObject({ complete: false, failed: 1 });
  });

  it('versions that "sourceVersion" leaves out need not open', async () => {
    const before = await written(2);
    const operator = withKeys(before, ['b']);
    const options = { sourceVersion: await versionOf('c'), allowUnknown: true };
    const { summary } = await rewrap(operator, options);
    expect(summary).toMatchObject({ complete: false, skipped: 2 });
  });

  it('a lost version that is named is left to fail row by row', async () => {
    const before = await written(2);
    const lost = { mekVersion: MEK_VERSION };
    const result = await rewrap(withKeys(before, ['b']), { withoutOpening: [lost] });
    expect(result.summary).toMatchObject({ complete: false, failed: 2 });
    expect(ofType(result, 'begun')).toMatchObject([{ epoch: 2, joined: false }]);
    const [failed] = ofType(result, 'failed');
    expect(failed?.error).toMatchObject({ code: 'MEK_VERSION_UNKNOWN' });
  });

  it('another version that is named changes nothing, also one of no configured provider', async () => {
    const operator = withKeys(await written(1), ['b']);
    const others = [
      await targetOf('c'),
      { keyProvider: 'akv', mekName: 'env', mekVersion: MEK_VERSION },
    ];
    const line = `env/env/${MEK_VERSION} (rows: 1, MEK_VERSION_UNKNOWN): ${FORGOTTEN}`;
    await expectRefused(operator, { withoutOpening: others }, line);
  });

  it('a rotation that already names the target is only continued', async () => {
    const before = await written(2);
    await (await start(withKeys(before, ['b', 'a']))).next();
    const result = await rewrap(withKeys(before, ['b']));
    expect(result.summary).toMatchObject({ complete: false, failed: 2, epoch: 2 });
  });

  it('an unfinished rotation to another target is refused first', async () => {
    const before = await written(1);
    await (await start(withKeys(before, ['c', 'a']))).next();
    const refused = rewrap(withKeys(before, ['b']));
    expect(await rejection(refused)).toMatchObject({ code: 'ROTATION_UNFINISHED' });
  });

  it('no more than seventeen versions are named: rows may be forged', async () => {
    const before = await written(30);
    for (const [index, { id }] of (await rows(before)).entries()) {
      await alterRow(before, id, { mekVersion: `env-${String(index)}` });
    }
    const operator = withKeys(before, ['b', 'a']);
    const error = (await rejection(rewrap(operator))) as FieldEncryptionError;
    expect(error.message.split('\n- ')).toHaveLength(1 + 17);
    expect(operator.provider.calls['unwrapKey']).toBe(1 + 17);
  });

  it.each([
    [5, 'TypeError', '"withoutOpening" expected an array, got a number'],
    [[5], 'TypeError', '"withoutOpening[0]" expected a plain object, got a number'],
    [
      [{ mekVersion: '' }],
      'TypeError',
      '"withoutOpening[0].mekVersion" expected a non-empty string, got an empty one',
    ],
  ])('invalid versions are refused: %j', async (withoutOpening, name, message) => {
    const operator = withKeys(await written(1), ['b']);
    operator.store.reset();
    const refused = rewrap(operator, { withoutOpening: withoutOpening as never });
    expect(await failure(refused)).toEqual({ name, message });
    expect(operator.store.calls).toEqual({});
  });
});
