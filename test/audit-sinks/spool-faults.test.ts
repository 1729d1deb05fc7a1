import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/testing/index.js';
import { auditEvent } from '../support/audit-events.js';
import { rejection } from '../support/failure.js';
import { newFolder, spoolFiles } from './audit-folder.js';
import { AuditReceiver } from './audit-receiver.js';
import { disturb, halfThenFull, noSpace } from './file-faults.js';
import { httpSink } from './sinks.js';
import { until } from './until.js';

const EMPTY = { events: 0, bytes: 0 };

describe('a disk that fails', () => {
  it.each(['write', 'datasync'] as const)(
    'in %s: the event is refused and never sent, and later ones are',
    async (method) => {
      const receiver = await AuditReceiver.start();
      const folder = newFolder();
      const sink = httpSink(receiver, { folder });
      await sink.write(auditEvent(1));
      const before = await disturb(
        method,
        method === 'write' ? halfThenFull : () => Promise.reject(noSpace()),
      );
      const refused = auditEvent(2);
      expect(await rejection(sink.write(refused))).toMatchObject({
        code: 'AUDIT_FAILED',
        message: `The audit spool "${folder}" was not written (ENOSPC), and the event is not recorded: free space on its disk, and try again`,
      });
      const [name = ''] = spoolFiles(folder);
      expect(readFileSync(join(folder, name), 'utf8')).not.toContain(refused.id);
      before();
      await sink.write(auditEvent(2));
      await sink.write(auditEvent(3));
      expect(await sink.flush()).toEqual(EMPTY);
      expect(receiver.taken.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
      expect(receiver.taken.map(({ id }) => id)).not.toContain(refused.id);
    },
  );

  it('in everything: the event is cut off before the next one is written', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => ({ status: 503 });
    const folder = newFolder();
    const sink = httpSink(receiver, { folder });
    await sink.write(auditEvent(1));
    const restore = await Promise.all([
      disturb('datasync', () => Promise.reject(noSpace())),
      disturb('truncate', () => Promise.reject(noSpace())),
    ]);
    const long = auditEvent(2, { facts: { text: 'x'.repeat(500) } });
    expect(await rejection(sink.write(long))).toMatchObject({ code: 'AUDIT_FAILED' });
    restore[0]();
    expect(await rejection(sink.write(auditEvent(2)))).toMatchObject({ code: 'AUDIT_FAILED' });
    restore[1]();
    await sink.write(auditEvent(2));
    const text = readFileSync(join(folder, spoolFiles(folder)[0] ?? ''), 'utf8');
    expect(text.split('\n')).toHaveLength(3);
    expect(text).not.toContain(long.id);
  });

  it('while the cursor is written: the event is not sent again', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    const cursor = (): string =>
      join(folder, (spoolFiles(folder)[0] ?? '').replace(/~.*/, '.cursor'));
    receiver.answer = () => {
      // A folder has no bytes to be written.
      rmSync(cursor(), { recursive: true });
      mkdirSync(cursor());
      return { status: 200 };
    };
    // It does not back off: no time passes.
    const sink = httpSink(receiver, { folder, clock: new ManualClock() });
    for (const number of [1, 2]) await sink.write(auditEvent(number));
    await until(() => receiver.taken.length === 2, 'both are sent');
    expect(await sink.flush()).toMatchObject({ lastFailure: 'EISDIR' });
    rmSync(cursor(), { recursive: true });
    expect(receiver.taken.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  it('returns the space of what is sent', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    const sink = httpSink(receiver, { folder });
    const facts = { text: 'x'.repeat(5_000) };
    for (const number of [1, 2]) await sink.write(auditEvent(number, { facts }));
    await sink.flush();
    const restore = await disturb('write', () => Promise.reject(noSpace()));
    expect(await rejection(sink.write(auditEvent(3)))).toMatchObject({ code: 'AUDIT_FAILED' });
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
    expect(sizes).toEqual([16, 0]);
    restore();
    await sink.write(auditEvent(3));
    expect(await sink.flush()).toEqual(EMPTY);
    expect(receiver.taken.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });
});
