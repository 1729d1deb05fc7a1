import { describe, expect, it } from 'vitest';
import type { AuditWhat } from '../../src/audit/audit-event.js';
import {
  assertRetirable,
  backfillDocuments,
  beginAuditedOperation,
  rewrapAllDeks,
} from '../../src/index.js';
import { checkSinks, newSink } from '../support/audit.js';
import { decryptAny, KEY, note, setup, type Setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { addPlain, notes } from '../support/migrations.js';
import {
  ended,
  pullUntil,
  rewrap,
  start,
  targetOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

checkSinks();

async function breakReads({ store }: Setup): Promise<void> {
  store.before = () => Promise.reject(new Error('gone'));
  return Promise.resolve();
}

async function failOpens({ encryptor }: Setup, times: number): Promise<void> {
  const stored = { ...KEY, body: 'plain' };
  for (let time = 0; time < times; time += 1) await rejection(decryptAny(encryptor, stored));
  await encryptor.close();
}

async function inOperation(
  { encryptor }: Setup,
  what: AuditWhat,
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
  const operation = await beginAuditedOperation(encryptor, { name: 'nightly' });
  await operation.write(what, facts);
}

/** Each event, provoked by calls of the package. */
const PROVOKED: Readonly<Record<AuditWhat, (made: Setup) => Promise<unknown>>> = {
  'operation.started': (made) => rewrap(made),
  'operation.finished': (made) => rewrap(made),
  'record.changed': (made) => rewrap(made),
  'operation.stopped': async (made) => {
    const run = await start(made);
    await pullUntil(run, made.clock, 'begun');
    await run.return(undefined as never);
  },
  'operation.refused': async (made) => {
    await breakReads(made);
    const run = rewrapAllDeks(made.encryptor, { target: await targetOf('b') });
    await rejection(ended(run.next(), made.clock));
  },
  'operation.failed': async (made) => {
    const run = await start(made);
    await pullUntil(run, made.clock, 'begun');
    await breakReads(made);
    await rejection(ended(run.next(), made.clock));
  },
  'operation.taken-over': async (made) => {
    await pullUntil(await start(withKeys(made, ['b', 'a'])), made.clock, 'begun');
    await rewrap(made);
  },
  'item.failed': async (made) => {
    const documents = notes();
    await addPlain(documents, 1);
    documents.probe.before = (method) =>
      method === 'replace' ? Promise.reject(new Error('gone')) : undefined;
    const run = backfillDocuments(made.encryptor, note, documents.store);
    await ended(pullAll(run), made.clock);
  },
  'deks.shredded': (made) => made.encryptor.shred(note, { ...KEY, id: 'note-0' }),
  'retirement.checked': async (made) => {
    const check = { mek: await targetOf('a'), backupWindowMs: 0 };
    await rejection(ended(assertRetirable(made.encryptor, check), made.clock));
  },
  'open.failed': (made) => failOpens(made, 1),
  'opens.failed': (made) => failOpens(made, 61),
  'preflight.checked': (made) =>
    inOperation(made, 'preflight.checked', {
      passed: false,
      checks: [{ check: 'census', level: 'fail' }],
    }),
  'drill.finished': (made) =>
    inOperation(made, 'drill.finished', { passed: true, recovered: 2, lost: 0, durationMs: 5 }),
};

async function pullAll(run: AsyncGenerator): Promise<void> {
  while (!(await run.next()).done);
}

describe('every event of the audit trail', () => {
  it.each(Object.entries(PROVOKED))('%s fits its schema', async (what, provoke) => {
    const first = setup();
    await writeNotes(first, 2);
    const sink = newSink();
    const made = withKeys(first, ['b', 'a'], { audit: { sink, failures: true, user: 'ann' } });
    await provoke(made);
    expect(sink.kinds).toContain(what);
    for (const { data } of sink.events) {
      expect(data['actor']).toMatchObject({ user: 'ann', host: expect.any(String) as string });
    }
  });
});
