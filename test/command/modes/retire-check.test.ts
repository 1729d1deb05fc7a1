import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/retire-check.js';
import { reportIn } from '../../support/command-report.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { CommandWorld, PRODUCT } from '../../support/command-world.js';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.make({ notes: 2 });
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function check(...args: readonly string[]) {
  const command = ['retire-check', '--json', '--mek-version', world.versions.old];
  const outcome = await world.run([...command, ...args]);
  const report = reportIn(outcome, resultSchema);
  return { ...outcome, report, result: report.result as ReturnType<typeof resultSchema.parse> };
}

/** Moves every row to the new version, and its times to the past. */
async function rotate({ hoursAgo = 0, pruned = true, fenceTtlMs = 1_000 } = {}): Promise<void> {
  const { old: previous, new: key } = world.keys;
  const provider = new EnvKeyProvider({ key, previousKeys: [previous] });
  const target = { mekVersion: world.versions.new };
  for await (const event of rewrapAllDeks(world.encryptorWith(provider), { target })) {
    expect(event.type).not.toBe('failed');
  }
  const back = (text: unknown): string =>
    new Date(Date.parse(String(text)) - hoursAgo * 3_600_000).toISOString();
  const { dekStore } = world;
  const { items } = await dekStore.list({ product: PRODUCT });
  for (const { value, etag } of items) {
    const { previousWrap, ...row } = value as Record<string, unknown>;
    const kept = pruned ? row : { ...row, previousWrap };
    const moved = { ...kept, rewrappedAt: back(row['rewrappedAt']) };
    await dekStore.replace(moved as never, etag);
  }
  const item = await dekStore.getItem(`rotation:${PRODUCT}`, 'rotation');
  const { startedAt, fencedAt, completedAt, history, ...record } = item?.value as Record<
    string,
    never
  >;
  const times = { startedAt: back(startedAt), fencedAt: back(fencedAt) };
  const earlier = (history as unknown as Record<string, string>[]).map((entry) => ({
    ...entry,
    startedAt: back(entry['startedAt']),
    completedAt: back(entry['completedAt']),
  }));
  const changed = {
    ...record,
    fenceTtlMs,
    ...times,
    completedAt: back(completedAt),
    history: earlier,
  };
  await dekStore.replaceItem(changed as never, item?.etag ?? '');
}

const PERIODS = ['--soak', '24h', '--backup-window', '30d'];

describe('retire-check', () => {
  it('says yes once the soak and the backup window are over', async () => {
    await rotate({ hoursAgo: 31 * 24 });
    const { code, result, report } = await check(...PERIODS);
    expect(code).toBe(0);
    expect(result).toMatchObject({ retirable: true, reasons: [], pending: [], soakMs: 86_400_000 });
    expect(result.waitedMs).toBeGreaterThanOrEqual(1_000);
    expect(report).toMatchObject({ findings: [], next: [] });
  });

  it('names both periods while neither is over, and the later time as the one to ask again', async () => {
    await rotate();
    const { code, result, report } = await check(...PERIODS);
    expect(code).toBe(3);
    const leftMs = Date.parse(String(result.leftAt));
    const soak = new Date(leftMs + 24 * 3_600_000).toISOString();
    const backups = new Date(leftMs + 30 * 24 * 3_600_000).toISOString();
    expect(result.reasons).toMatchObject([
      { type: 'soak', until: soak },
      { type: 'backups', until: backups },
    ]);
    expect(result).toMatchObject({ retirable: false, from: backups, pending: [] });
    expect(report.findings.map(({ message }) => message)).toEqual([
      `the last row left the version at ${String(result.leftAt)}: the soak of 1d is over at ${soak}`,
      `the last row left the version at ${String(result.leftAt)}: the backup window of 30d is over at ${backups}`,
    ]);
    expect(report.next).toEqual([
      {
        why: `To ask again after ${backups}`,
        command: `encrypt-migrate retire-check --mek-version ${world.versions.old} --soak 24h --backup-window 30d`,
      },
    ]);
  });

  it('names the soak alone where it is the longer one', async () => {
    await rotate({ hoursAgo: 24 });
    const { code, result } = await check('--soak', '48h', '--backup-window', '12h');
    expect(code).toBe(3);
    expect(result.reasons).toMatchObject([{ type: 'soak' }]);
    expect(result.from).toBe(result.reasons[0]?.until);
  });

  it('names what does not end by itself, with the command that ends it', async () => {
    await rotate({ hoursAgo: 31 * 24, pruned: false });
    const { code, result, report } = await check(...PERIODS);
    expect(code).toBe(3);
    expect(result).toMatchObject({ pending: ['previous-wraps'] });
    expect(result.from).toBeUndefined();
    expect(report.findings).toMatchObject([
      {
        check: 'previous-wraps',
        command: `encrypt-migrate prune --mek-version ${world.versions.old} --soak 24h`,
      },
    ]);
    expect(report.next).toMatchObject([
      { why: 'To ask again, once the findings without a time are resolved' },
    ]);
  });

  it('names every reason at once, and a time before which it cannot say yes', async () => {
    const { code, result, report } = await check(...PERIODS);
    expect(code).toBe(3);
    expect(result.reasons.map(({ type }) => type)).toEqual([
      'current-target',
      'rows',
      'soak',
      'backups',
    ]);
    expect(result.pending).toEqual(['current-target', 'rows']);
    expect(result.from).toBe(result.reasons.at(-1)?.until);
    const [target, rows] = report.findings;
    expect(target?.command).toBe('encrypt-migrate rewrap-deks --new-mek-version VERSION');
    expect(rows?.command).toBe(target?.command);
    expect(report.findings.at(-1)?.message).toMatch(/^rows may still be under .* or later$/);
  });

  it('names the rotation that takes the rows, where it is unfinished', async () => {
    const { dekStore, versions } = world;
    const item = await dekStore.getItem(`rotation:${PRODUCT}`, 'rotation');
    const { ...record } = item?.value as Record<string, unknown>;
    delete record['completedAt'];
    const begun = { ...record, mekVersion: versions.new, epoch: 2, state: 'fencing' };
    await dekStore.replaceItem(begun as never, item?.etag ?? '');
    const { code, report } = await check(...PERIODS);
    expect(code).toBe(3);
    expect(report.findings.slice(0, 2)).toMatchObject(
      ['rotation-unfinished', 'rows'].map((type) => ({
        check: type,
        command: `encrypt-migrate rewrap-deks --key-provider env --new-mek-version ${versions.new}`,
      })),
    );
  });

  it('prints the time for people', async () => {
    await rotate();
    const args = ['retire-check', '--mek-version', world.versions.old, ...PERIODS];
    const { code, stdout } = await world.run(args);
    expect(code).toBe(3);
    expect(stdout).toContain(`${world.versions.old} is still needed`);
    expect(stdout).toMatch(/would say yes from +2\d{3}-\d\d-\d\dT/);
  });

  it('needs both periods, from the command line or the configuration', async () => {
    const { code, report } = await check('--soak', '24h');
    expect(code).toBe(2);
    expect(report.error?.message).toBe(
      '--backup-window is missing: pass it, or set retention.backupWindow of the product',
    );
    await world[Symbol.asyncDispose]();
    world = await CommandWorld.make({
      notes: 1,
      config: ({ products: { notelett } }) => ({
        products: { notelett: { ...notelett, retention: { soak: '2h', backupWindow: '3h' } } },
      }),
    });
    const { code: second, result } = await check();
    expect(second).toBe(3);
    expect(result).toMatchObject({ soakMs: 7_200_000, backupWindowMs: 10_800_000 });
  });

  it('refuses a version that the product never used', async () => {
    const unknown = 'env-0123456789abcdef';
    const args = ['retire-check', '--json', '--mek-version', unknown, ...PERIODS];
    const outcome = await world.run(args);
    expect(outcome.code).toBe(2);
    expect(reportIn(outcome, resultSchema).error?.message).toContain(unknown);
  });

  it('prints the command that asks again after it was interrupted', async () => {
    await rotate({ hoursAgo: 31 * 24, fenceTtlMs: 600_000 });
    const args = ['retire-check', '--mek-version', world.versions.old, ...PERIODS];
    const started = world.start(args);
    const seen = (): boolean => started.printed.stderr.includes('waiting for writers');
    const ended = { is: false };
    void started.ended.then(() => (ended.is = true));
    while (!seen() && !ended.is) await new Promise(setImmediate);
    started.kill('SIGINT');
    const { code, stderr } = await started.ended;
    expect(code).toBe(130);
    expect(stderr).toContain(`encrypt-migrate retire-check --mek-version ${world.versions.old}`);
  });

  it('writes nothing', async () => {
    await rotate({ hoursAgo: 31 * 24 });
    const before = fingerprint(world);
    await check(...PERIODS);
    expect(fingerprint(world)).toEqual(before);
  });
});
