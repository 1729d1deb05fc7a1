import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runNode } from '../support/packed-project.js';
import { problemOf, readManifest, type Item } from './kubernetes-kinds.js';

const ROOT = join(import.meta.dirname, '../..');
const BIN = join(ROOT, 'dist/command/encrypt-migrate.js');

interface Manifest {
  readonly flags: Readonly<
    Record<string, { readonly argument?: string; readonly variable?: string }>
  >;
  readonly modes: Readonly<
    Record<string, { readonly flags: readonly string[]; readonly asks?: string }>
  >;
}

interface Container {
  readonly name: string;
  readonly args: readonly string[];
}

let manifest: Manifest;
beforeAll(async () => {
  const { stdout } = await runNode([BIN, 'manifest', '--json']);
  manifest = (JSON.parse(stdout) as { readonly result: Manifest }).result;
});

function containersOf(item: object): readonly Container[] {
  return Object.entries(item).flatMap(([name, value]: [string, unknown]) => {
    if (name === 'containers') return value as Container[];
    return typeof value === 'object' && value !== null ? containersOf(value) : [];
  });
}

/** @returns The mode, and each problem with its flags. */
function check({ args: [mode = '', ...others] }: Container): readonly string[] {
  const known = manifest.modes[mode];
  if (!known) return [`no mode ${mode}`];
  const problems: string[] = [];
  for (let at = 0; at < others.length; at += 1) {
    const name = others[at]?.slice(2) ?? '';
    if (!others[at]?.startsWith('--') || !known.flags.includes(name))
      problems.push(`${mode}: ${others[at] ?? ''}`);
    if (manifest.flags[name]?.argument !== undefined) at += 1;
  }
  return problems;
}

describe('the jobs for Kubernetes', () => {
  const list = readManifest('cron-jobs.yaml');
  const job = readManifest('rewrap-job.yaml');
  const cronJobs = list.items.filter(({ kind }) => kind === 'CronJob');

  it('have the form of their kinds', () => {
    expect(list.kind).toBe('List');
    expect([...list.items, job].map(problemOf)).toEqual([...list.items, job].map(() => undefined));
  });

  it('would be refused with a mistake', () => {
    const broken = structuredClone(cronJobs[0]) as { spec: { suspend: unknown } } & Item;
    broken.spec.suspend = 'yes';
    expect(problemOf(broken)).toContain('suspend');
  });

  it('use modes and flags that the command has', () => {
    const containers = [...cronJobs, job].flatMap(containersOf);
    expect(containers).toHaveLength(cronJobs.length + 1);
    expect(containers.flatMap(check)).toEqual([]);
    expect(check({ name: '', args: ['status', '--new-mek-version', 'v'] })).toEqual([
      'status: --new-mek-version',
    ]);
  });

  it('are one for each mode that works on stores, all suspended', () => {
    const modes = cronJobs.map((item) => containersOf(item)[0]?.args[0]);
    const needed = Object.entries(manifest.modes)
      .filter(([, { flags }]) => flags.includes('product') && flags.includes('document-keys'))
      .map(([name]) => name);
    expect(modes).toEqual(needed);
    expect(cronJobs.map(({ metadata: { name } }) => name)).toEqual(
      modes.map((mode) => `encrypt-migrate-${mode ?? ''}`),
    );
    const states = cronJobs.map(({ spec }) => (spec as { readonly suspend: unknown }).suspend);
    expect(new Set(states)).toEqual(new Set([true]));
  });

  it('do not wait for an answer', () => {
    const asking = [...cronJobs, job]
      .map((item) => containersOf(item)[0]?.args ?? [])
      .filter(([mode = '']) => manifest.modes[mode]?.asks !== undefined);
    expect(asking.length).toBeGreaterThan(5);
    const waiting = asking.filter((args) => !args.includes('--yes') && !args.includes('--dry-run'));
    expect(waiting).toEqual([]);
  });

  it('take their other flags from variables that the command reads', () => {
    const known = Object.values(manifest.flags).map(({ variable }) => variable);
    const text = readFileSync(join(ROOT, 'examples/kubernetes/cron-jobs.yaml'), 'utf8');
    const named = text.match(/ENCRYPT_MIGRATE_[A-Z_]+/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('split a rotation by the index of the pod', () => {
    const spec = job.spec as Readonly<Record<string, unknown>>;
    const [container] = containersOf(job);
    const shard = container?.args[container.args.indexOf('--shard') + 1];
    expect(shard).toBe(`$(JOB_COMPLETION_INDEX)/${String(spec['completions'])}`);
    expect(spec['parallelism']).toBe(spec['completions']);
  });

  it('start the executable of the package in the image', () => {
    const dockerfile = readFileSync(join(ROOT, 'examples/kubernetes/Dockerfile'), 'utf8');
    const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly bin: Readonly<Record<string, string>>;
    };
    const [, entry] = /^ENTRYPOINT \["node_modules\/\.bin\/([^"]+)"\]$/m.exec(dockerfile) ?? [];
    expect(Object.keys(bin)).toEqual([entry]);
  });
});
