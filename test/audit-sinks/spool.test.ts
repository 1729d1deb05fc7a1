import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-event.js';
import { ManualClock } from '../../src/testing/index.js';
import { auditEvent } from '../support/audit-events.js';
import { rejection } from '../support/failure.js';
import { newFolder, spoolFiles } from './audit-folder.js';
import { AuditReceiver } from './audit-receiver.js';
import { httpSink } from './sinks.js';
import { until } from './until.js';

const EMPTY = { events: 0, bytes: 0 };
const DOWN = { url: 'http://127.0.0.1:9/' };
const HOST = hostname()
  .replaceAll(/[^\w.-]/g, '_')
  .slice(0, 64);
const GONE_PID = 2 ** 30;
const GONE = `${String(GONE_PID)}-0-0123abcd-${HOST}`;
const KEY = '20260101T000000000Z-0123456789abcdef';

function numbers(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_each, index) => from + index);
}

/** A file of the spool, as another process leaves it. */
function leave(folder: string, text: string, { key = KEY, holder = GONE, agoMs = 0 } = {}): string {
  const path = join(folder, `${key}~${holder}.spool`);
  writeFileSync(path, text);
  const time = new Date(Date.now() - agoMs);
  utimesSync(path, time, time);
  return path;
}

function linesOf(events: readonly AuditEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

describe('a spool that is full', () => {
  it('takes no new operation, then no event, and takes both once the service has what waits', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => 'hang';
    const folder = newFolder();
    const sink = httpSink(receiver, { folder, maxBytes: 65_536, timeoutMs: 600_000 });
    const facts = { text: 'x'.repeat(1_000) };
    const taken: number[] = [];
    const start = { what: 'operation.started', facts } as const;
    let refused: unknown;
    while (!refused && taken.length < 100) {
      const number = taken.length + 1;
      refused = await sink
        .write(auditEvent(number, { ...start, operation: `o${String(number)}` }))
        .then(
          () => void taken.push(number),
          (error: unknown) => error,
        );
    }
    const { bytes } = await sink.backlog();
    expect(bytes).toBeGreaterThan(65_536 * (7 / 8) - 2_000);
    expect(bytes).toBeLessThanOrEqual(65_536 * (7 / 8));
    expect(refused).toMatchObject({
      code: 'AUDIT_FULL',
      retryable: true,
      message: `The audit spool "${folder}" holds ${String(bytes)} bytes that are not sent, and may hold 65536 (last failure: none): make the audit service reachable, or raise "maxBytes", and try again`,
    });
    for (let isFull = false; !isFull && taken.length < 100;) {
      const number = taken.length + 1;
      const event = auditEvent(number, { what: 'operation.finished', facts });
      isFull = await sink.write(event).then(
        () => !taken.push(number),
        () => true,
      );
    }
    const most = await sink.backlog();
    expect(most.bytes).toBeGreaterThan(64_000);
    expect(most.bytes).toBeLessThanOrEqual(65_536);
    await sink.close();
    receiver.answer = () => ({ status: 200 });
    const next = httpSink(receiver, { folder, maxBytes: 65_536 });
    expect(await next.flush()).toEqual(EMPTY);
    await next.write(auditEvent(taken.length + 1, start));
    expect(await next.flush()).toEqual(EMPTY);
    expect(receiver.firstArrivals('urn:test')).toEqual(numbers(1, taken.length + 1));
  });

  it('counts what other processes left, and what they write', async () => {
    const folder = newFolder();
    const text = linesOf(
      numbers(1, 60).map((number) => auditEvent(number, { facts: { text: 'x'.repeat(1_000) } })),
    );
    leave(folder, text, { holder: `${String(process.ppid)}-0-0123abcd-${HOST}` });
    const sink = httpSink(DOWN, { folder, maxBytes: 65_536 });
    const error = await rejection(sink.write(auditEvent(1, { what: 'operation.started' })));
    expect(error).toMatchObject({ code: 'AUDIT_FULL' });
    expect(readdirSync(folder)).toHaveLength(1);
  });
});

describe('a file that another process left', () => {
  it.each([
    ['of a process that has ended', GONE, 0, true],
    [
      'of an earlier process with this number',
      `${String(process.pid)}-0-0123abcd-${HOST}`,
      0,
      true,
    ],
    ['of another host, 10 minutes ago', `${String(GONE_PID)}-0-0123abcd-other.host`, 600_000, true],
    ['of another host, lately', `${String(GONE_PID)}-0-0123abcd-other.host`, 590_000, false],
    ['of a process that lives', `${String(process.ppid)}-0-0123abcd-${HOST}`, 0, false],
    ['of another thread, lately', `${String(process.pid)}-7-0123abcd-${HOST}`, 0, false],
  ])('%s', async (_what, holder, agoMs, isSent) => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    const path = leave(folder, linesOf([auditEvent(1), auditEvent(2)]), { holder, agoMs });
    const sink = httpSink(receiver, { folder });
    expect((await sink.flush()).events).toBe(isSent ? 0 : 2);
    expect(receiver.taken.map(({ sequence }) => sequence)).toEqual(isSent ? [1, 2] : []);
    expect(existsSync(path)).toBe(!isSent);
  });

  it('is not taken over again from the process that has just done so', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => 'hang';
    const folder = newFolder();
    const holder = `${String(GONE_PID)}-0-0123abcd-other.host`;
    leave(folder, linesOf([auditEvent(1)]), { holder, agoMs: 600_000 });
    httpSink(receiver, { folder });
    await until(() => receiver.requests.length === 1, 'it is being sent');
    const [name = ''] = spoolFiles(folder);
    expect(name).not.toContain('other.host');
    expect(Date.now() - statSync(join(folder, name)).mtimeMs).toBeLessThan(300_000);
  });

  it('is sent before the own events, the oldest file first', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => ({ status: 503 });
    const folder = newFolder();
    const clock = new ManualClock({ wallMs: Date.now() });
    const older = { key: '20250101T000000000Z-0123456789abcdef' };
    leave(folder, linesOf([auditEvent(3, { source: 'urn:left' })]));
    leave(
      folder,
      linesOf([auditEvent(1, { source: 'urn:left' }), auditEvent(2, { source: 'urn:left' })]),
      older,
    );
    const sink = httpSink(receiver, { folder, clock });
    await sink.write(auditEvent(1, { source: 'urn:own' }));
    await until(() => receiver.requests.length === 1 && clock.sleeping === 2, 'it backs off');
    receiver.answer = () => ({ status: 200 });
    clock.advance(60_000);
    await sink.flush();
    expect(receiver.taken.map(({ source, sequence }) => `${source} ${String(sequence)}`)).toEqual([
      'urn:left 1',
      'urn:left 2',
      'urn:left 3',
      'urn:own 1',
    ]);
    expect(spoolFiles(folder)).toHaveLength(1);
  });

  it('is found within a minute where its process ends later', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    const clock = new ManualClock({ wallMs: Date.now() });
    httpSink(receiver, { folder, clock });
    await until(() => clock.sleeping === 1, 'it rests');
    leave(folder, linesOf([auditEvent(1)]));
    clock.advance(60_000);
    await until(() => receiver.taken.length === 1, 'it is sent');
  });

  it('is read from its cursor', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    const [first, ...others] = numbers(1, 3).map((number) => auditEvent(number));
    const text = linesOf([first as AuditEvent, ...others]);
    leave(folder, text);
    const start = JSON.stringify(first).length + 1;
    writeFileSync(join(folder, `${KEY}.cursor`), String(start).padStart(16, '0'));
    const sink = httpSink(receiver, { folder });
    await sink.flush();
    expect(receiver.taken.map(({ sequence }) => sequence)).toEqual([2, 3]);
    await sink.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['', '0000', '-000000000000001', '0000000000000007', '0000000000999999', 'x'.repeat(16)])(
    'is sent from its start where the cursor is "%s"',
    async (cursor) => {
      const receiver = await AuditReceiver.start();
      const folder = newFolder();
      leave(folder, linesOf([auditEvent(1), auditEvent(2)]));
      writeFileSync(join(folder, `${KEY}.cursor`), cursor);
      await httpSink(receiver, { folder }).flush();
      expect(receiver.taken.map(({ sequence }) => sequence)).toEqual([1, 2]);
    },
  );

  it('ends before a last line that was cut off', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    leave(folder, `${linesOf([auditEvent(1)])}${JSON.stringify(auditEvent(2))}`);
    const sink = httpSink(receiver, { folder });
    expect(await sink.backlog()).toMatchObject({ events: 1 });
    expect(await sink.flush()).toEqual(EMPTY);
    expect(receiver.taken.map(({ sequence }) => sequence)).toEqual([1]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('sends what comes after a line that is damaged, and keeps the line', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    const text = [
      linesOf([auditEvent(1)]),
      '{"specversion":\n',
      'null\n',
      linesOf([auditEvent(2)]),
    ];
    leave(folder, text.join(''));
    expect(await httpSink(receiver, { folder }).flush()).toEqual(EMPTY);
    expect(receiver.taken.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(readFileSync(join(folder, 'damaged.jsonl'), 'utf8')).toBe('{"specversion":\nnull\n');
  });

  it('leaves no cursor behind whose file was sent', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    writeFileSync(join(folder, `${KEY}.cursor`), '0000000000000001');
    await httpSink(receiver, { folder }).flush();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('has lines of any length', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    const lengths = [1, 3_800, 3_900, 4_096, 8_192, 70_000, 1_000_000];
    const events = lengths.map((length, index) =>
      auditEvent(index + 1, { facts: { text: 'x'.repeat(length) } }),
    );
    leave(folder, linesOf(events));
    const sink = httpSink(receiver, { folder });
    expect(await sink.flush()).toEqual(EMPTY);
    expect(receiver.taken.map(({ body }) => body)).toEqual(
      events.map((event) => JSON.stringify(event)),
    );
  });
});

describe('a file that another process took over while its own lives', () => {
  it('loses nothing, and no event overtakes another', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => ({ status: 503 });
    const folder = newFolder();
    const clock = new ManualClock({ wallMs: Date.now() });
    const living = httpSink(receiver, { folder, clock });
    for (const number of [1, 2, 3]) await living.write(auditEvent(number));
    await until(() => receiver.requests.length === 1 && clock.sleeping === 2, 'it backs off');
    const [name = ''] = spoolFiles(folder);
    const taken = name.replace(/~.*/, `~${GONE}.spool`);
    renameSync(join(folder, name), join(folder, taken));
    await living.write(auditEvent(4));
    expect(spoolFiles(folder)).toHaveLength(2);
    receiver.answer = () => ({ status: 200 });
    // It sends first what it took over.
    await httpSink(receiver, { folder }).flush({ timeoutMs: 1_000 });
    clock.advance(60_000);
    await living.write(auditEvent(5));
    await until(() => receiver.taken.some(({ sequence }) => sequence === 5), 'all is sent');
    expect(receiver.firstArrivals('urn:test')).toEqual([1, 2, 3, 4, 5]);
    expect(receiver.changed).toEqual([]);
  });

  it('is not taken for gone: it is touched each minute', async () => {
    const folder = newFolder();
    const clock = new ManualClock();
    const sink = httpSink(DOWN, { folder, clock });
    await sink.write(auditEvent(1));
    const path = join(folder, spoolFiles(folder)[0] ?? '');
    for (const minute of [1, 2, 3]) {
      await until(() => clock.sleeping === 2, 'it rests');
      clock.advance(60_000);
      const touchedAt = Date.UTC(2026, 0, 1) + minute * 60_000;
      await until(() => statSync(path).mtimeMs === touchedAt, 'it is touched');
    }
  });
});

it('a file whose events are sent does not grow forever', async () => {
  const receiver = await AuditReceiver.start();
  const folder = newFolder();
  const sink = httpSink(receiver, { folder, maxBytes: 65_536 });
  const facts = { text: 'x'.repeat(1_000) };
  let [most, names] = [0, new Set<string>()];
  for (let number = 1; number <= 100; number += 1) {
    await sink.write(auditEvent(number, { facts }));
    if (number % 5 === 0) await sink.flush();
    for (const name of spoolFiles(folder)) {
      names = names.add(name);
      most = Math.max(most, statSync(join(folder, name)).size);
    }
  }
  expect(receiver.taken.map(({ sequence }) => sequence)).toEqual(numbers(1, 100));
  expect(names.size).toBeGreaterThan(5);
  expect(most).toBeLessThan(20_000);
  expect(readdirSync(folder).length).toBeLessThanOrEqual(2);
});

it('several sinks of one folder send everything once, each in order', async () => {
  const receiver = await AuditReceiver.start();
  const folder = newFolder();
  const sources = ['urn:a', 'urn:b', 'urn:c'];
  const sinks = sources.map((source) => ({ source, sink: httpSink(receiver, { folder }) }));
  const writeAll = sinks.map(async ({ source, sink }) => {
    for (const number of numbers(1, 20)) await sink.write(auditEvent(number, { source }));
    await sink.flush();
  });
  await Promise.all(writeAll);
  await until(() => receiver.taken.length >= 60, 'all are sent');
  for (const source of sources) expect(receiver.firstArrivals(source)).toEqual(numbers(1, 20));
  expect(receiver.taken).toHaveLength(60);
});
