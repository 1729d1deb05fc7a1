/** Needs the built package. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { problemsOf, readWorkflow, type Step } from '../support/github/workflow.js';
import { runNode } from '../support/packed-project.js';

const ROOT = join(import.meta.dirname, '../..');
const BIN = join(ROOT, 'dist/command/encrypt-migrate.js');
const FILES = ['rotate-mek.yml', 'rehearse-rotation.yml'];

interface Manifest {
  readonly flags: Readonly<
    Record<string, { readonly argument?: string; readonly repeatable?: boolean }>
  >;
  readonly modes: Readonly<
    Record<
      string,
      {
        readonly flags: readonly string[];
        readonly required?: readonly string[];
        readonly asks?: string;
      }
    >
  >;
}

let manifest: Manifest;
beforeAll(async () => {
  const { stdout } = await runNode([BIN, 'manifest', '--json']);
  manifest = (JSON.parse(stdout) as { readonly result: Manifest }).result;
});

const fileOf = (name: string): string => join(ROOT, 'examples/github-actions', name);
const textOf = (name: string): string => readFileSync(fileOf(name), 'utf8');

function stepsOf(name: string): readonly Step[] {
  return Object.values(readWorkflow(fileOf(name)).jobs).flatMap(({ steps }) => steps);
}

/** Each `encrypt-migrate` of the shell steps, in words. */
function commandsOf(steps: readonly Step[]): readonly (readonly string[])[] {
  return steps
    .flatMap(({ run = '' }) => run.replaceAll(/\\\n\s*/g, ' ').split('\n'))
    .flatMap((line) => {
      const [, command] = /\bnpx encrypt-migrate (.*?)(?:$| > | \|\| )/.exec(line) ?? [];
      return command === undefined ? [] : [command.trim().split(/\s+/)];
    });
}

/** What the command would refuse. */
function check([mode = '', ...words]: readonly string[]): readonly string[] {
  const known = manifest.modes[mode];
  if (!known) return [`no mode ${mode}`];
  const problems: string[] = [];
  const given: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const name = words[at]?.replace(/^--/, '') ?? '';
    if (!known.flags.includes(name)) problems.push(`${mode}: ${words[at] ?? ''}`);
    if (given.includes(name) && !manifest.flags[name]?.repeatable) problems.push(`twice: ${name}`);
    given.push(name);
    if (manifest.flags[name]?.argument !== undefined) at += 1;
  }
  const needed = [...(known.required ?? []), ...(known.asks === undefined ? [] : ['yes'])];
  return [
    ...problems,
    ...needed.filter((name) => !given.includes(name)).map((name) => `${mode} without --${name}`),
  ];
}

describe.each(FILES)('the workflow %s', (name) => {
  it('has the form that GitHub accepts', async () => {
    expect(await problemsOf(name, textOf(name))).toEqual([]);
  });

  it('would be refused with a mistake', async () => {
    const broken = textOf(name).replace('timeout-minutes:', 'time-out-minutes:');
    expect(await problemsOf(name, broken)).toHaveLength(1);
    const expression = textOf(name).replace('${{ github.run_id }}', '${{ github.run_id');
    expect(await problemsOf(name, expression)).not.toEqual([]);
  });

  it('uses modes and flags that the command has, with those that a mode needs', () => {
    const commands = commandsOf(stepsOf(name));
    expect(commands.length).toBeGreaterThan(5);
    expect(commands.flatMap(check)).toEqual([]);
  });

  it('signs in without a stored secret, and runs one at a time', () => {
    const { permissions, concurrency, jobs } = readWorkflow(fileOf(name));
    expect(permissions).toEqual({ contents: 'read', 'id-token': 'write', issues: 'write' });
    expect(concurrency).toEqual({ group: 'rotate-mek-notelett', 'cancel-in-progress': false });
    expect(textOf(name)).not.toMatch(/\$\{\{\s*secrets\./);
    const [login] = stepsOf(name).filter(({ uses }) => uses?.startsWith('azure/login@'));
    const names = ['client-id', 'subscription-id', 'tenant-id'];
    expect(Object.keys(login?.with ?? {}).sort()).toEqual(names);
    expect(Object.values(jobs).map(({ environment }) => environment)).toHaveLength(1);
  });

  it('pins each action by a commit, with its version beside it', () => {
    const pins = textOf(name).match(/uses: .*/g) ?? [];
    expect(pins).toHaveLength(4);
    for (const pin of pins) expect(pin).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+$/);
  });

  it('has no expression in a script: values come by the environment', () => {
    for (const { run = '' } of stepsOf(name)) expect(run).not.toContain('${{');
  });
});

it('the check of commands finds an unknown mode, an unknown flag and a flag that is missing', () => {
  expect(check(['rewrap'])).toEqual(['no mode rewrap']);
  expect(check(['doctor', '--new-mek-version', 'v'])).toEqual(['doctor: --new-mek-version']);
  expect(check(['preflight', '--product', 'p'])).toEqual(['preflight without --new-mek-version']);
  expect(check(['rollback', '--to-mek-version', 'v'])).toEqual(['rollback without --yes']);
});
