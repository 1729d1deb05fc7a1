import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CloudEvent } from 'cloudevents';
import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-event.js';
import { FileAuditSink } from '../../src/audit-sinks/index.js';
import { ManualClock } from '../../src/testing/index.js';
import { auditEvent } from '../support/audit-events.js';
import { rejection } from '../support/failure.js';
import { newFolder } from './audit-folder.js';
import { disturb, halfThenFull } from './file-faults.js';
import { fileSink } from './sinks.js';

const MARK = ' (not recorded)';

function linesOf(file: string): readonly string[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

function recorded(file: string): readonly number[] {
  const whole = linesOf(file).filter((line) => !line.endsWith(MARK));
  return whole.map((line) => Number((JSON.parse(line) as AuditEvent).sequence));
}

function newFile(): string {
  return join(newFolder(), 'audit.jsonl');
}

describe('FileAuditSink', () => {
  it('writes one event in each line, for its owner alone', async () => {
    const file = newFile();
    const sink = fileSink({ file });
    const events = [1, 2].map((number) => auditEvent(number, { facts: { text: 'ä\n\u2028' } }));
    for (const event of events) await sink.write(event);
    expect(linesOf(file)).toEqual(events.map((event) => JSON.stringify(event)));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const line of linesOf(file)) {
      expect(new CloudEvent({ ...(JSON.parse(line) as AuditEvent) }).validate()).toBe(true);
    }
  });

  it('resolves once the event is on disk, and flushes once for those that wait for each other', async () => {
    const file = newFile();
    const sink = fileSink({ file });
    const seen: string[] = [];
    await disturb('datasync', async (original) => {
      seen.push('flush');
      await original();
      seen.push('flushed');
    });
    await sink.write(auditEvent(1)).then(() => seen.push('resolved'));
    expect(seen).toEqual(['flush', 'flushed', 'resolved']);
    const numbers = Array.from({ length: 100 }, (_each, index) => index + 2);
    await Promise.all(numbers.map((number) => sink.write(auditEvent(number))));
    expect(seen.filter((each) => each === 'flush').length).toBeLessThanOrEqual(3);
    expect(recorded(file)).toEqual([1, ...numbers]);
  });

  it('renames a file that would become too long, and deletes nothing', async () => {
    const file = newFile();
    const clock = new ManualClock();
    const sink = fileSink({ file, clock, maxBytes: 1_024 });
    for (let number = 1; number <= 12; number += 1) await sink.write(auditEvent(number));
    const names = readdirSync(join(file, '..')).sort();
    expect(names[0]).toBe('audit.jsonl');
    const rotated = names.slice(1);
    expect(rotated.length).toBeGreaterThan(2);
    for (const name of rotated)
      expect(name).toMatch(/^audit\.jsonl\.20260101T000000000Z-[0-9a-f]{8}$/);
    const all = names.map((name) => join(file, '..', name));
    for (const each of all) expect(statSync(each).size).toBeLessThanOrEqual(1_024);
    const numbers = all.flatMap(recorded).sort((one, other) => one - other);
    expect(numbers).toEqual(Array.from({ length: 12 }, (_each, index) => index + 1));
  });

  it('writes an event that is longer than a file may be, in a file of its own', async () => {
    const file = newFile();
    const sink = fileSink({ file, maxBytes: 1_024 });
    const long = { text: 'x'.repeat(5_000) };
    for (const number of [1, 2, 3]) await sink.write(auditEvent(number, { facts: long }));
    const names = readdirSync(join(file, '..'));
    expect(names).toHaveLength(3);
  });

  it('notices that another process has rotated the file', async () => {
    const file = newFile();
    const [one, other] = [fileSink({ file, maxBytes: 1_024 }), fileSink({ file, maxBytes: 1_024 })];
    for (let number = 1; number <= 20; number += 2) {
      await one.write(auditEvent(number));
      await other.write(auditEvent(number + 1));
    }
    const all = readdirSync(join(file, '..')).map((name) => join(file, '..', name));
    const numbers = all.flatMap(recorded).sort((left, right) => left - right);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_each, index) => index + 1));
  });

  it('makes the name of a new file durable too', async () => {
    const file = newFile();
    const sink = fileSink({ file, maxBytes: 1_024 });
    let flushes = 0;
    await disturb('sync', async (original) => {
      await original();
      flushes += 1;
    });
    await sink.write(auditEvent(1));
    expect(flushes).toBe(1);
    await sink.write(auditEvent(2));
    expect(flushes).toBe(1);
    for (const number of [3, 4]) await sink.write(auditEvent(number));
    // Once for the old name, once for the new one.
    expect(flushes).toBe(3);
  });

  it('does not rename a file that another process has just begun', async () => {
    const file = newFile();
    const sink = fileSink({ file, maxBytes: 1_024 });
    for (const number of [1, 2, 3]) await sink.write(auditEvent(number));
    let isRotated = false;
    await disturb('stat', (original) => {
      if (!isRotated) {
        renameSync(file, `${file}.20250101T000000000Z-01234567`);
        writeFileSync(file, `${JSON.stringify(auditEvent(4))}\n`);
      }
      isRotated = true;
      return original();
    });
    await sink.write(auditEvent(5));
    expect(recorded(file)).toEqual([4, 5]);
    expect(readdirSync(join(file, '..'))).toHaveLength(2);
  });

  it('renames nothing that another process made meanwhile', async () => {
    const file = newFile();
    const sink = fileSink({ file, maxBytes: 1_024 });
    for (const number of [1, 2]) await sink.write(auditEvent(number));
    const others = [1, 2, 3, 4].map(() => fileSink({ file, maxBytes: 1_024 }));
    await Promise.all(others.map((each, index) => each.write(auditEvent(index + 3))));
    const all = readdirSync(join(file, '..')).map((name) => join(file, '..', name));
    expect(all.flatMap(recorded).sort((left, right) => left - right)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('a line that was cut off', () => {
  it.each(['{"specversion"', JSON.stringify(auditEvent(9))])('is marked: %s', async (torn) => {
    const file = newFile();
    writeFileSync(file, `${JSON.stringify(auditEvent(1))}\n${torn}`);
    await fileSink({ file }).write(auditEvent(2));
    expect(linesOf(file)[1]).toBe(`${torn}${MARK}`);
    expect(recorded(file)).toEqual([1, 2]);
  });

  it('is marked before its file is renamed', async () => {
    const file = newFile();
    writeFileSync(file, `${JSON.stringify(auditEvent(1))}\n{"specversion":"${'x'.repeat(1_000)}`);
    await fileSink({ file, maxBytes: 1_024 }).write(auditEvent(2));
    const [, rotated = ''] = readdirSync(join(file, '..')).sort();
    const renamed = join(file, '..', rotated);
    expect(recorded(renamed)).toEqual([1]);
    expect(linesOf(renamed)[1]).toMatch(/ \(not recorded\)$/);
    expect(recorded(file)).toEqual([2]);
  });

  it('does not take an event with it that was written at the same time', async () => {
    const file = newFile();
    const sink = fileSink({ file });
    await sink.write(auditEvent(1));
    let isTorn = false;
    await disturb('write', async (original, args) => {
      // Between the look at the end of the file and the write.
      if (!isTorn) appendFileSync(file, '{"specversion"');
      isTorn = true;
      return original(...args);
    });
    await sink.write(auditEvent(2));
    const whole = linesOf(file).filter((line) => line.startsWith('{"specversion":"1.0"'));
    expect(whole.map((line) => (JSON.parse(line) as AuditEvent).sequence)).toEqual([
      '0000000001',
      '0000000002',
    ]);
  });

  it('is left by a full disk: the event is refused, and the next ones are written', async () => {
    const file = newFile();
    const sink = fileSink({ file });
    await sink.write(auditEvent(1));
    const restore = await disturb('write', halfThenFull);
    const error = await rejection(sink.write(auditEvent(2)));
    expect(error).toMatchObject({
      code: 'AUDIT_FAILED',
      message: `The audit file "${file}" was not written (ENOSPC), and the event is not recorded: free space on its disk, and try again`,
      cause: { code: 'ENOSPC' },
    });
    restore();
    await sink.write(auditEvent(3));
    expect(recorded(file)).toEqual([1, 3]);
    expect(linesOf(file)[1]).toMatch(/^\{"specversion".+ \(not recorded\)$/);
  });

  it('is marked at once where the system took a part of it', async () => {
    const file = newFile();
    const sink = fileSink({ file });
    let isShort = false;
    await disturb('write', (original, [bytes, ...rest]) => {
      const part = isShort ? bytes : (bytes as Buffer).subarray(0, -1);
      isShort = true;
      return original(part, ...rest);
    });
    const error = await rejection(sink.write(auditEvent(1)));
    expect(error).toMatchObject({ code: 'AUDIT_FAILED' });
    expect(linesOf(file)).toHaveLength(1);
    expect(recorded(file)).toEqual([]);
  });

  it('is no event where the disk fails to flush: it is refused', async () => {
    const file = newFile();
    const sink = fileSink({ file });
    const restore = await disturb('datasync', () =>
      Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })),
    );
    const error = await rejection(sink.write(auditEvent(1)));
    expect(error).toMatchObject({
      message: `The audit file "${file}" was not written (EIO), and the event is not recorded: see the cause, and try again`,
    });
    restore();
    await sink.write(auditEvent(2));
  });
});

describe('operations that have not ended', () => {
  const START = { what: 'operation.started' } as const;
  const ENDS = [
    'operation.finished',
    'operation.stopped',
    'operation.refused',
    'operation.failed',
  ] as const;

  /** As another process leaves it. */
  function leave(file: string, event: AuditEvent, holder: string, agoMs = 0): string {
    mkdirSync(`${file}.open`, { recursive: true });
    const { id } = event.data['operation'] as { id: string };
    const path = join(`${file}.open`, `${id}~${holder}.open`);
    writeFileSync(path, `${JSON.stringify(event)}\n`);
    const time = new Date(Date.now() - agoMs);
    utimesSync(path, time, time);
    return path;
  }

  const host = hostname()
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, 64);
  /** Above what a system gives. */
  const GONE_PID = 2 ** 30;

  it.each(ENDS)('are known by a file each, until %s', async (what) => {
    const file = newFile();
    const sink = fileSink({ file });
    const start = auditEvent(1, START);
    await sink.write(start);
    const [name = ''] = readdirSync(`${file}.open`);
    expect(readFileSync(join(`${file}.open`, name), 'utf8')).toBe(`${JSON.stringify(start)}\n`);
    expect(statSync(join(`${file}.open`, name)).mode & 0o777).toBe(0o600);
    expect(statSync(`${file}.open`).mode & 0o777).toBe(0o700);
    // The process of the file lives, for any process that asks.
    expect(await fileSink({ file }).unfinished()).toEqual([]);
    await sink.write(auditEvent(2, { what }));
    expect(readdirSync(`${file}.open`)).toEqual([]);
  });

  it('are known before their start is written, and no more where it is refused', async () => {
    const file = newFile();
    const sink = fileSink({ file });
    const seen: number[] = [];
    const restore = await disturb('datasync', async (original) => {
      seen.push(readdirSync(`${file}.open`).length);
      if (seen.length === 2) throw new Error('Not flushed');
      await original();
    });
    expect(await rejection(sink.write(auditEvent(1, START)))).toMatchObject({
      code: 'AUDIT_FAILED',
    });
    restore();
    expect(seen).toEqual([1, 1]);
    expect(readdirSync(`${file}.open`)).toEqual([]);
  });

  it.each([
    ['a process that has ended', `${String(GONE_PID)}-0-0123abcd-${host}`, 0, true],
    ['a process that lives', `${String(process.ppid)}-0-0123abcd-${host}`, 0, false],
    [
      'a number that another process has now',
      `${String(process.ppid)}-0-0123abcd-${host}`,
      600_000,
      true,
    ],
    ['an earlier process with this number', `${String(process.pid)}-0-0123abcd-${host}`, 0, true],
    ['another host, lately', `${String(GONE_PID)}-0-0123abcd-other.host`, 590_000, false],
    ['another host, 10 minutes ago', `${String(GONE_PID)}-0-0123abcd-other.host`, 600_000, true],
  ])('of %s', async (_what, holder, agoMs, isUnfinished) => {
    const file = newFile();
    const start = auditEvent(1, START);
    leave(file, start, holder, agoMs);
    expect(await fileSink({ file }).unfinished()).toEqual(isUnfinished ? [start] : []);
  });

  it('of a sink that is closed in this process', async () => {
    const file = newFile();
    const sink = new FileAuditSink({ file });
    const start = auditEvent(1, START);
    await sink.write(start);
    await sink.close();
    const next = fileSink({ file });
    expect(await next.unfinished()).toEqual([start]);
    expect(await rejection(sink.write(auditEvent(2)))).toMatchObject({
      code: 'AUDIT_FAILED',
      message: `The audit file "${file}" is closed, and the event is not recorded: close the sink last`,
    });
  });

  it('are returned the oldest first, until a takeover of each is recorded', async () => {
    const file = newFile();
    const holder = `${String(GONE_PID)}-0-0123abcd-${host}`;
    const starts = ['b', 'a', 'id with /..\\'].map((operation, index) => ({
      ...auditEvent(1, { ...START, operation: operation.startsWith('id') ? 'c' : operation }),
      time: `2026-01-01T00:00:0${String(index)}.000Z`,
    }));
    for (const start of [...starts].reverse()) leave(file, start, holder);
    // Cut off when its process ended: its start was not written.
    const cut = leave(file, auditEvent(1, { ...START, operation: 'd' }), holder);
    writeFileSync(cut, '{"specversion"');
    const sink = fileSink({ file });
    expect(await sink.unfinished()).toEqual(starts);
    const facts = { earlier: { operationId: 'a' } };
    await sink.write(auditEvent(2, { what: 'operation.taken-over', facts }));
    expect(await sink.unfinished()).toEqual([starts[0], starts[2]]);
    expect(readdirSync(`${file}.open`)).toHaveLength(2);
  });

  it('are kept under names that are safe, whatever their id is', async () => {
    const file = newFile();
    const sink = fileSink({ file });
    for (const operation of ['../../escape', 'a~b', 'x'.repeat(300)]) {
      await sink.write(auditEvent(1, { ...START, operation }));
      expect(readdirSync(`${file}.open`)[0]).toMatch(/^[0-9a-f]{64}~/);
      await sink.write(auditEvent(2, { what: 'operation.finished', operation }));
      expect(readdirSync(`${file}.open`)).toEqual([]);
    }
  });

  it('are touched each minute while their process lives', async () => {
    const file = newFile();
    const clock = new ManualClock();
    const sink = fileSink({ file, clock });
    await sink.write(auditEvent(1, START));
    const [name = ''] = readdirSync(`${file}.open`);
    for (const minute of [1, 2, 3]) {
      await clock.run(60_000);
      await (await open(file)).close();
      const { mtimeMs } = statSync(join(`${file}.open`, name));
      expect(mtimeMs).toBe(Date.UTC(2026, 0, 1) + minute * 60_000);
    }
  });

  it('are not readable: the folder is named', async () => {
    const file = newFile();
    writeFileSync(`${file}.open`, 'a file');
    expect(await rejection(fileSink({ file }).unfinished())).toMatchObject({
      code: 'AUDIT_FAILED',
      message: `The folder "${file}.open" was not read (ENOTDIR): name a folder that can exist, and try again`,
    });
  });
});

it.each([
  [{ file: undefined }, '"file" expected a non-empty string, got undefined'],
  [{ file: '' }, '"file" expected a non-empty string, got an empty one'],
  [{ maxBytes: 1_023 }, '"maxBytes" expected an integer from 1024 to 1099511627776, got 1023'],
  [
    { clock: {} },
    '"clock" expected a clock with wallMs, monotonicMs, sleep and jitter, got an object',
  ],
  [{ path: 'a' }, '"path" is no option: expected file, maxBytes, clock'],
])('an option that is wrong is refused: %j', (change, message) => {
  expect(() => new FileAuditSink({ file: 'audit.jsonl', ...change } as never)).toThrow(message);
});
