import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { RunCounts } from '@bytelyst/field-encrypt';
import { ManualClock } from '@bytelyst/field-encrypt/testing';
import { describe, expect, it } from 'vitest';
import { Progress } from '../../../command/report/progress.js';

const NOTHING = { scanned: 0, changed: 0, unchanged: 0, skipped: 0, failed: 0, wouldChange: 0 };

function counts(scanned: number, failed = 0): RunCounts {
  return { ...NOTHING, scanned, changed: scanned - failed, failed };
}

/** What is written, part by part. */
function shown({
  isTTY = true,
  columns = 200,
  rows = 24,
  maxVaultOps,
}: {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly maxVaultOps?: number;
} = {}) {
  const clock = new ManualClock();
  const stream = Object.assign(new PassThrough(), { isTTY, columns, rows });
  const parts: string[] = [];
  stream.on('data', (part: Buffer) => parts.push(part.toString()));
  const figures = { vaultOps: 0, throttled: 0 };
  const progress = new Progress({ stream, clock, vault: () => figures, maxVaultOps });
  const lines = (): string[] =>
    parts
      .flatMap((part) => stripVTControlCharacters(part).split('\n'))
      .filter((line) => line.trim() !== '');
  return { clock, progress, parts, lines, figures };
}

function beginScan(progress: Progress): void {
  progress.begin('rewrap-deks');
  progress.event({ type: 'pass', pass: 1, purpose: 'change', total: 1_000 });
}

describe('progress on a terminal', () => {
  it('is one line that is redrawn at most ten times a second', () => {
    const { clock, progress, parts, lines } = shown();
    beginScan(progress);
    const before = parts.length;
    for (let at = 1; at <= 1_000; at += 1) {
      clock.advance(1);
      progress.event({ type: 'changed', counts: counts(at) });
    }
    const draws = lines().slice(1);
    expect(draws.length).toBeGreaterThanOrEqual(9);
    expect(draws.length).toBeLessThanOrEqual(10);
    expect(parts.length - before).toBeLessThanOrEqual(2 * draws.length);
  });

  it.each([
    [20, 'scan 1, 500/1,000'],
    [30, 'scan 1, 500/1,000, failed 0'],
    [34, 'rewrap-deks: scan 1, 500/1,000'],
  ])('says how far it is in a window of %i columns', (columns, line) => {
    const { clock, progress, lines } = shown({ columns });
    beginScan(progress);
    clock.advance(1_000);
    progress.event({ type: 'changed', counts: counts(500) });
    expect(lines().at(-1)?.trim()).toBe(line);
  });

  it('says what is done, the rate, the time left, the failures and the vault operations', () => {
    const { clock, progress, lines, figures } = shown({ maxVaultOps: 100 });
    beginScan(progress);
    Object.assign(figures, { vaultOps: 500, throttled: 3 });
    clock.advance(10_000);
    progress.event({ type: 'changed', counts: counts(250, 2) });
    expect(lines().at(-1)).toBe(
      'rewrap-deks: scan 1, 250/1,000, failed 2, 25/s, 30s left, throttled 3, vault operations 50 of 100/s',
    );
  });

  it.each([20, 40, 60, 80, 120])('is whole in a window of %d columns', (columns) => {
    const { clock, progress, lines } = shown({ columns, maxVaultOps: 100 });
    beginScan(progress);
    clock.advance(1_000);
    progress.event({ type: 'changed', counts: counts(999_999) });
    clock.advance(1_000);
    progress.event({ type: 'fence', remainingMs: 30_000 });
    clock.advance(1_000);
    progress.event({ type: 'passed', counts: counts(999_999) });
    const tooLong = lines().filter((line) => line.length >= columns);
    expect(tooLong).toEqual([]);
    // In the narrowest window two of the four are the same.
    expect(lines().length).toBeGreaterThanOrEqual(3);
  });

  it('is shown on a terminal that does not know its size', () => {
    const { clock, progress, lines } = shown({ columns: 0, rows: 0 });
    beginScan(progress);
    clock.advance(1_000);
    progress.event({ type: 'changed', counts: counts(250) });
    expect(lines()).toEqual([
      'rewrap-deks: scan 1 of 1,000 begins',
      'rewrap-deks: scan 1, 250/1,000, failed 0, 250/s, 3s left, throttled 0',
    ]);
  });

  it('keeps the line of each finished scan', () => {
    const { progress, parts } = shown();
    beginScan(progress);
    progress.event({ type: 'passed', counts: counts(1_000) });
    const kept = parts.length;
    progress.event({ type: 'pass', pass: 2, purpose: 'verify', total: 1_000 });
    progress.end();
    expect(stripVTControlCharacters(parts.slice(0, kept).join(''))).toContain(
      'scan 1 done, changed 1,000, failed 0, unchanged 0, skipped 0\n',
    );
    // The cursor moves up over the line of the second scan, and no further.
    expect(parts.slice(kept).join('').split('\u001B[1A').length - 1).toBe(1);
  });

  it('leaves no unfinished line behind', () => {
    const { progress, parts } = shown();
    beginScan(progress);
    progress.end();
    const last = parts.join('').lastIndexOf('begins');
    // The line is erased, and nothing is drawn after it.
    const rest = parts.join('').slice(last + 'begins'.length);
    expect(stripVTControlCharacters(rest).trim()).toBe('');
    expect(rest).toContain('\u001B[2K');
  });
});

describe('progress in a pipe', () => {
  it('is a line at the begin and the end of each scan, and every ten seconds', () => {
    const { clock, progress, lines, parts } = shown({ isTTY: false });
    beginScan(progress);
    for (let second = 1; second <= 25; second += 1) {
      clock.advance(1_000);
      progress.event({ type: 'changed', counts: counts(second * 10) });
    }
    progress.event({ type: 'passed', counts: counts(250, 1) });
    expect(lines()).toEqual([
      'rewrap-deks: scan 1 of 1,000 begins',
      'rewrap-deks: scan 1, 100/1,000, failed 0, 10/s, 1m 30s left, throttled 0, vault operations 0',
      'rewrap-deks: scan 1, 200/1,000, failed 0, 10/s, 1m 20s left, throttled 0, vault operations 0',
      'rewrap-deks: scan 1 done, changed 249, failed 1, unchanged 0, skipped 0',
    ]);
    expect(parts.join('')).not.toContain('\u001B');
  });

  it('says how long a wait takes', () => {
    const { progress, lines, clock } = shown({ isTTY: false });
    progress.begin('rewrap-deks');
    for (let left = 30_000; left > 0; left -= 1_000) {
      progress.event({ type: 'fence', remainingMs: left });
      clock.advance(1_000);
    }
    expect(lines()).toEqual([
      'rewrap-deks: waiting for writers, 30s left',
      'rewrap-deks: waiting for writers, 20s left',
      'rewrap-deks: waiting for writers, 10s left',
    ]);
  });
});
