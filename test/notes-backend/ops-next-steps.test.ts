import { describe, expect, it } from 'vitest';
import type { ReadinessReport } from '../../examples/notes-backend/src/diagnostics/readiness.js';
import { nextSteps, type Situation } from '../../examples/notes-backend/src/ops/next-steps.js';
import type { Rotation, Rows } from '../../examples/notes-backend/src/ops/store-watch.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const at = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1_000).toISOString();

const rotation = (more: Partial<Rotation> = {}): Rotation => ({
  epoch: 2,
  state: 'complete',
  keyProvider: 'env',
  mekName: 'env',
  mekVersion: 'new-version',
  fenceTtlMs: 30_000,
  startedAt: at(600),
  restored: false,
  ...more,
});

const rows = (more: Partial<Rows> = {}): Rows => ({
  number: 1,
  at: at(0),
  tookMs: 5,
  live: 10,
  shredded: 0,
  behind: 0,
  ahead: 0,
  unreadable: 0,
  settled: true,
  isOfRecord: true,
  versions: [],
  ...more,
});

const ready = (more: Partial<ReadinessReport> = {}): ReadinessReport => ({
  ready: true,
  stopping: false,
  checks: [],
  encryption: { enabled: true, mode: 'strict', fenceTtlMs: 30_000 },
  cache: { entries: 0, maxEntries: 1, ttlMs: 1 },
  plaintextReads: 0,
  definitionMismatches: 0,
  neverSeen: [],
  alarms: { tampered: 0 },
  warnings: [],
  information: [],
  ...more,
});

function stepsOf(more: Partial<Situation>) {
  return nextSteps({
    product: 'notelett',
    rotation: rotation(),
    rows: rows(),
    progress: undefined,
    failure: undefined,
    readiness: ready(),
    isRunningHere: false,
    now: NOW,
    ...more,
  });
}

const under = (mekVersion: string, previousWraps: number) => ({
  keyProvider: 'env',
  mekName: 'env',
  mekVersion,
  live: 0,
  previousWraps,
  isTarget: false,
});

const rewrapping = rotation({ state: 'rewrapping' });
const REWRAP =
  'npx encrypt-migrate rewrap-deks --key-provider env --new-mek-version new-version --product notelett';

describe('the next step', () => {
  it('is nothing, to wait, or the first note, where nothing is to be done', () => {
    expect(stepsOf({})).toEqual([{ level: 'ok', text: 'Nothing to do.' }]);
    expect(stepsOf({ rows: undefined })).toEqual([
      { level: 'wait', text: 'The rows of keys are being counted.' },
    ]);
    // The rotation has just become complete: how many missed it is not known yet.
    expect(stepsOf({ rows: rows({ behind: 5, isOfRecord: false }) })[0]?.level).toBe('wait');
    expect(stepsOf({ rotation: undefined, rows: rows({ live: 0 }) })).toEqual([
      { level: 'ok', text: 'Nothing is encrypted yet: the first note makes the first key.' },
    ]);
  });

  it('is to wait while a rotation moves, and its command where it has stopped', () => {
    const behind = rows({ behind: 4, settled: false });
    const moving = { done: 6, of: 10, movedAt: at(5) };
    const stepOf = (more: Partial<Situation>) =>
      stepsOf({ rotation: rewrapping, rows: behind, ...more });
    expect(stepOf({ progress: moving })).toEqual([
      {
        level: 'wait',
        text: 'The rotation to new-version is under way. Wait until it is complete.',
      },
    ]);
    const still = { ...moving, movedAt: at(31) };
    expect(stepOf({ progress: still })).toEqual([
      {
        level: 'act',
        text: 'The rotation to new-version has stopped, with 4 keys left. The same command continues it.',
        command: REWRAP,
      },
    ]);
    expect(stepOf({ progress: still, isRunningHere: true })[0]?.level).toBe('wait');
  });

  it('leaves a rotation the time of its fence', () => {
    const fencing = rotation({ state: 'fencing' });
    const levelAfter = (seconds: number) =>
      stepsOf({
        rotation: fencing,
        rows: rows({ behind: 10 }),
        progress: { done: 0, of: 10, movedAt: at(seconds) },
      })[0]?.level;
    expect([levelAfter(31), levelAfter(89), levelAfter(91)]).toEqual(['wait', 'wait', 'act']);
  });

  it('is to rotate again where keys missed it', () => {
    expect(stepsOf({ rows: rows({ behind: 1, settled: false }) })).toEqual([
      {
        level: 'act',
        text: '1 key missed the rotation to new-version. Run it again.',
        command: REWRAP,
      },
    ]);
  });

  it('is to verify, to prune and then to retire after a rotation', () => {
    const rotated = rotation({ earlierVersion: 'old-version' });
    const kept = rows({ versions: [under('old-version', 10)] });
    expect(stepsOf({ rotation: rotated, rows: kept }).map(({ command }) => command)).toEqual([
      'npx encrypt-migrate verify --new-mek-version new-version --product notelett',
      'npx encrypt-migrate prune --soak 24h --product notelett',
    ]);
    expect(stepsOf({ rotation: rotated }).map(({ command }) => command)).toEqual([
      'npx encrypt-migrate retire-check --mek-version old-version --soak 24h --backup-window 30d --product notelett',
    ]);
  });

  it.each<[string, Partial<Situation>, string | undefined]>([
    [
      'The rows of keys cannot be read: STORE_UNAVAILABLE.',
      { failure: 'STORE_UNAVAILABLE' },
      'status',
    ],
    ['2 rows of keys cannot be read.', { rows: rows({ unreadable: 2 }) }, 'doctor'],
    ['The rotation record is older', { rows: rows({ ahead: 1 }) }, 'adopt-restore --dry-run'],
    [
      'The rotation record is older',
      { rotation: rotation({ restored: true }) },
      'adopt-restore --dry-run',
    ],
    ['There are keys, and no rotation record.', { rotation: undefined }, 'adopt-restore --dry-run'],
    ['1 note failed as tampered.', { readiness: ready({ alarms: { tampered: 1 } }) }, undefined],
    [
      'The check “notes” fails: TIMEOUT.',
      {
        readiness: ready({
          checks: [{ name: 'notes', ok: false, durationMs: 1, code: 'TIMEOUT' }],
        }),
      },
      undefined,
    ],
  ])('is an alarm first: %s', (text, situation, mode) => {
    const [first] = stepsOf(situation);
    expect(first?.level).toBe('alarm');
    expect(first?.text.startsWith(text)).toBe(true);
    const command = mode && `npx encrypt-migrate ${mode} --product notelett`;
    expect(first?.command).toBe(command);
  });

  it('names the key too, where the provider has another name', () => {
    const [step] = stepsOf({
      rotation: rotation({ keyProvider: 'akv', mekName: 'notes-mek' }),
      rows: rows({ behind: 1 }),
    });
    expect(step?.command).toBe(REWRAP.replace('-provider env', '-provider akv/notes-mek'));
  });

  it('has commands that a shell takes as they are, whatever the names are', () => {
    const name = `x'; rm -rf "$HOME" #`;
    const [step] = stepsOf({
      product: name,
      rotation: rotation({ mekVersion: name, keyProvider: name, mekName: name }),
      rows: rows({ behind: 1 }),
    });
    const quoted = String.raw`'x'\''; rm -rf "$HOME" #'`;
    expect(step?.command).toBe(
      `npx encrypt-migrate rewrap-deks --key-provider ${quoted} --new-mek-version ${quoted} --product ${quoted}`,
    );
  });
});
