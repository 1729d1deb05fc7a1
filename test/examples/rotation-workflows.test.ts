/** Needs the built package. Runs the shell steps of the workflows against the test servers. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryWorld } from '../e2e/story-world.js';
import { JobWorld } from '../support/github/job-world.js';
import {
  type JobOptions,
  type JobOutcome,
  runJob,
  type Variables,
} from '../support/github/job-run.js';
import { readWorkflow } from '../support/github/workflow.js';

const FOLDER = join(import.meta.dirname, '../../examples/github-actions');
const MEK = 'notelett-mek';

function jobIn(file: string) {
  const [job] = Object.values(readWorkflow(join(FOLDER, file)).jobs);
  if (!job) throw new Error(`${file} has no job`);
  return job;
}

/** Of each step that has not just been done. */
function othersIn(outcome: JobOutcome): Readonly<Record<string, string>> {
  const others = [...outcome].filter(([, step]) => step.outcome !== 'success');
  return Object.fromEntries(others.map(([id, step]) => [id, step.outcome]));
}

let world: StoryWorld;
let repository: JobWorld;
let runs = 0;

beforeAll(async () => {
  world = await StoryWorld.start({ seed: 19, replicas: 1 });
  repository = new JobWorld(world);
});

afterAll(async () => {
  repository.close();
  await world.stop();
});

/** On a machine of its own: the reports of earlier runs are not there. */
function run(file: string, options: Partial<JobOptions> = {}): Promise<JobOutcome> {
  rmSync(join(world.folder, 'reports'), { recursive: true, force: true });
  const { env, vars } = repository;
  runs += 1;
  return runJob(jobIn(file), {
    folder: world.folder,
    env,
    runId: String(runs),
    ...options,
    vars: { ...vars, MINIMUM_DAYS: '0', ...options.vars },
  });
}

async function versions(name = MEK): Promise<readonly string[]> {
  const { printed } = await world.shell.run(
    `az keyvault key list-versions --vault-name kv1 --name ${name} --query '[].kid' -o tsv`,
  );
  return printed
    .trim()
    .split('\n')
    .map((kid) => kid.replace(/.*\//, ''));
}

interface Rotation {
  readonly mekName: string;
  readonly mekVersion: string;
  readonly state: string;
}

/** @param variables - On top of those of the operator. */
async function statusOf(variables = ''): Promise<Rotation> {
  const { printed } = await world.shell.run(
    `${variables} npx encrypt-migrate status --json 2>/dev/null`,
  );
  return (JSON.parse(printed) as { readonly result: { readonly rotation: Rotation } }).result
    .rotation;
}

function reportOf(name: string): { readonly exitCode: number } {
  return JSON.parse(readFileSync(join(world.folder, 'reports', name), 'utf8')) as {
    readonly exitCode: number;
  };
}

describe('rotate-mek.yml', () => {
  it('rotates to a version that it makes, and keeps the reports', async () => {
    const before = await statusOf();
    const outcome = await run('rotate-mek.yml');
    expect(othersIn(outcome)).toEqual({ issue: 'skipped' });
    const after = await statusOf();
    expect(after.state).toBe('complete');
    expect(await versions()).toHaveLength(2);
    expect(await versions()).toEqual(expect.arrayContaining([before.mekVersion, after.mekVersion]));
    expect(reportOf('verify.json').exitCode).toBe(0);
    // Not yet: the soak has not passed.
    expect(reportOf(`retire-check-${before.mekVersion}.json`).exitCode).toBe(3);
    expect(outcome.get('retire-check')?.printed).toContain('is still needed');
    expect(readdirSync(join(world.folder, 'reports'))).toEqual(
      expect.arrayContaining(['rewrap.json', 'rewrap.html', 'verify.html', 'audit.jsonl']),
    );
    expect(repository.issues).toEqual([]);
  });

  it('verifies a rotation that was completed just now, and makes no version', async () => {
    const outcome = await run('rotate-mek.yml', { vars: { MINIMUM_DAYS: '7' } });
    expect(othersIn(outcome)).toEqual({ issue: 'skipped', preflight: 'skipped' });
    expect(await versions()).toHaveLength(2);
  });

  it('continues a rotation whose machine was lost, with the same version', async () => {
    const lost = new AbortController();
    const watch = onceWrapped(() => {
      lost.abort();
    });
    const outcome = await run('rotate-mek.yml', {
      lostIn: { step: 'rewrap', signal: lost.signal },
    });
    watch.cancel();
    expect(othersIn(outcome)).toEqual({ rewrap: 'lost' });
    const { state, mekVersion } = await statusOf();
    expect(state).not.toBe('complete');
    expect(await versions()).toHaveLength(3);

    expect(othersIn(await run('rotate-mek.yml'))).toEqual({ issue: 'skipped' });
    expect(await statusOf()).toMatchObject({ state: 'complete', mekVersion });
    expect(await versions()).toHaveLength(3);
  });

  it('opens an issue where a check fails, and takes the version that is waiting in the next run', async () => {
    const before = await statusOf();
    const waiting = await az(`create --name ${MEK} --expires 2020-01-01T00:00:00Z`);
    const outcome = await run('rotate-mek.yml');
    expect(othersIn(outcome)).toEqual({
      preflight: 'failure',
      rewrap: 'skipped',
      verify: 'skipped',
      'retire-check': 'skipped',
    });
    const [issue] = repository.issues;
    expect(repository.issues).toHaveLength(1);
    expect(issue?.command).toBe('issue create');
    expect(issue?.body).toContain('stopped in the step "preflight"');
    expect(issue?.body).toContain('new-version');
    expect(issue?.body).toContain('docs/runbooks/TRIAGE.md#findings-of-checks');
    expect(issue?.body).toContain(`/actions/runs/${String(runs)}`);
    expect(await versions()).toHaveLength(4);

    expect(await statusOf()).toEqual(before);

    await az(`set-attributes --name ${MEK} --version ${waiting} --expires 2099-01-01T00:00:00Z`);
    expect(othersIn(await run('rotate-mek.yml'))).toEqual({ issue: 'skipped' });
    expect(await versions()).toHaveLength(4);
    expect(await statusOf()).toMatchObject({ state: 'complete', mekVersion: waiting });
  });

  it('takes no version that was rolled back by itself', async () => {
    const { mekVersion } = await statusOf();
    const [other = ''] = (await versions()).filter((version) => version !== mekVersion);
    const { exitCode } = await world.shell.run(
      `npx encrypt-migrate rollback --to-mek-version ${other} --yes --quiet`,
    );
    expect(exitCode).toBe(0);
    const outcome = await run('rotate-mek.yml');
    expect(outcome.get('target')).toMatchObject({ outcome: 'failure' });
    expect(await versions()).toHaveLength(4);
    const again = await run('rotate-mek.yml', { inputs: { 'new-mek-version': mekVersion } });
    expect(othersIn(again)).toEqual({ issue: 'skipped' });
    expect(await statusOf()).toMatchObject({ state: 'complete', mekVersion });
  });

  it('loses no write, and prints no key', async () => {
    await world.clients.stop();
    await world.clients.traffic.readAll();
    // Pages of Cosmos DB are in another order than the clients expect.
    const problems = world.clients.traffic.problems.filter(
      (each) => !each.startsWith('list lacks a note'),
    );
    expect(problems).toEqual([]);
    const key = world.env['FIELD_ENCRYPT_RECORD_KEY'] ?? '';
    const reports = join(world.folder, 'reports');
    expect(existsSync(reports)).toBe(true);
    for (const entry of readdirSync(reports, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      expect(text).not.toContain(key);
      expect(text).not.toContain(world.marker);
    }
  });
});

describe('rehearse-rotation.yml', () => {
  const vars = { REHEARSAL_COSMOS_DATABASE: 'rehearsal' };
  const onCopy = 'COSMOS_DATABASE=rehearsal FIELD_ENCRYPT_MEK_NAME=notelett-mek-rehearsal';
  const both = `${onCopy} FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS=$AZURE_KEYVAULT_URL/keys/${MEK}`;

  it('rotates a copy and back, and touches nothing else', async () => {
    await copyStores('rehearsal');
    const [before, inUse] = [await statusOf(), await rowsIn('notelett')];
    expect(othersIn(await rehearse(vars))).toEqual({ issue: 'skipped', restore: 'skipped' });
    const { mekVersion } = before;
    expect(await statusOf(both)).toMatchObject({ state: 'complete', mekName: MEK, mekVersion });
    expect(await rowsIn('notelett')).toEqual(inUse);
    expect(reportOf('verify.json').exitCode).toBe(0);
  });

  it('rolls back what a lost machine left, before it begins again', async () => {
    const lost = new AbortController();
    const watch = onceWrapped(() => {
      lost.abort();
    }, `${MEK}-rehearsal`);
    const lostIn = { step: 'rewrap', signal: lost.signal };
    expect(othersIn(await rehearse(vars, { lostIn }))).toMatchObject({ rewrap: 'lost' });
    watch.cancel();
    expect(await statusOf(both)).toMatchObject({ mekName: `${MEK}-rehearsal` });
    expect(othersIn(await rehearse(vars))).toEqual({ issue: 'skipped' });
    expect(await statusOf(both)).toMatchObject({ state: 'complete', mekName: MEK });
  });

  it('refuses the stores in use, and opens an issue', async () => {
    const already = repository.issues.length;
    const outcome = await rehearse({ REHEARSAL_COSMOS_DATABASE: 'notelett' });
    expect(othersIn(outcome)).toMatchObject({ copy: 'failure', rewrap: 'skipped' });
    expect(repository.issues.slice(already).map(({ title }) => title)).toEqual([
      'The rehearsal of a rotation stopped',
    ]);
  });

  function rehearse(own: Variables, options: Partial<JobOptions> = {}): Promise<JobOutcome> {
    const endpoint = world.env['COSMOS_ENDPOINT'] ?? '';
    const all = { REHEARSAL_COSMOS_ENDPOINT: endpoint, ...own };
    return run('rehearse-rotation.yml', { ...options, vars: all });
  }
});

async function copyStores(name: string): Promise<void> {
  const client = world.azure.cosmos.client();
  const { database } = await client.databases.create({ id: name });
  for (const [id, path] of [
    ['dek_store', '/scopeId'],
    ['notes', '/workspaceId'],
  ] as const) {
    const from = client.database('notelett').container(id);
    const { container } = await database.containers.create({ id, partitionKey: path });
    const { resources } = await from.items.readAll().fetchAll();
    for (const item of resources) await container.items.create(item);
  }
}

async function rowsIn(name: string): Promise<readonly unknown[]> {
  const container = world.azure.cosmos.client().database(name).container('dek_store');
  return (await container.items.readAll().fetchAll()).resources;
}

/** The preflight and the begin of the rotation wrap once each: what comes after them are rows. */
const WRAPS_BEFORE_ROWS = 2;

/** As soon as some rows are under a version that is not there yet. */
function onceWrapped(act: () => void, name = MEK): { readonly cancel: () => void } {
  const { vault } = world.azure;
  const known = new Set(vault.versionsOf(name));
  const isNew = ({ operation, keyName, version }: (typeof vault.requests)[number]): boolean =>
    operation === 'wrapKey' && keyName === name && !known.has(version);
  const timer = setInterval(() => {
    if (vault.requests.filter(isNew).length < WRAPS_BEFORE_ROWS + 3) return;
    clearInterval(timer);
    act();
  }, 1);
  return {
    cancel: () => {
      clearInterval(timer);
    },
  };
}

/** @returns The version that it is about. */
async function az(command: string): Promise<string> {
  const { exitCode, printed } = await world.shell.run(
    `az keyvault key ${command} --vault-name kv1 --query key.kid -o tsv`,
  );
  expect(exitCode).toBe(0);
  return printed.trim().replace(/.*\//, '');
}
