import { describe, expect, it } from 'vitest';
import { EnvKeyProvider, rewrapAllDeks } from '../../src/index.js';
import { contentsOf, OTHER_MEK_HEX, setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { start, targetOf, withKeys, writeNotes } from '../support/rotations.js';

async function operatorOf(): Promise<ReturnType<typeof setup>> {
  const before = setup();
  await writeNotes(before, 1);
  return withKeys(before, ['b', 'a']);
}

const UNEXPECTED: readonly (readonly [options: unknown, name: string, message: string])[] = [
  [undefined, 'TypeError', '"options" expected a plain object, got undefined'],
  [null, 'TypeError', '"options" expected a plain object, got null'],
  [{}, 'TypeError', '"target" expected a plain object, got undefined'],
  [{ target: 'env-1' }, 'TypeError', '"target" expected a plain object, got a string'],
  [{ target: {} }, 'TypeError', '"target.mekVersion" expected a non-empty string, got undefined'],
  [
    { target: { mekVersion: '' } },
    'TypeError',
    '"target.mekVersion" expected a non-empty string, got an empty one',
  ],
  [
    { target: { mekVersion: 'https://evil.example/keys/x' } },
    'RangeError',
    '"target.mekVersion" expected 1 to 128 letters, digits, ".", "_" or "-", got another text',
  ],
  [{ concurrency: 0 }, 'RangeError', '"concurrency" expected an integer from 1 to 1000, got 0'],
  [{ concurrency: 1.5 }, 'RangeError', '"concurrency" expected an integer from 1 to 1000, got 1.5'],
  [{ concurrency: NaN }, 'RangeError', '"concurrency" expected an integer from 1 to 1000, got NaN'],
  [
    { concurrency: 1e9 },
    'RangeError',
    '"concurrency" expected an integer from 1 to 1000, got 1000000000',
  ],
  [
    { concurrency: '8' },
    'TypeError',
    '"concurrency" expected an integer from 1 to 1000, got a string',
  ],
  [
    { verify: 'some' },
    'TypeError',
    '"verify" expected one of "all", "first", "none", got a string',
  ],
  [
    { verify: false },
    'TypeError',
    '"verify" expected one of "all", "first", "none", got a boolean',
  ],
  [{ dryRun: 'false' }, 'TypeError', '"dryRun" expected a boolean, got a string'],
  [{ takeOver: 1 }, 'TypeError', '"takeOver" expected a boolean, got a number'],
  [
    { dryrun: true },
    'RangeError',
    '"dryrun" is no option: expected target, verify, takeOver, shard, allowUnknown, sourceVersion, withoutOpening, concurrency, dryRun, maxFailures, allowEmpty, maxVaultOpsPerSecond, reserveForTraffic, signal; did you mean "dryRun"?',
  ],
  ...[0, -1, NaN, Infinity, 1_000_001].map(
    (maxVaultOpsPerSecond) =>
      [
        { maxVaultOpsPerSecond },
        'RangeError',
        `"maxVaultOpsPerSecond" expected a number above 0 and up to 1000000, got ${String(maxVaultOpsPerSecond)}`,
      ] as const,
  ),
  [
    { maxVaultOpsPerSecond: '50' },
    'TypeError',
    '"maxVaultOpsPerSecond" expected a number above 0 and up to 1000000, got a string',
  ],
  ...[1, -0.1, NaN].map(
    (reserveForTraffic) =>
      [
        { maxVaultOpsPerSecond: 50, reserveForTraffic },
        'RangeError',
        `"reserveForTraffic" expected a number from 0 to below 1, got ${String(reserveForTraffic)}`,
      ] as const,
  ),
  [
    { maxVaultOpsPerSecond: 50, reserveForTraffic: null },
    'TypeError',
    '"reserveForTraffic" expected a number from 0 to below 1, got null',
  ],
  [
    { reserveForTraffic: 0.2 },
    'RangeError',
    '"reserveForTraffic" is a share of "maxVaultOpsPerSecond": pass that as well',
  ],
  [{ shard: null }, 'TypeError', '"shard" expected a plain object, got null'],
  [{ shard: '1/8' }, 'TypeError', '"shard" expected a plain object, got a string'],
  [{ shard: {} }, 'TypeError', '"shard.count" expected an integer from 1 to 256, got undefined'],
  [
    { shard: { index: 0, count: 0 } },
    'RangeError',
    '"shard.count" expected an integer from 1 to 256, got 0',
  ],
  [
    { shard: { index: 0, count: 257 } },
    'RangeError',
    '"shard.count" expected an integer from 1 to 256, got 257',
  ],
  [
    { shard: { count: 8 } },
    'TypeError',
    '"shard.index" expected an integer from 0 to 7, got undefined',
  ],
  [
    { shard: { index: 8, count: 8 } },
    'RangeError',
    '"shard.index" expected an integer from 0 to 7, got 8',
  ],
  [
    { shard: { index: -1, count: 8 } },
    'RangeError',
    '"shard.index" expected an integer from 0 to 7, got -1',
  ],
  [
    { shard: { index: 0.5, count: 2 } },
    'RangeError',
    '"shard.index" expected an integer from 0 to 1, got 0.5',
  ],
  [
    { shard: { index: '0', count: 2 } },
    'TypeError',
    '"shard.index" expected an integer from 0 to 1, got a string',
  ],
  [{ shard: { index: 0, of: 8 } }, 'RangeError', '"shard.of" is no option: expected index, count'],
  [{ signal: 3 }, 'TypeError', '"signal" expected an AbortSignal, got a number'],
  [
    { target: { mekVersion: 'env-1', keyProvider: 5 } },
    'TypeError',
    '"target.keyProvider" expected a non-empty string, got a number',
  ],
  [
    { target: { mekVersion: 'env-1', mekName: '' } },
    'TypeError',
    '"target.mekName" expected a non-empty string, got an empty one',
  ],
  [{ sourceVersion: 7 }, 'TypeError', '"sourceVersion" expected a non-empty string, got a number'],
  [
    { sourceVersion: 'a b' },
    'RangeError',
    '"sourceVersion" expected 1 to 128 letters, digits, ".", "_" or "-", got another text',
  ],
];

describe('invalid options', () => {
  it.each(UNEXPECTED)('%j: %s', async (options, name, message) => {
    const operator = await operatorOf();
    const contents = await contentsOf(operator.memory);
    const whole =
      typeof options === 'object' &&
      options &&
      !('target' in options) &&
      Object.keys(options).length
        ? { target: await targetOf('b'), ...options }
        : options;
    const rewrapping = rewrapAllDeks(operator.encryptor, whole as never);
    expect(await failure(rewrapping.next())).toEqual({ name, message });
    expect(await contentsOf(operator.memory)).toEqual(contents);
    expect(operator.provider.calls).toEqual({});
    expect(operator.store.calls).toEqual({});
  });

  it('in the parts that stand for an encryptor are refused, too', async () => {
    const { dekStore, keyProvider, memory } = setup();
    const parts = { product: 'notelett', keyProviders: [keyProvider], dekStore };
    const target = await targetOf('a');
    expect(await failure(rewrapAllDeks({ ...parts, fenceTtlMs: 10 }, { target }).next())).toEqual({
      name: 'RangeError',
      message: '"fenceTtlMs" expected an integer from 1000 to 600000, got 10',
    });
    expect(await failure(rewrapAllDeks({ ...parts, product: '' }, { target }).next())).toEqual({
      name: 'TypeError',
      message: '"product" expected a non-empty string, got an empty one',
    });
    expect(await memory.getRotation('notelett')).toBeUndefined();
  });

  it('do not come from a polluted prototype', async () => {
    const operator = await operatorOf();
    Object.assign(Object.prototype, { dryRun: true });
    try {
      const rewrapping = await start(operator);
      expect((await rewrapping.next()).value).toMatchObject({ type: 'begun' });
    } finally {
      Reflect.deleteProperty(Object.prototype, 'dryRun');
    }
  });
});

describe('the target', () => {
  const twoProviders = async () => {
    const before = setup();
    await writeNotes(before, 1);
    const [env] = before.encryptor.keyProviders;
    const other = new EnvKeyProvider({ key: OTHER_MEK_HEX, id: 'other' });
    return setup({ beside: before, keyProviders: [env as never, other] });
  };

  it('is never guessed among several providers', async () => {
    const { encryptor } = await twoProviders();
    expect(await failure(rewrapAllDeks(encryptor, { target: await targetOf('b') }).next())).toEqual(
      {
        name: 'RangeError',
        message: '"target" may belong to several key providers; name one of: env/env, other/env',
      },
    );
  });

  it('may be of another provider: a move is a rewrap', async () => {
    const made = await twoProviders();
    const target = { keyProvider: 'other', ...(await targetOf('b')) };
    const rewrapping = rewrapAllDeks(made.encryptor, { target });
    expect((await rewrapping.next()).value).toMatchObject({
      type: 'begun',
      target: { keyProvider: 'other', mekName: 'env', mekVersion: target.mekVersion },
    });
  });

  it('of a provider that is not configured is refused', async () => {
    const { encryptor } = await operatorOf();
    const target = { keyProvider: 'akv', ...(await targetOf('b')) };
    expect(await failure(rewrapAllDeks(encryptor, { target }).next())).toEqual({
      name: 'FieldEncryptionError',
      code: 'KEY_PROVIDER_NOT_CONFIGURED',
      message: 'No configured key provider has the id "akv": add it to "keyProviders"',
    });
    const byName = { mekName: 'mek', ...(await targetOf('b')) };
    expect(await failure(rewrapAllDeks(encryptor, { target: byName }).next())).toMatchObject({
      message:
        'No configured key provider has the id "env" and the MEK "mek": add it to "keyProviders"',
    });
    const nobody = rewrapAllDeks(
      { product: 'p', keyProviders: [], dekStore: setup().dekStore },
      { target: await targetOf('b') },
    );
    expect(await failure(nobody.next())).toMatchObject({
      message: 'No key provider is configured: pass one in "keyProviders"',
    });
  });
});
