/** Needs the built package: whole processes, and limits of the system. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-event.js';
import { perLane } from '../support/lane.js';
import { newFolder } from './audit-folder.js';
import { AuditReceiver, SECRET } from './audit-receiver.js';
import { runChild } from './killed-process.js';

const SCRIPT = join(import.meta.dirname, 'killed-child.mjs');
const ITEMS = perLane(20, 200);
const PATIENCE_MS = 120_000;

function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_each, index) => index + 1);
}

it('processes that share a spool send everything, each in order', async () => {
  const receiver = await AuditReceiver.start();
  const sink = { url: receiver.url, secrets: [SECRET], folder: newFolder() };
  const sources = [1, 2, 3].map(() => `urn:test:${randomUUID()}`);
  const outcomes = await Promise.all(
    sources.map((source) => runChild({ sink, source, items: ITEMS })),
  );
  for (const outcome of outcomes) expect(outcome.acknowledged).toHaveLength(ITEMS + 2);
  for (const source of sources) expect(receiver.firstArrivals(source)).toEqual(upTo(ITEMS + 2));
  expect(receiver.changed).toEqual([]);
  expect(receiver.problems).toEqual([]);
  expect(readdirSync(sink.folder)).toEqual([]);
});

it('processes that share a file lose nothing, where each of them rotates it', async () => {
  const folder = newFolder();
  const sink = { file: join(folder, 'audit.jsonl'), maxBytes: 4_096 };
  const sources = [1, 2, 3].map(() => `urn:test:${randomUUID()}`);
  await Promise.all(sources.map((source) => runChild({ sink, source, items: ITEMS })));
  const names = readdirSync(folder).filter((name) => !name.endsWith('.open'));
  const lines = names.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
  const events = lines
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as AuditEvent);
  for (const source of sources) {
    const sequences = events
      .filter((event) => event.source === source)
      .map(({ sequence }) => Number(sequence));
    expect([...new Set(sequences)].sort((one, other) => one - other)).toEqual(upTo(ITEMS + 2));
  }
  expect(names.length).toBeGreaterThan(3);
  expect(readdirSync(`${sink.file}.open`)).toEqual([]);
});

it('a service that never answers does not keep a process alive', async () => {
  const receiver = await AuditReceiver.start();
  receiver.answer = () => 'hang';
  const sink = { url: receiver.url, secrets: [SECRET], folder: newFolder(), timeoutMs: 600_000 };
  const code = `
    import { HttpAuditSink } from '@bytelyst/field-encrypt/audit';
    const sink = new HttpAuditSink(${JSON.stringify(sink)});
    await sink.write(${JSON.stringify(eventOf())});
    await new Promise((resolve) => setTimeout(resolve, 300));
    console.log(JSON.stringify(await sink.backlog()));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = text(child.stdout);
  const ended = once(child, 'exit').then(([exitCode]) => exitCode as number);
  const first = await Promise.race([ended, sleep(PATIENCE_MS, 'it lives', { ref: false })]);
  child.kill('SIGKILL');
  expect(first).toBe(0);
  expect(JSON.parse(await output)).toMatchObject({ events: 1 });
  expect(receiver.requests).toHaveLength(1);
});

function eventOf(): Record<string, unknown> {
  const type = 'com.bytelyst.field-encrypt.item.failed.v1';
  const time = '2026-01-01T00:00:00.000Z';
  return {
    specversion: '1.0',
    id: 'e1',
    source: 'urn:a',
    sequence: '0000000001',
    type,
    time,
    data: {},
  };
}

/** Files of this process and its children may have at most this number of KiB. */
const LIMIT_KIB = 8;

/** @returns The events that were acknowledged, and the error that ended the process. */
async function underLimit(sink: object): Promise<{ acknowledged: number; error: string }> {
  const work = { sink, source: `urn:test:${randomUUID()}`, items: 200, flushMs: 0 };
  const command = `ulimit -f ${String(LIMIT_KIB)} && exec "$0" "$@"`;
  const args = ['-c', command, process.execPath, SCRIPT, JSON.stringify(work)];
  const child = spawn('bash', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { acknowledged: output.split('\n').filter((line) => line.includes('"id"')).length, error };
}

it('a file that cannot grow refuses an event, and has all that were acknowledged', async () => {
  const file = join(newFolder(), 'audit.jsonl');
  const { acknowledged, error } = await underLimit({ file });
  expect(error).toContain('AUDIT_FAILED');
  expect(error).toContain(`The audit file "${file}" was not written (EFBIG)`);
  expect(acknowledged).toBeGreaterThan(10);
  expect(statSync(file).size).toBe(LIMIT_KIB * 1_024);
  // Without the limit the next process goes on, in the same file.
  const next = await runChild({ sink: { file }, source: 'urn:next', items: 3 });
  expect(next.acknowledged).toHaveLength(5);
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const whole = lines.filter((line) => !line.endsWith(' (not recorded)'));
  expect(lines.length - whole.length).toBe(1);
  const sequences = whole.map((line) => Number((JSON.parse(line) as AuditEvent).sequence));
  expect(sequences).toEqual([...upTo(acknowledged), ...upTo(5)]);
});

it('a spool that cannot grow refuses an event, and the next process sends all that were acknowledged', async () => {
  const receiver = await AuditReceiver.start();
  receiver.answer = () => ({ status: 503 });
  const sink = { url: receiver.url, secrets: [SECRET], folder: newFolder() };
  const { acknowledged, error } = await underLimit(sink);
  expect(error).toContain(`The audit spool "${sink.folder}" was not written (EFBIG)`);
  expect(acknowledged).toBeGreaterThan(10);
  receiver.answer = () => ({ status: 200 });
  const next = await runChild({ sink, source: 'urn:next', items: 1 });
  expect(next.end?.backlog).toEqual({ events: 0, bytes: 0 });
  const first = receiver.taken[0]?.source ?? '';
  expect(receiver.firstArrivals(first)).toEqual(upTo(acknowledged));
  expect(receiver.firstArrivals('urn:next')).toEqual(upTo(3));
});
