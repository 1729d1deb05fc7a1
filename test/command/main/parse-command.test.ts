import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../../command/main/parse-command.js';
import { MODE_NAMES, modeOf } from '../../../command/modes/mode-table.js';

function modeAndFlags(line: string, env: Readonly<Record<string, string>> = {}): unknown {
  const parsed = parseCommand(line === '' ? [] : line.split(' '), env);
  return parsed.kind === 'mode' ? [parsed.mode, parsed.raw] : parsed.kind;
}

function messageOf(line: string, env?: Readonly<Record<string, string>>): string {
  try {
    modeAndFlags(line, env);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
}

const ROTATION = [
  'rewrap-deks',
  { product: 'notelett', 'old-mek-version': 'A', 'new-mek-version': 'B' },
];

describe('the form of the command line', () => {
  it.each([
    'rewrap-deks --product notelett --old-mek-version A --new-mek-version B',
    '--product notelett --mode rewrap-deks --old-mek-version A --new-mek-version B',
    '--product notelett --mode=rewrap-deks --old-mek-version=A --new-mek-version=B',
    '-- --product notelett --mode rewrap-deks --old-mek-version A --new-mek-version B',
    '-- rewrap-deks --product notelett --old-mek-version A --new-mek-version B',
    '--product notelett rewrap-deks --old-mek-version A --new-mek-version B',
    '--product notelett --old-mek-version A --new-mek-version B rewrap-deks',
  ])('takes %s', (line) => {
    expect(modeAndFlags(line)).toEqual(ROTATION);
  });

  it('takes the mode from its variable', () => {
    expect(modeAndFlags('--product p', { ENCRYPT_MIGRATE_MODE: 'status' })).toEqual([
      'status',
      { product: 'p' },
    ]);
    expect(modeAndFlags('doctor', { ENCRYPT_MIGRATE_MODE: 'status' })).toEqual(['doctor', {}]);
  });

  it('takes modes of two words in each form', () => {
    const expected = ['key fingerprint', { variable: 'KEY' }];
    expect(modeAndFlags('key fingerprint --variable KEY')).toEqual(expected);
    expect(modeAndFlags('--mode key:fingerprint --variable KEY')).toEqual(expected);
    expect(parseCommand(['--mode', 'key fingerprint', '--variable', 'KEY'], {})).toMatchObject({
      mode: 'key fingerprint',
    });
  });

  it('takes switches, lists and --no-color', () => {
    const line = 'encrypt --collection notes --collection tags --dry-run --no-color --json --yes';
    expect(modeAndFlags(line)).toEqual([
      'encrypt',
      {
        collection: ['notes', 'tags'],
        'dry-run': true,
        'no-color': true,
        json: true,
        yes: true,
      },
    ]);
  });

  it('does not take the value of a flag for a mode', () => {
    expect(modeAndFlags('--product doctor status')).toEqual(['status', { product: 'doctor' }]);
    expect(modeAndFlags('status --config --product')).toEqual(['status', { config: '--product' }]);
  });
});

describe('a mistake in the command line', () => {
  it.each([
    ['rewrap-dek', "unknown command 'rewrap-dek': did you mean rewrap-deks?"],
    ['--mode rewrap-dek', "unknown command 'rewrap-dek': did you mean rewrap-deks?"],
    ['nonsense', "unknown command 'nonsense'"],
    ['status --prodct p', "unknown option '--prodct': did you mean --product?"],
    ['status --new-mek-version A', "unknown option '--new-mek-version'"],
    ['status --product', "option '--product <name>' argument missing"],
    [
      'status --product a --product b',
      "option '--product <name>' argument 'b' is invalid. It is passed twice: keep one of them.",
    ],
    ['status p', "too many arguments for 'status'. Expected 0 arguments but got 1."],
    ['status --mode', '--mode: expected the name of a mode'],
    ['--mode= status', '--mode: expected the name of a mode'],
    ['--mode status --mode doctor', '--mode is passed twice: keep one of them'],
    ['status --mode doctor', '--mode doctor and the name of a mode are both passed: keep one'],
    ['key old', "unknown command 'old'"],
    ['key fingerprint --key', "unknown option '--key'"],
  ])('%s is refused', (line, message) => {
    expect(messageOf(line)).toBe(message);
  });
});

describe('help', () => {
  it('has one example for each mode, which the parser takes', () => {
    const parsed = parseCommand(['--help'], {});
    const text = parsed.kind === 'help' ? parsed.text : '';
    for (const name of MODE_NAMES) {
      const { example, summary } = modeOf(name);
      expect(text).toContain(`  encrypt-migrate ${example}\n`);
      expect(text.replaceAll(/\s+/g, ' ')).toContain(
        name.includes(' ') ? name.split(' ')[0] : summary,
      );
      expect(parseCommand(example.split(' '), {})).toMatchObject({ kind: 'mode', mode: name });
    }
  });

  it.each(MODE_NAMES)('of %s names its flags, an example and the exit codes', (name) => {
    const parsed = parseCommand([...name.split(' '), '--help'], {});
    const text = parsed.kind === 'help' ? parsed.text : '';
    const { example, flags } = modeOf(name);
    for (const flag of flags) expect(text).toContain(`--${flag}`);
    expect(text).toContain(`encrypt-migrate ${example}`);
    expect(text).toContain('130  interrupted; the command that resumes was printed');
  });

  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(parseCommand(['--version'], {})).toEqual({ kind: 'help', text: `${version}\n` });
  });

  it('is the answer to an empty command line, and to a group of modes', () => {
    expect(parseCommand([], {})).toMatchObject({ kind: 'help' });
    const parsed = parseCommand(['key'], {});
    expect(parsed.kind === 'help' && parsed.text).toContain('fingerprint');
  });
});
