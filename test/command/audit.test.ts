import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { damageRow } from '../support/command-damage.js';
import { copyDeks, lostMekWorld } from '../support/command-recovery.js';
import { stopAt } from '../support/command-stop.js';
import type { TrailEvent } from '../support/command-trail.js';
import { operationProblems, problemsIn } from '../support/command-trail.js';
import { CommandWorld, PRODUCT } from '../support/command-world.js';

const NOTES = 12;

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.make({ notes: NOTES });
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

function rotation(): readonly string[] {
  return ['rewrap-deks', '--new-mek-version', world.versions.new];
}

/** Those of one command, or of the runs in it. */
function ofKind(kind: 'command' | 'run'): readonly TrailEvent[] {
  return world.trail().filter(({ data }) => data.operation?.kind === kind);
}

function kindsOf(events: readonly TrailEvent[]): readonly string[] {
  return events.map(({ what }) => what);
}

describe('the audit trail of a command', () => {
  it('has the start, the end and the run of a rotation, each with who, what and how it ended', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const ci = {
      GITHUB_ACTIONS: 'true',
      GITHUB_ACTOR: 'ana',
      GITHUB_REPOSITORY: 'notelett/ops',
      GITHUB_RUN_ID: '42',
    };
    const env = { TRACEPARENT: traceparent, ...ci };
    const outcome = await world.run([...rotation(), '--user', 'dana'], { env });
    expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
    expect(kindsOf(world.trail())).toEqual([
      'operation.started',
      'operation.started',
      'record.changed',
      'operation.finished',
      'operation.finished',
    ]);
    for (const event of world.trail()) {
      expect(event).toMatchObject({ subject: PRODUCT, traceparent });
      expect(event.data.actor).toMatchObject({
        user: 'dana',
        ci: { name: 'GitHub Actions', user: 'ana', repository: 'notelett/ops', job: '42' },
      });
    }
    const [started, finished] = ofKind('command');
    expect(started?.data).toMatchObject({
      operation: { kind: 'command', name: 'rewrap-deks' },
      facts: {
        command: `encrypt-migrate rewrap-deks --user dana --new-mek-version ${world.versions.new}`,
        dryRun: false,
        tool: { name: 'encrypt-migrate' },
      },
    });
    expect(finished?.data['facts']).toMatchObject({ outcome: 'done', exitCode: 0 });
    const [runStarted, , runFinished] = ofKind('run');
    expect(runStarted?.data.operation).toMatchObject({
      name: 'rewrapAllDeks',
      parentId: started?.data.operation?.id,
    });
    expect(runFinished?.data).toMatchObject({ complete: true, epoch: 2 });
  });

  it('names the user of the system, and makes a trace id of its own', async () => {
    await world.run(['status']);
    const user = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
    const traces = new Set(world.trail().map(({ traceparent }) => traceparent));
    expect(world.trail()[0]?.data.actor.user).toBe(user);
    expect(traces.size).toBe(1);
    expect([...traces][0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it('names what failed, and what the library refused', async () => {
    const dekId = await damageRow(world);
    expect(await world.run(rotation())).toMatchObject({ code: 1 });
    const failed = world.trail().filter(({ what }) => what === 'item.failed');
    expect(failed[0]?.data).toMatchObject({ dekId, operation: { name: 'rewrapAllDeks' } });
    expect(ofKind('command').at(-1)).toMatchObject({
      what: 'operation.finished',
      data: { facts: { outcome: 'failed', exitCode: 1 } },
    });
    const target = ['--new-mek-version', world.versions.old];
    expect(await world.run(['rewrap-deks', ...target])).toMatchObject({ code: 3 });
    expect(ofKind('command').at(-1)).toMatchObject({
      what: 'operation.refused',
      data: { facts: { exitCode: 3 }, errorCode: 'ROTATION_UNFINISHED' },
    });
    expect(ofKind('run').at(-1)).toMatchObject({ what: 'operation.refused' });
    expect(await world.run(['rewrap-deks', ...target, '--take-over', '--yes'])).toMatchObject({
      code: 1,
    });
    const takeovers = world.trail().filter(({ what }) => what === 'operation.taken-over');
    expect(takeovers[0]?.data).toMatchObject({ reason: 'take-over' });
  });

  it('says that a command was stopped', async () => {
    const env = stopAt(world, { event: 'changed', count: 2 });
    const stopped = await world.run([...rotation(), '--concurrency', '1'], { env });
    expect(stopped).toMatchObject({ code: 130 });
    const ends = world.trail().filter(({ what }) => what === 'operation.stopped');
    expect(ends.map(({ data }) => data.operation?.kind).sort()).toEqual(['command', 'run']);
    expect(problemsIn(world.trail())).toEqual([]);
  });

  it('shows in the next command that a process is gone', async () => {
    const file = world.write(
      'die.mjs',
      `import { subscribe } from 'node:diagnostics_channel';
      subscribe('bytelyst.field-encrypt.run', ({ event }) => {
        if (event.type === 'changed') process.kill(process.pid, 'SIGKILL');
      });`,
    );
    const env = { NODE_OPTIONS: `--import=${file}` };
    expect(await world.run(rotation(), { env })).toMatchObject({ code: -1 });
    const open = operationProblems(world.trail());
    expect(open).toHaveLength(2);
    expect(await world.run(rotation())).toMatchObject({ code: 0 });
    const gone = world
      .trail()
      .filter(({ data }) => data['reason'] === 'process-gone')
      .map(({ data }) => data.earlier?.operationId);
    const started = world
      .trail()
      .slice(0, 2)
      .map(({ data }) => data.operation?.id);
    expect(new Set(gone)).toEqual(new Set(started));
    expect(problemsIn(world.trail())).toEqual([]);
  });

  it('has the result of the checks before and after a rotation', async () => {
    const target = ['--new-mek-version', world.versions.new];
    await world.run(['preflight', ...target], { env: { FIELD_ENCRYPT_ENABLED: 'true' } });
    const preflight = world.trail().find(({ what }) => what === 'preflight.checked');
    expect(preflight?.data).toMatchObject({
      operation: { name: 'preflight' },
      target: { mekVersion: world.versions.new },
    });
    expect(preflight?.data['checks']).toContainEqual({ check: 'enabled', level: 'ok' });
    await world.run(rotation());
    const periods = ['--soak', '1h', '--backup-window', '1h'];
    await world.run(['retire-check', '--mek-version', world.versions.old, ...periods]);
    const retirement = world.trail().find(({ what }) => what === 'retirement.checked');
    expect(retirement?.data).toMatchObject({ retirable: false });
  });

  it('names the DEKs that are shredded, and no document', async () => {
    const before = (await world.rows()).map(({ id }) => String(id));
    const moment = new Date().toISOString();
    const args = ['re-encrypt', '--created-before', moment, '--shred', '--yes'];
    expect(await world.run(args)).toMatchObject({ code: 0 });
    const named = world
      .trail()
      .filter(({ what }) => what === 'deks.shredded')
      .flatMap(({ data }) => data['dekIds'] as readonly string[]);
    expect([...new Set(named)].sort()).toEqual([...before].sort());
    const texts = JSON.stringify(world.trail());
    expect(texts).not.toContain('"n0"');
    expect(texts).not.toContain('w1');
  });
});

it('has the result of a drill', async () => {
  await using drilled = await lostMekWorld({ notes: 2 }, (own) => ({
    ...own,
    copies: { copy: { dekStore: { type: 'sqlite', file: 'copy.sqlite', driver: 'libsql' } } },
  }));
  copyDeks(drilled);
  const args = ['recovery-drill', '--copy', 'copy', '--private-key', 'recovery.pem', '--yes'];
  const outcome = await drilled.run(args);
  expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
  const drill = drilled.trail().find(({ what }) => what === 'drill.finished');
  expect(drill?.data).toMatchObject({ passed: true, recovered: 2, lost: 0, documentsOpened: 2 });
});

describe('a trail that takes no event', () => {
  /** The file is a folder: nothing can be appended to it. */
  function blocked(): readonly string[] {
    const config = JSON.parse(
      readFileSync(join(world.folder, 'encrypt-migrate.config.json'), 'utf8'),
    ) as object;
    const audit = { type: 'file', file: 'node_modules' };
    writeFileSync(join(world.folder, 'blocked.json'), JSON.stringify({ ...config, audit }));
    return ['--config', 'blocked.json'];
  }

  it('refuses a mode that writes, and nothing is written', async () => {
    const before = await world.rows();
    const { code, stderr } = await world.run([...rotation(), ...blocked()]);
    expect(code).toBe(3);
    expect(stderr).toContain('audit');
    expect(await world.rows()).toEqual(before);
  });

  it('lets a mode that only reads go on, with a remark', async () => {
    const { code, stderr } = await world.run(['status', ...blocked()]);
    expect(code).toBe(0);
    expect(stderr).toContain('Nothing is recorded in the audit trail: ');
  });
});

it('records nothing where no trail is configured', async () => {
  await using silent = await CommandWorld.make({
    notes: 1,
    config: (own) => ({ ...own, audit: undefined }),
  });
  expect(await silent.run(['status'])).toMatchObject({ code: 0 });
  expect(existsSync(join(silent.folder, 'audit.jsonl'))).toBe(false);
});
