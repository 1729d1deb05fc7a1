import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAuditTail } from '../../examples/notes-backend/src/ops/audit-tail.js';
import { RowHistory } from '../../examples/notes-backend/src/ops/row-history.js';
import { isCensusDue, RotationProgress } from '../../examples/notes-backend/src/ops/store-watch.js';
import { folderForTest } from '../support/notes-backend-process.js';

describe('the times at which rows are counted', () => {
  const isDue = (sinceMs: number, tookMs: number, isMoving: boolean): boolean =>
    isCensusDue({ now: 1_000_000, endedAt: 1_000_000 - sinceMs, tookMs, isMoving });

  it('are at once, then seldom, and sooner while a rotation moves', () => {
    expect(isCensusDue({ now: 0, tookMs: 0, isMoving: false })).toBe(true);
    expect([isDue(29_999, 5, false), isDue(30_000, 5, false)]).toEqual([false, true]);
    expect([isDue(1_999, 5, true), isDue(2_000, 5, true)]).toEqual([false, true]);
  });

  it('are a tenth of all time, where counting takes long', () => {
    expect([isDue(49_999, 5_000, true), isDue(50_000, 5_000, true)]).toEqual([false, true]);
    expect([isDue(49_999, 5_000, false), isDue(50_000, 5_000, false)]).toEqual([false, true]);
  });
});

describe('the progress of a rotation', () => {
  const rotation = {
    epoch: 2,
    state: 'rewrapping',
    keyProvider: 'env',
    mekName: 'env',
    mekVersion: 'b',
    startedAt: new Date(0).toISOString(),
    fenceTtlMs: 1_000,
    restored: false,
  } as const;

  it('has the speed of rows that move, and none where they have not moved for 30 seconds', () => {
    const progress = new RotationProgress();
    const perSecond = (behind: number, seconds: number): number | undefined =>
      progress.of(rotation, { live: 100, behind }, seconds * 1_000)?.perSecond;
    expect([perSecond(100, 0), perSecond(80, 10)]).toEqual([undefined, 2]);
    expect([perSecond(80, 39.999), perSecond(80, 40)]).toEqual([expect.closeTo(0.5), undefined]);
    // Measured from here on: the time in which nothing ran says nothing.
    expect(perSecond(40, 50)).toBe(4);
  });
});

describe('the history of rows', () => {
  it('sends on what is newer than a revision', () => {
    const history = new RowHistory();
    history.add(1, new Map([['a', 5]]), 1);
    history.add(
      2,
      new Map([
        ['b', 1],
        ['a', 4],
      ]),
      4,
    );
    history.add(3, new Map([['b', 5]]), 6);
    expect(history.versions).toEqual(['a', 'b']);
    expect(history.pointsAfter()).toEqual([
      [1, 5],
      [2, 4, 1],
      [3, 0, 5],
    ]);
    expect(history.pointsAfter(4)).toEqual([[3, 0, 5]]);
    expect(history.pointsAfter(6)).toEqual([]);
  });

  it('keeps the whole time in bounded memory, in less detail, and the newest points in full', () => {
    const history = new RowHistory();
    for (let at = 0; at < 20_000; at += 1) history.add(at, new Map([['a', at]]), at);
    const times = history.pointsAfter().map(([at]) => at);
    expect(times.length).toBeLessThanOrEqual(720);
    expect(times.length).toBeGreaterThan(300);
    expect(times[0]).toBe(0);
    expect(times.slice(-60)).toEqual(Array.from({ length: 60 }, (_, at) => 19_940 + at));
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  it('has no more than sixteen lines, whatever a database names', () => {
    const history = new RowHistory();
    history.add(1, new Map(Array.from({ length: 100 }, (_, at) => [`v${String(at)}`, 1])), 1);
    expect(history.versions).toHaveLength(16);
    expect(history.pointsAfter()[0]).toHaveLength(17);
  });
});

describe('the newest events of an audit file', () => {
  const line = (number: number, data: object = {}): string =>
    JSON.stringify({
      id: String(number),
      time: '2026-01-01T00:00:00.000Z',
      type: 'com.bytelyst.field-encrypt.operation.started.v1',
      data: { operation: { id: 'o', kind: 'run', name: 'rewrapAllDeks' }, ...data },
    });

  function fileWith(text: string): string {
    const file = join(folderForTest(), 'audit.jsonl');
    writeFileSync(file, text);
    return file;
  }

  it('are the last eight, the newest first, and only what is meant to be shown', async () => {
    const lines = Array.from({ length: 2_000 }, (_, at) => line(at, { dekIds: ['secret-dek'] }));
    const { events, failure } = await readAuditTail(fileWith(`${lines.join('\n')}\n`));
    expect(failure).toBeUndefined();
    expect(events.map(({ id }) => Number(id))).toEqual([
      1_999, 1_998, 1_997, 1_996, 1_995, 1_994, 1_993, 1_992,
    ]);
    expect(events[0]).toEqual({
      id: '1999',
      time: '2026-01-01T00:00:00.000Z',
      what: 'operation.started',
      name: 'rewrapAllDeks',
    });
  });

  it('leaves out what is no event', async () => {
    const nonsense = ['', '{', 'null', '[]', '{"id":1}', `${line(2)} (not recorded)`, '\u0000'];
    const file = fileWith([...nonsense, line(1), line(3).replace('started', '<b>')].join('\n'));
    appendFileSync(file, `\n${line(4).slice(0, 40)}`);
    expect((await readAuditTail(file)).events.map(({ id }) => id)).toEqual(['1']);
  });

  it('are none where there is no file, and say why where it cannot be read', async () => {
    const folder = folderForTest();
    expect(await readAuditTail(join(folder, 'absent'))).toEqual({ events: [] });
    mkdirSync(join(folder, 'folder'));
    expect(await readAuditTail(join(folder, 'folder'))).toEqual({ events: [], failure: 'EISDIR' });
  });
});
