import { generateKeyPairSync } from 'node:crypto';
import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { afterEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/preflight.js';
import { reportIn } from '../../support/command-report.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { CommandWorld, type StartOptions, type WorldOptions } from '../../support/command-world.js';

let world: CommandWorld;

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function made(options: WorldOptions = {}): Promise<void> {
  world = await CommandWorld.make({ notes: 3, ...options });
}

async function preflight(args: readonly string[] = [], options?: StartOptions) {
  const version = args.includes('--new-mek-version')
    ? []
    : ['--new-mek-version', world.versions.new];
  const outcome = await world.run(['preflight', '--json', ...version, ...args], options);
  const report = reportIn(outcome, resultSchema);
  const lines = report.findings.map(({ level, check }) => `${level} ${check}`);
  const of = (check: string) => report.findings.filter((each) => each.check === check);
  return { ...outcome, report, lines, of, result: report.result };
}

describe('preflight', () => {
  it('has a line for each item, the estimate, and the command that rotates', async () => {
    await made();
    const { code, lines, report, result } = await preflight();
    expect(lines).toEqual([
      'unseen enabled',
      'ok provider',
      'ok old-version',
      'ok new-version',
      'ok versions',
      'ok version-dates',
      'ok version-dates',
      'ok rotation',
      'ok leases',
      'ok container',
      'unseen backups',
      'ok definitions',
      'warn recovery-key',
      'warn record-authentication',
      'ok census',
      'ok plaintext',
      'ok estimate',
      'unseen other-processes',
    ]);
    expect(code).toBe(0);
    const { old, new: target } = world.versions;
    expect(result).toMatchObject({
      old: { mekVersion: old },
      new: { mekVersion: target },
      cover: { rows: 3, withRecoveryWrap: 0, authenticated: 0 },
      estimate: { rows: 3, vaultOps: 0, failed: 0 },
    });
    expect(report.next).toEqual([
      {
        why: 'To rotate',
        command: `encrypt-migrate rewrap-deks --key-provider env --new-mek-version ${target}`,
      },
    ]);
  });

  it('says what to do in every line that is not ok', async () => {
    await made({ plainNotes: 1 });
    const { report } = await preflight();
    for (const { level, action, command } of report.findings) {
      expect(level === 'ok' || action !== undefined || command !== undefined).toBe(true);
    }
  });

  it.each([
    ['true', 'ok', 0],
    ['false', 'fail', 3],
    ['yes', 'unseen', 0],
  ])('reads FIELD_ENCRYPT_ENABLED=%s as %s', async (value, level, exitCode) => {
    await made();
    const { code, of } = await preflight([], { env: { FIELD_ENCRYPT_ENABLED: value } });
    expect(of('enabled')).toMatchObject([{ level }]);
    expect(code).toBe(exitCode);
  });

  it('says no where the new version is the present one', async () => {
    await made();
    const { code, of, report } = await preflight(['--new-mek-version', world.versions.old]);
    expect(code).toBe(3);
    expect(of('versions')).toMatchObject([{ level: 'fail' }]);
    expect(report.next).toEqual([]);
  });

  it('says no where a version does not wrap and unwrap', async () => {
    await made();
    const { code, of } = await preflight(['--new-mek-version', 'env-0123456789abcdef']);
    expect(code).toBe(3);
    expect(of('new-version')).toMatchObject([{ level: 'fail' }]);
    expect(of('estimate')).toMatchObject([{ level: 'fail' }]);
    expect(of('old-version')).toMatchObject([{ level: 'ok' }]);
    const second = await preflight([], { env: { NOTES_PREVIOUS_KEYS: undefined } });
    expect(second.code).toBe(3);
    expect(second.of('old-version')).toMatchObject([{ level: 'fail' }]);
    expect(second.of('estimate')[0]?.message).toContain('MEK_UNUSABLE');
  });

  it('goes on where a provider cannot be opened', async () => {
    await made();
    const { code, of, lines } = await preflight([], { env: { NOTES_KEY: undefined } });
    expect(code).toBe(3);
    expect(of('provider')).toMatchObject([
      {
        level: 'fail',
        message: 'products.notelett.providers[0].key: the variable NOTES_KEY is not set',
      },
    ]);
    expect(lines).toContain('ok census');
    expect(lines).not.toContain('ok estimate');
  });

  it('does not guess between providers', async () => {
    await made({
      config: ({ products: { notelett } }) => {
        const [first] = notelett.providers;
        const providers = [first, { ...first, id: 'other' }];
        return { products: { notelett: { ...notelett, providers } } };
      },
    });
    const { code, of } = await preflight();
    expect(code).toBe(3);
    expect(of('new-version')).toMatchObject([
      { level: 'fail', action: 'Pass --key-provider with one of: env, other/env.' },
    ]);
    const { result } = await preflight(['--key-provider', 'other']);
    expect(result).toMatchObject({ new: { keyProvider: 'other' } });
    const whole = await preflight(['--key-provider', 'other/env', '--json']);
    expect(whole.result).toMatchObject({ new: { keyProvider: 'other', mekName: 'env' } });
    const name = await preflight(['--key-provider', 'other/third']);
    expect(name.of('new-version')).toMatchObject([
      { level: 'fail', message: 'No provider of the configuration is other/third' },
    ]);
    const unknown = await preflight(['--key-provider', 'third']);
    expect(unknown.of('new-version')).toMatchObject([
      { level: 'fail', message: 'No provider of the configuration is third' },
    ]);
  });

  it('says no while a rotation to another version is unfinished, and warns of one to the same', async () => {
    await made();
    await begin();
    const other = await preflight(['--new-mek-version', world.versions.old]);
    expect(other.code).toBe(3);
    expect(other.of('rotation')).toMatchObject([
      {
        level: 'fail',
        command: `encrypt-migrate rewrap-deks --key-provider env --new-mek-version ${world.versions.new}`,
      },
    ]);
    const same = await preflight();
    expect(same.code).toBe(0);
    expect(same.of('rotation')).toMatchObject([{ level: 'warn' }]);
    expect(same.of('versions')).toMatchObject([{ level: 'warn' }]);
  });

  it('counts rows with a recovery wrap, and rows with a mac', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    await made({
      config: ({ products: { notelett } }) => ({
        products: {
          notelett: {
            ...notelett,
            recoveryKey: { env: 'RECOVERY' },
            recordKey: { env: 'RECORD_KEY' },
            insecureAcceptUnauthenticatedRecords: true,
          },
        },
      }),
    });
    const env = { RECOVERY: pem, RECORD_KEY: world.keys.old.split('').reverse().join('') };
    const { code, of, result } = await preflight([], { env });
    expect(code).toBe(0);
    expect(of('recovery-key')).toMatchObject([
      {
        level: 'warn',
        message: '0 of 3 rows with a wrap for the recovery key',
        command: 'encrypt-migrate add-recovery-wraps',
      },
    ]);
    expect(of('record-authentication')).toMatchObject([
      {
        level: 'warn',
        message: '0 of 3 rows with a mac of the record key',
        command: 'encrypt-migrate reseal',
      },
    ]);
    for (const mode of ['add-recovery-wraps', 'reseal']) {
      expect(await world.run([mode, '--yes'], { env })).toMatchObject({ code: 0 });
    }
    expect((await preflight([], { env })).lines).toEqual(
      expect.arrayContaining(['ok recovery-key', 'ok record-authentication']),
    );
    expect(result).toMatchObject({ cover: { rows: 3 } });
  });

  it('names plaintext and definitions that differ', async () => {
    await made({
      plainNotes: 2,
      config: ({ products: { notelett } }) => {
        const { notes } = notelett.collections;
        const definition = { ...notes.definition, fields: ['body'] };
        const collections = { notes: { ...notes, definition } };
        return { products: { notelett: { ...notelett, collections } } };
      },
    });
    const { code, of } = await preflight();
    expect(code).toBe(3);
    expect(of('definitions')).toMatchObject([{ level: 'fail' }]);
    expect(of('plaintext')).toMatchObject([{ level: 'warn' }]);
  });

  it('needs the new version', async () => {
    await made();
    const outcome = await world.run(['preflight', '--json']);
    expect(outcome.code).toBe(2);
    expect(reportIn(outcome, resultSchema).error?.message).toContain(
      '--new-mek-version is missing',
    );
  });

  it('writes nothing', async () => {
    await made({ plainNotes: 1 });
    const before = fingerprint(world);
    await preflight();
    expect(fingerprint(world)).toEqual(before);
  });
});

/** Begins the rotation to the new version, and stops it after the first row. */
async function begin(): Promise<void> {
  const { old: previous, new: key } = world.keys;
  const provider = new EnvKeyProvider({ key, previousKeys: [previous] });
  const target = { mekVersion: world.versions.new };
  for await (const event of rewrapAllDeks(world.encryptorWith(provider), { target })) {
    if (event.type === 'changed') break;
  }
}
