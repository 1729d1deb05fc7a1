import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/report-verify.js';
import { reportIn } from '../../support/command-report.js';
import type { CommandWorld } from '../../support/command-world.js';
import { isGenuine } from '../../support/report-seal.js';
import { newSecret, signedWorld, textOf } from '../../support/report-world.js';

const SECRET = newSecret();
let world: CommandWorld;

beforeEach(async () => {
  world = await signedWorld(SECRET, { notes: 3 });
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

function rewrap(...flags: readonly string[]) {
  return world.run(['rewrap-deks', '--new-mek-version', world.versions.new, ...flags]);
}

async function verdict(file: string, secrets = SECRET) {
  const env = { REPORT_SECRETS: secrets };
  const outcome = await world.run(['report', 'verify', file, '--json'], { env });
  const { result, findings } = reportIn(outcome, resultSchema);
  const [finding] = findings;
  return {
    code: outcome.code,
    genuine: (result as { genuine: boolean }).genuine,
    message: finding?.message,
  };
}

const GENUINE = 'is whole, unchanged, and signed with a configured secret';

describe('report verify', () => {
  it('says that a report is genuine, as an independent verifier does', async () => {
    await rewrap('--report', 'report.json');
    expect(await verdict('report.json')).toEqual({
      code: 0,
      genuine: true,
      message: `report.json ${GENUINE}`,
    });
    const text = textOf(world, 'report.json');
    expect(isGenuine(text, SECRET)).toBe(true);
    expect(isGenuine(text, newSecret())).toBe(false);
    expect(isGenuine(text.replace('"changed"', '"changes"'), SECRET)).toBe(false);
    const flag = await world.run(['report', 'verify', '--file', 'report.json']);
    expect(flag).toMatchObject({ code: 0, stderr: '' });
  });

  it('accepts either of two secrets, so that the secret can be changed', async () => {
    const next = newSecret();
    const env = { REPORT_SECRETS: `${next},${SECRET}` };
    await world.run(['status', '--report', 'both.json'], { env });
    expect(textOf(world, 'both.json').match(/v1,/g)).toHaveLength(2);
    for (const secrets of [next, SECRET, `${newSecret()},${SECRET}`]) {
      expect(await verdict('both.json', secrets)).toMatchObject({ code: 0, genuine: true });
    }
  });

  it('finds any change of a single byte', async () => {
    await world.run(['status', '--report', 'report.json']);
    const bytes = readFileSync(join(world.folder, 'report.json'));
    const seal = bytes.lastIndexOf('\n', bytes.length - 2) + 1;
    const places = [
      0,
      40,
      Math.floor(seal / 2),
      seal - 1,
      seal + 20,
      bytes.length - 60,
      bytes.length - 2,
    ];
    for (const place of places) {
      const changed = Buffer.from(bytes);
      changed[place] = (changed[place] ?? 0) ^ 1;
      writeFileSync(join(world.folder, 'changed.json'), changed);
      expect(await verdict('changed.json')).toMatchObject({ code: 3, genuine: false });
    }
  });

  it.each([
    ['is cut off', (text: string) => text.slice(0, text.length / 2)],
    [
      'lacks its seal',
      (text: string) => text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1),
    ],
    ['is empty', () => ''],
    ['has more after its seal', (text: string) => `${text}\n`],
    ['has a seal of another form', (text: string) => text.replace('"seal": {', '"seal":  {')],
  ])('says that a report is incomplete where it %s', async (_, change) => {
    await world.run(['status', '--report', 'report.json']);
    writeFileSync(join(world.folder, 'other.json'), change(textOf(world, 'report.json')));
    expect(await verdict('other.json')).toEqual({
      code: 3,
      genuine: false,
      message: 'other.json has no seal in its last line: it is incomplete, or was changed',
    });
  });

  it('says that a report was changed, is not signed, or is signed with another secret', async () => {
    await world.run(['status', '--report', 'report.json']);
    const text = textOf(world, 'report.json');
    writeFileSync(join(world.folder, 'changed.json'), text.replace('"status"', '"doctor"'));
    expect(await verdict('changed.json')).toMatchObject({
      code: 3,
      message: 'changed.json was changed after it was sealed',
    });
    expect(await verdict('report.json', newSecret())).toMatchObject({
      code: 3,
      message: 'report.json is signed with another secret, or its seal was changed',
    });
    const unsigned = text.replace(/,"signature":"[^"]*"/, '');
    writeFileSync(join(world.folder, 'unsigned.json'), unsigned);
    expect(await verdict('unsigned.json')).toMatchObject({
      code: 3,
      message: 'unsigned.json is not signed: no secret was configured when it was written',
    });
  });

  it.each([
    ['report verify', '--file is missing: the report to verify'],
    ['report verify none.json', '--file: there is no file none.json'],
    [
      'report verify notes.sqlite',
      '--file: notes.sqlite is no report: its name ends in .json or .html',
    ],
    ['report verify a.json --file b.json', '--file and a.json are both passed: keep one'],
  ])('exits with 2 for: %s', async (line, message) => {
    const { code, stderr } = await world.run(line.split(' '));
    expect({ code, stderr }).toEqual({ code: 2, stderr: `error ${message}\n` });
  });

  it('exits with 2 where no secrets are configured, and does not read the report', async () => {
    const config = JSON.parse(textOf(world, 'encrypt-migrate.config.json')) as object;
    world.write('none.json', JSON.stringify({ ...config, reportSecrets: undefined }));
    const { code, stderr } = await world.run([
      'report',
      'verify',
      'r.json',
      '--config',
      'none.json',
    ]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `error ${join(world.folder, 'none.json')}: has no "reportSecrets": name the variable with the secret of the reports there\n`,
    });
  });

  it('finds a report whose command was killed incomplete, with the rows that were done', async () => {
    await world[Symbol.asyncDispose]();
    world = await signedWorld(SECRET, { notes: 1_500 });
    const child = world.start([
      'rewrap-deks',
      '--new-mek-version',
      world.versions.new,
      '--report',
      'r.json',
    ]);
    const file = join(world.folder, 'r.json');
    while (!existsSync(file) || statSync(file).size === 0) await new Promise(setImmediate);
    child.kill('SIGKILL');
    expect(await child.ended).toMatchObject({ code: -1 });
    expect(textOf(world, 'r.json')).toContain('"outcome":"changed"');
    expect(await verdict('r.json')).toMatchObject({ code: 3, genuine: false });
  });
});

describe('secrets of reports', () => {
  it.each([
    [undefined, 'the variable REPORT_SECRETS is not set'],
    ['', 'the variable REPORT_SECRETS is set but empty'],
    [
      `whsec_${Buffer.alloc(5).toString('base64')}`,
      'the variable REPORT_SECRETS must hold whsec_ and 24 to 64 bytes as base64, or two of these separated by a comma',
    ],
    [
      SECRET.slice(6),
      'the variable REPORT_SECRETS must hold whsec_ and 24 to 64 bytes as base64, or two of these separated by a comma',
    ],
    [
      `whsec_${Buffer.alloc(32, 7).toString('base64').replace('=', '')}`,
      'the variable REPORT_SECRETS must hold whsec_ and 24 to 64 bytes as base64, or two of these separated by a comma',
    ],
    [
      `${SECRET},${SECRET},${SECRET}`,
      'the variable REPORT_SECRETS holds 3 secrets: leave the new one and the one before it',
    ],
  ])('that cannot be used are refused before anything is done: %j', async (value, problem) => {
    const before = await world.rows();
    const env = { REPORT_SECRETS: value };
    const args = ['rewrap-deks', '--new-mek-version', world.versions.new, '--report', 'r.json'];
    const { code, stderr } = await world.run(args, { env });
    expect({ code, stderr }).toEqual({ code: 2, stderr: `error reportSecrets: ${problem}\n` });
    expect(existsSync(join(world.folder, 'r.json'))).toBe(false);
    expect(await world.rows()).toEqual(before);
    const check = await world.run(['config', 'check'], { env });
    expect(check.code).toBe(2);
    expect(check.stdout + check.stderr).toContain(`reportSecrets: ${problem}`);
  });

  it('are nowhere in what is printed or written', async () => {
    const { stdout, stderr } = await rewrap('--report', 'r.json', '--report', 'r.html');
    const shown = await world.run(['config', 'show', '--json']);
    const files = [textOf(world, 'r.json'), textOf(world, 'r.html')];
    const all = [stdout, stderr, shown.stdout, ...files].join('');
    expect(all).not.toContain(SECRET.slice(6));
    expect(shown.stdout).toContain('"state": "hidden"');
    world.requireNoKey(all);
  });

  it('are not needed: without them, a report has a digest alone', async () => {
    const config = JSON.parse(textOf(world, 'encrypt-migrate.config.json')) as object;
    world.write(
      'encrypt-migrate.config.json',
      JSON.stringify({ ...config, reportSecrets: undefined }),
    );
    await rewrap('--report', 'r.json');
    expect(textOf(world, 'r.json')).toMatch(/"sha256":"[0-9a-f]{64}"\} \}\n$/);
  });
});
