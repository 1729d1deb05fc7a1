import { describe, expect, it } from 'vitest';
import { commandText } from '../../../command/command-line/command-text.js';
import { readFlags } from '../../../command/command-line/flag-values.js';
import {
  FLAG_NAMES,
  flagOf,
  type RawFlags,
  variableOf,
} from '../../../command/command-line/flags.js';
import { COMMON_FLAGS, MODE_NAMES, modeOf } from '../../../command/modes/mode-table.js';

type Environment = Readonly<Record<string, string>>;

function read(raw: RawFlags, env: Environment = {}): unknown {
  return readFlags(raw, { known: FLAG_NAMES, required: [], env }).values;
}

function problemsOf(raw: RawFlags, env: Environment = {}): unknown {
  try {
    return read(raw, env);
  } catch (error) {
    return (error as { readonly problems: unknown }).problems;
  }
}

describe('the value of a flag', () => {
  it.each([
    [{ concurrency: '12' }, { concurrency: 12 }],
    [{ 'max-vault-ops': '0.5' }, { 'max-vault-ops': 0.5 }],
    [{ 'reserve-for-traffic': '0' }, { 'reserve-for-traffic': 0 }],
    [{ shard: '3/8' }, { shard: { index: 3, count: 8 } }],
    [{ soak: '24h' }, { soak: 86_400_000 }],
    [
      { 'created-before': '2026-11-28T20:00:00+01:00' },
      { 'created-before': '2026-11-28T19:00:00.000Z' },
    ],
    [
      { 'lost-mek': ['akv/mek/v1'] },
      { 'lost-mek': [{ keyProvider: 'akv', mekName: 'mek', mekVersion: 'v1' }] },
    ],
    [{ 'document-key': ['id=a=b'] }, { 'document-key': [{ name: 'id', value: 'a=b' }] }],
    [{ 'key-provider': 'akv' }, { 'key-provider': { keyProvider: 'akv' } }],
    [
      { 'key-provider': 'akv/notes-mek' },
      { 'key-provider': { keyProvider: 'akv', mekName: 'notes-mek' } },
    ],
    [{ 'dry-run': true }, { 'dry-run': true }],
    [{ collection: ['a', 'b'] }, { collection: ['a', 'b'] }],
  ])('is read: %j', (raw, values) => {
    expect(read(raw)).toEqual(values);
  });

  it.each<[RawFlags, string]>([
    [{ concurrency: '0' }, '--concurrency: expected a whole number from 1 to 1000'],
    [{ concurrency: '8.5' }, '--concurrency: expected a whole number from 1 to 1000'],
    [{ concurrency: '0x8' }, '--concurrency: expected a whole number from 1 to 1000'],
    [{ 'max-vault-ops': '1e3' }, '--max-vault-ops: expected a number from 0.01 to 1000000'],
    [{ 'reserve-for-traffic': '1' }, '--reserve-for-traffic: expected a number from 0 to 0.99'],
    [
      { shard: '4/4' },
      '--shard: expected a part and a count, for example 0/4: the part from 0 on, the count up to 256',
    ],
    [
      { shard: '1/257' },
      '--shard: expected a part and a count, for example 0/4: the part from 0 on, the count up to 256',
    ],
    [{ soak: '1 day' }, '--soak: expected a number and a unit, for example 90m, 24h or 30d'],
    [
      { 'created-before': '2026-11-28T20:00:00' },
      '--created-before: expected a date and time with an offset, for example 2026-11-28T20:00:00+01:00',
    ],
    [
      { 'new-mek-version': 'latest' },
      '--new-mek-version: expected an exact version, and "latest" is none: the key service lists them',
    ],
    [{ 'lost-mek': ['v1'] }, '--lost-mek: expected provider/name/version'],
    ...['akv/', '/name', 'akv/name/version'].map((given): [RawFlags, string] => [
      { 'key-provider': given },
      '--key-provider: expected the id of a provider, or id/name with the name of its MEK',
    ]),
    [{ 'document-key': ['n1'] }, '--document-key: expected name=value'],
    [{ format: 'yaml' }, '--format: expected table, json or jsonl'],
    ...['new-mek-version', 'old-mek-version', 'to-mek-version', 'mek-version'].map(
      (name): [RawFlags, string] => [
        { [name]: '../v 2' },
        `--${name}: expected 1 to 128 letters, digits, ".", "_" or "-"`,
      ],
    ),
    [{ 'verify-wraps': 'some' }, '--verify-wraps: expected all, first or none'],
    [{ stage: 'sealing' }, '--stage: expected opening'],
    [{ product: '' }, '--product: expected a text that is not empty'],
  ])('is refused: %j', (raw, problem) => {
    expect(problemsOf(raw)).toEqual([problem]);
  });

  it('comes from its variable where the flag is not passed', () => {
    const env = {
      ENCRYPT_MIGRATE_PRODUCT: 'notelett',
      ENCRYPT_MIGRATE_CONCURRENCY: '4',
      ENCRYPT_MIGRATE_DRY_RUN: 'true',
      ENCRYPT_MIGRATE_TAKE_OVER: 'false',
      ENCRYPT_MIGRATE_COLLECTION: 'a,b',
    };
    expect(read({ concurrency: '2' }, env)).toEqual({
      product: 'notelett',
      concurrency: 2,
      'dry-run': true,
      collection: ['a', 'b'],
    });
  });

  it.each<[Environment, string]>([
    [
      { ENCRYPT_MIGRATE_CONCURRENCY: 'x' },
      'The variable ENCRYPT_MIGRATE_CONCURRENCY: expected a whole number from 1 to 1000',
    ],
    [
      { ENCRYPT_MIGRATE_PRODUCT: '' },
      'The variable ENCRYPT_MIGRATE_PRODUCT is set but empty: set a value or unset it',
    ],
    [
      { ENCRYPT_MIGRATE_DRY_RUN: 'yes' },
      'The variable ENCRYPT_MIGRATE_DRY_RUN: expected true or false',
    ],
    [
      { ENCRYPT_MIGRATE_DRYRUN: 'true' },
      'The variable ENCRYPT_MIGRATE_DRYRUN does not exist: did you mean ENCRYPT_MIGRATE_DRY_RUN?',
    ],
    [
      { ENCRYPT_MIGRATE_YES: 'true' },
      'The variable ENCRYPT_MIGRATE_YES does not exist: --yes has to be in the command line',
    ],
  ])('is refused from a variable: %j', (env, problem) => {
    expect(problemsOf({}, env)).toEqual([problem]);
  });

  it('is reported with every other problem', () => {
    const known = ['concurrency', 'shard', 'product'] as const;
    expect(() =>
      readFlags({ concurrency: 'x', shard: '1' }, { known, required: ['product'], env: {} }),
    ).toThrow(
      '- --concurrency: expected a whole number from 1 to 1000\n' +
        '- --shard: expected a part and a count, for example 0/4: the part from 0 on, the count up to 256\n' +
        '- --product is missing: the product; needed where the configuration has several',
    );
  });

  it('of another mode is ignored as a variable', () => {
    const env = { ENCRYPT_MIGRATE_SHARD: 'nonsense' };
    expect(readFlags({}, { known: ['product'], required: [], env }).values).toEqual({});
  });
});

describe('flags', () => {
  it('have a variable each, except --yes', () => {
    const without = FLAG_NAMES.filter((name) => variableOf(name) === undefined);
    expect(without).toEqual(['yes']);
  });

  it('all belong to a mode', () => {
    const used = new Set(MODE_NAMES.flatMap((name) => [...modeOf(name).flags]));
    const unused = FLAG_NAMES.filter((name) => !used.has(name) && !COMMON_FLAGS.includes(name));
    expect(unused).toEqual(['mode']);
    expect(flagOf('mode').argument).toBe('mode');
  });
});

describe('the text of a command', () => {
  it('is what a shell takes', () => {
    const raw = {
      product: "o'brien & sons",
      'new-mek-version': 'v-1',
      'dry-run': true,
      collection: ['a', 'b c'],
      json: true,
      report: 'r.json',
    };
    expect(commandText('rewrap-deks', raw)).toBe(
      String.raw`encrypt-migrate rewrap-deks --product 'o'\''brien & sons' --dry-run --new-mek-version v-1 --collection a --collection 'b c'`,
    );
  });
});
