import { expect, it } from 'vitest';
import { ManualClock } from '../../src/testing/index.js';
import { auditEvent } from '../support/audit-events.js';
import { newFolder } from './audit-folder.js';
import { AuditReceiver, type AnswerTo } from './audit-receiver.js';
import { httpSink } from './sinks.js';
import { until } from './until.js';

const MINUTES = 60;
const FAILURES: readonly AnswerTo[] = [
  { status: 503 },
  { status: 500 },
  { status: 429, headers: { 'retry-after': '90' } },
  'cut',
];

/** Minute by minute, an event in each; the sender fails at least once in each of them. */
async function anHour(clock: ManualClock, write: (number: number) => Promise<void>): Promise<void> {
  for (let number = 1; number <= MINUTES; number += 1) {
    await write(number);
    await until(() => clock.sleeping === 2, 'the sender backs off');
    clock.advance(60_000);
  }
}

it('an hour without the service delays nothing and loses nothing, and order is kept', async () => {
  const down = await AuditReceiver.start();
  const { port } = down;
  await down.stop();
  const clock = new ManualClock();
  const sink = httpSink({ url: urlOf(port) }, { folder: newFolder(), clock });
  // It resolves although no time passes.
  await anHour(clock, (number) => sink.write(auditEvent(number)));
  const { events, lastFailure, oldestAt } = await sink.backlog();
  expect({ events, lastFailure, oldestAt }).toEqual({
    events: MINUTES,
    lastFailure: 'ECONNREFUSED',
    oldestAt: '2026-01-01T00:00:00.000Z',
  });
  const receiver = await AuditReceiver.start(port);
  await until(() => clock.sleeping === 2 || receiver.taken.length > 0, 'the sender backs off');
  clock.advance(60_000);
  expect(await sink.flush()).toEqual({ events: 0, bytes: 0 });
  expect(receiver.requests.map(({ sequence }) => sequence)).toEqual(upTo(MINUTES));
  expect(receiver.problems).toEqual([]);
});

it('an hour of failures of all kinds delays nothing and loses nothing, and order is kept', async () => {
  const receiver = await AuditReceiver.start();
  receiver.answer = () => FAILURES[receiver.requests.length % FAILURES.length] ?? 'cut';
  const clock = new ManualClock();
  const sink = httpSink(receiver, { folder: newFolder(), clock });
  await anHour(clock, (number) => sink.write(auditEvent(number)));
  expect(receiver.taken).toEqual([]);
  expect(new Set(receiver.requests.map(({ sequence }) => sequence))).toEqual(new Set([1]));
  // One attempt a minute at most, once it has backed off.
  expect(receiver.requests.length).toBeGreaterThan(MINUTES / 3);
  expect(receiver.requests.length).toBeLessThanOrEqual(MINUTES + 10);
  receiver.answer = () => ({ status: 200 });
  clock.advance(600_000);
  expect(await sink.flush()).toEqual({ events: 0, bytes: 0 });
  expect(receiver.taken.map(({ sequence }) => sequence)).toEqual(upTo(MINUTES));
  expect(receiver.changed).toEqual([]);
});

function urlOf(port: number): string {
  return `http://127.0.0.1:${String(port)}/events?tenant=notelett`;
}

function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_each, index) => index + 1);
}
