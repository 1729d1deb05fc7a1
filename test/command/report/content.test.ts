import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import * as encrypt from '../../../command/modes/encrypt.js';
import * as preflight from '../../../command/modes/preflight.js';
import * as recoveryDrill from '../../../command/modes/recovery-drill.js';
import * as retireCheck from '../../../command/modes/retire-check.js';
import * as rewrapDeks from '../../../command/modes/rewrap-deks.js';
import * as rollback from '../../../command/modes/rollback.js';
import * as verify from '../../../command/modes/verify.js';
import { damageRow } from '../../support/command-damage.js';
import { copyDeks, execute, lostMekWorld } from '../../support/command-recovery.js';
import { rotatedWorld } from '../../support/command-rotation.js';
import { stopAt } from '../../support/command-stop.js';
import { CommandWorld, noteOf } from '../../support/command-world.js';
import { reported, textOf } from '../../support/report-world.js';

const NOTES = 5;
let world: CommandWorld;
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const NOTHING_WRITTEN = {
  documentsRewritten: 0,
  bytesRewritten: 0,
  documentsCreated: 0,
  bytesCreated: 0,
  documentsDeleted: 0,
  writeCalls: 0,
  readCalls: 0,
};

function checks(findings: readonly { readonly check: string; readonly level: string }[]) {
  return findings.map(({ level, check }) => `${level} ${check}`);
}

describe('the report of rewrap-deks', () => {
  it('has the rows, both censuses, what it took, and documents that are the same', async () => {
    world = await CommandWorld.make({ notes: NOTES });
    const { old, new: target } = world.versions;
    const args = ['rewrap-deks', '--new-mek-version', target];
    const { outcome, report } = await reported(world, rewrapDeks.resultSchema, args);
    expect(outcome).toMatchObject({ code: 0 });
    const { evidence, items, findings, seal } = report;
    const ids = (await world.rows()).map(({ id }) => id);
    expect(items.map(({ dekId }) => dekId).sort()).toEqual(ids.sort());
    expect(items[0]).toEqual({
      dekId: items[0]?.dekId,
      outcome: 'changed',
      from: `env/env/${old}`,
      to: `env/env/${target}`,
    });
    expect(evidence).toMatchObject({
      id: seal.id,
      node: process.version,
      command: `encrypt-migrate rewrap-deks --new-mek-version ${target}`,
      before: { belowEpoch: 0, census: { rows: NOTES, rotation: { epoch: 1, mekVersion: old } } },
      after: {
        belowEpoch: 0,
        census: { settled: true, rotation: { epoch: 2, mekVersion: target, state: 'complete' } },
      },
      failures: [],
      // Keys in this process are no vault.
      estimate: { rows: NOTES, vaultOps: 0 },
      took: { changed: NOTES, failed: 0, vaultOps: 0, throttled: 0 },
      documents: NOTHING_WRITTEN,
      items: { count: NOTES },
      unseen: [],
    });
    expect(evidence.who.user).not.toBe('');
    expect(evidence.throughput.at(-1)).toMatchObject({ changed: NOTES, failed: 0 });
    expect(evidence.digests?.map(({ state }) => state)).toEqual(Array(NOTES).fill('same'));
    expect(checks(findings)).toEqual([
      'ok documents-untouched',
      'ok rows-kept',
      'ok rows-on-target',
      'ok document-digests',
    ]);
    const lines = textOf(world, 'report.json').match(/^\{"dekId".*\}(?=,?$)/gm) ?? [];
    const digest = createHash('sha256').update(lines.map((line) => `${line}\n`).join(''));
    expect(evidence.items.sha256).toBe(digest.digest('hex'));
  });

  it('has what failed by code, once, although each scan tries it again', async () => {
    world = await CommandWorld.make({ notes: NOTES });
    const dekId = await damageRow(world);
    const args = ['rewrap-deks', '--new-mek-version', world.versions.new];
    const { outcome, report } = await reported(world, rewrapDeks.resultSchema, args);
    expect(outcome).toMatchObject({ code: 1 });
    const [failure] = report.evidence.failures;
    expect(failure).toMatchObject({ count: 1, examples: [dekId] });
    expect(report.evidence.took).toMatchObject({ changed: NOTES - 1, failed: 1 });
    expect(report.items.filter(({ outcome: how }) => how === 'failed')).toEqual([
      { dekId, outcome: 'failed', errorCode: failure?.code },
    ]);
    expect(checks(report.findings)).toContain('warn rows-on-target');
  });

  it('goes on without documents that cannot be read, and says so', async () => {
    world = await CommandWorld.make({ notes: NOTES });
    execute(world, 'notes.sqlite', 'DROP TABLE notes');
    const args = ['rewrap-deks', '--new-mek-version', world.versions.new];
    const { outcome, report } = await reported(world, rewrapDeks.resultSchema, args);
    expect(outcome).toMatchObject({ code: 0 });
    expect(report.evidence.digests).toEqual([]);
    expect(report.evidence.unseen.map(({ what }) => what)).toEqual(['The documents of "notes"']);
    expect(checks(report.findings)).toContain('unseen document-digests');
  });

  it('reads no document without a report', async () => {
    world = await CommandWorld.make({ notes: 1 });
    world.write('notes.sqlite', 'no database');
    const { code, stdout } = await world.run([
      'rewrap-deks',
      '--new-mek-version',
      world.versions.new,
    ]);
    expect(code).toBe(0);
    expect(stdout).not.toContain('document');
  });

  it('says what would change in a dry run', async () => {
    world = await CommandWorld.make({ notes: NOTES });
    const args = ['rewrap-deks', '--new-mek-version', world.versions.new, '--dry-run'];
    const { report } = await reported(world, rewrapDeks.resultSchema, args);
    expect(report.items.map(({ outcome }) => outcome)).toEqual(Array(NOTES).fill('would-change'));
    expect(report).toMatchObject({ dryRun: true, evidence: { took: { changed: 0 } } });
  });

  it('has the rows of a run that was stopped, and says that the state after was not seen', async () => {
    world = await CommandWorld.make({ notes: NOTES });
    const env = stopAt(world, { event: 'changed', count: 2 });
    Object.assign(world.env, env);
    const args = ['rewrap-deks', '--new-mek-version', world.versions.new, '--concurrency', '1'];
    const { outcome, report } = await reported(world, rewrapDeks.resultSchema, args);
    expect(outcome).toMatchObject({ code: 130 });
    expect(report.items.length).toBeGreaterThan(1);
    expect(report.evidence.after).toBeUndefined();
    expect(report.evidence.unseen).toEqual([
      { what: 'The state after', why: 'the mode did not come to its end' },
    ]);
  });
});

describe('the report of other modes', () => {
  it('of encrypt has the documents that were rewritten, and names none', async () => {
    world = await CommandWorld.make({ notes: 1, plainNotes: 3 });
    const { outcome, report } = await reported(world, encrypt.resultSchema, ['encrypt', '--yes']);
    expect(outcome).toMatchObject({ code: 0 });
    expect(report.evidence).toMatchObject({
      documents: { documentsRewritten: 3, documentsCreated: 0, writeCalls: 3 },
      took: { changed: 3 },
      before: { census: { rows: 1 } },
      after: { census: { rows: 4 } },
    });
    expect(report.evidence.documents?.bytesRewritten).toBeGreaterThan(300);
    expect(report.evidence.documents?.readCalls).toBeGreaterThan(0);
    expect(report.evidence.digests).toBeUndefined();
    expect(report.items).toEqual([]);
    expect(textOf(world, 'report.json')).not.toContain(noteOf(1).id);
  });

  it('of encrypt names documents with --document-keys', async () => {
    world = await CommandWorld.make({ plainNotes: 2 });
    const args = ['encrypt', '--yes', '--allow-empty', '--document-keys'];
    const { report } = await reported(world, encrypt.resultSchema, args);
    const item = { collection: 'notes', outcome: 'changed' };
    expect(report.items).toEqual(
      [0, 1].map((at) => ({ ...item, key: { workspaceId: 'w1', id: noteOf(at).id } })),
    );
  });

  it('of rollback has the estimate of rows that flip', async () => {
    world = await rotatedWorld({ notes: NOTES });
    const args = ['rollback', '--to-mek-version', world.versions.old, '--yes'];
    const { outcome, report } = await reported(world, rollback.resultSchema, args);
    expect(outcome).toMatchObject({ code: 0 });
    expect(report.evidence).toMatchObject({
      estimate: { rows: NOTES, vaultOps: 0 },
      took: { changed: NOTES },
      documents: NOTHING_WRITTEN,
      after: { census: { rotation: { epoch: 3, mekVersion: world.versions.old } } },
    });
    expect(checks(report.findings)).toContain('ok rows-on-target');
  });

  it('of verify and preflight has no items of their own dry runs', async () => {
    world = await CommandWorld.make({ notes: NOTES });
    const verified = await reported(world, verify.resultSchema, ['verify', '--open-wraps']);
    expect(verified.report).toMatchObject({ outcome: 'done', items: [] });
    expect(verified.report.evidence.documents).toMatchObject({ writeCalls: 0 });
    expect(verified.report.evidence.before).toBeUndefined();
    const other = await CommandWorld.make({ notes: 1 });
    const args = ['preflight', '--new-mek-version', other.versions.new];
    const checked = await reported(other, preflight.resultSchema, args);
    expect(checked.report).toMatchObject({ outcome: 'done', items: [] });
    expect(checked.report.findings.length).toBeGreaterThan(5);
    other.close();
  });

  it('of retire-check has its refusal', async () => {
    world = await CommandWorld.make({ notes: 1 });
    const args = ['retire-check', '--mek-version', world.versions.old];
    const flags = ['--soak', '1h', '--backup-window', '1d'];
    const { outcome, report } = await reported(world, retireCheck.resultSchema, [
      ...args,
      ...flags,
    ]);
    expect(outcome).toMatchObject({ code: 3 });
    expect(report).toMatchObject({ outcome: 'findings', items: [] });
    expect(checks(report.findings).every((each) => each.startsWith('fail'))).toBe(true);
  });

  it('of recovery-drill has the rows of the copy', async () => {
    const dekStore = { type: 'sqlite', file: 'copy.sqlite', driver: 'libsql' };
    world = await lostMekWorld({ notes: 4 }, (own) => ({
      ...own,
      copies: { drill: { dekStore } },
    }));
    copyDeks(world);
    const args = ['recovery-drill', '--copy', 'drill', '--private-key', 'recovery.pem', '--yes'];
    const { outcome, report } = await reported(world, recoveryDrill.resultSchema, args);
    expect(outcome).toMatchObject({ code: 0 });
    expect(report.items.map(({ outcome: how }) => how)).toEqual(Array(4).fill('changed'));
    expect(report.items.every(({ to }) => to?.startsWith('drill/'))).toBe(true);
  });
});
