import { describe, expect, it } from 'vitest';
import {
  backfillDocuments,
  beginAuditedOperation,
  rollbackRotation,
  type AuditEvent,
} from '../../src/index.js';
import { checkSinks, newSink, type RecordingSink } from '../support/audit.js';
import { note, setup, type Setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { addPlain, migrate, migrateUntil, notes } from '../support/migrations.js';
import { runToEnd } from '../support/run-to-end.js';
import { pullUntil, rewrap, start, targetOf, withKeys, writeNotes } from '../support/rotations.js';

checkSinks();

async function world(): Promise<{ made: Setup; sink: RecordingSink }> {
  const first = setup();
  await writeNotes(first, 2);
  const sink = newSink();
  return { made: withKeys(first, ['b', 'a'], { audit: { sink } }), sink };
}

/** A rotation to `b` whose process is gone after it began. */
async function unfinished(): Promise<{ made: Setup; sink: RecordingSink }> {
  const { made, sink } = await world();
  await pullUntil(await start(withKeys(made, ['b', 'a'])), made.clock, 'begun');
  return { made, sink };
}

describe('a takeover', () => {
  it('is recorded where a rotation replaces an unfinished one', async () => {
    const { made, sink } = await unfinished();
    const third = withKeys(made, ['c', 'b', 'a'], { audit: { sink } });
    await rewrap(third, { takeOver: true });
    expect(sink.kinds).toEqual([
      ...['operation.started', 'operation.taken-over', 'record.changed', 'operation.finished'],
    ]);
    const target = { keyProvider: 'env', mekName: 'env', ...(await targetOf('b')) };
    expect(sink.dataOf('operation.taken-over')).toMatchObject([
      { reason: 'take-over', earlier: { epoch: 2, target } },
    ]);
  });

  it('is recorded where a rollback replaces an unfinished rotation', async () => {
    const { made, sink } = await unfinished();
    await runToEnd(rollbackRotation(made.encryptor, { target: await targetOf('a') }), made.clock);
    expect(sink.dataOf('operation.taken-over')).toMatchObject([{ reason: 'take-over' }]);
  });

  it('is recorded where a run joins a rotation that it did not begin, and nothing is changed', async () => {
    const { made, sink } = await unfinished();
    await rewrap(made);
    expect(sink.kinds).toEqual(['operation.started', 'operation.taken-over', 'operation.finished']);
    expect(sink.dataOf('operation.taken-over')).toMatchObject([
      { reason: 'joined', earlier: { epoch: 2 } },
    ]);
  });

  it('is none where the rotation before it is complete', async () => {
    const { made, sink } = await world();
    await rewrap(made);
    await rewrap(made);
    expect(sink.kinds).not.toContain('operation.taken-over');
  });

  it('is recorded where a migration takes a lease whose owner is gone', async () => {
    const { made, sink } = await world();
    const documents = notes();
    await addPlain(documents, 2);
    const gone = backfillDocuments(setup({ beside: made }).encryptor, note, documents.store);
    await migrateUntil(gone, made.clock, 'begun');
    const next = setup({ beside: made, audit: { sink } });
    await migrate(backfillDocuments(next.encryptor, note, documents.store), made.clock);
    const [{ earlier, reason } = {}] = sink.dataOf('operation.taken-over');
    expect(reason).toBe('lease');
    expect(earlier).toMatchObject({ collection: 'notes', kind: 'backfill' });
    expect(sink.kinds).toEqual(['operation.started', 'operation.taken-over', 'operation.finished']);
  });

  it('gives the lease back where it cannot be recorded', async () => {
    const { made, sink } = await world();
    const documents = notes();
    await addPlain(documents, 2);
    const gone = backfillDocuments(setup({ beside: made }).encryptor, note, documents.store);
    await migrateUntil(gone, made.clock, 'begun');
    sink.before = ({ type }) => {
      if (type.includes('taken-over')) throw new Error('full');
    };
    const next = setup({ beside: made, audit: { sink } });
    const run = migrate(backfillDocuments(next.encryptor, note, documents.store), made.clock);
    expect(await rejection(run)).toMatchObject({ code: 'AUDIT_FAILED' });
    const last = backfillDocuments(setup({ beside: made }).encryptor, note, documents.store);
    const { events } = await migrate(last, made.clock);
    expect(events.filter(({ type }) => type === 'lease')).toEqual([]);
  });
});

const GONE: AuditEvent = {
  specversion: '1.0',
  id: '00000000-0000-4000-8000-000000000001',
  source: 'urn:earlier',
  type: 'com.bytelyst.field-encrypt.operation.started.v1',
  subject: 'other',
  time: '2026-01-01T00:00:00.000Z',
  datacontenttype: 'application/json',
  sequence: '0000000001',
  data: { operation: { id: 'gone', kind: 'run', name: 'rewrapAllDeks' } },
};

describe('operations of processes that are gone', () => {
  async function withUnfinished(
    unfinished: () => Promise<readonly AuditEvent[]>,
  ): Promise<{ sink: RecordingSink; begin: () => Promise<unknown> }> {
    const sink = newSink();
    const audit = { sink: Object.assign(sink, { unfinished }) };
    const begin = () => beginAuditedOperation({ product: 'p', audit }, { name: 'next' });
    return Promise.resolve({ sink, begin });
  }

  it('are followed by the next one', async () => {
    const { sink, begin } = await withUnfinished(() => Promise.resolve([GONE]));
    await begin();
    expect(sink.dataOf('operation.taken-over')).toMatchObject([
      {
        operation: { name: 'next' },
        reason: 'process-gone',
        earlier: {
          ...{ operationId: 'gone', name: 'rewrapAllDeks', product: 'other' },
          startedAt: GONE.time,
        },
      },
    ]);
  });

  it('are followed once where two begin at the same time', async () => {
    const { sink, begin } = await withUnfinished(() => Promise.resolve([GONE]));
    await Promise.all([begin(), begin()]);
    expect(sink.dataOf('operation.taken-over')).toHaveLength(1);
  });

  it('are followed by a later one where the first cannot record it', async () => {
    const { sink, begin } = await withUnfinished(() => Promise.resolve([GONE]));
    sink.before = ({ type }) => {
      if (type.includes('taken-over')) throw new Error('full');
    };
    expect(await rejection(begin())).toMatchObject({ code: 'AUDIT_FAILED' });
    sink.before = () => undefined;
    await begin();
    expect(sink.kinds).toEqual([
      ...['operation.started', 'operation.refused'],
      ...['operation.started', 'operation.taken-over'],
    ]);
  });

  it('refuse the next one where the sink cannot list them, and its start has an end', async () => {
    const { sink, begin } = await withUnfinished(() => Promise.reject(new Error('EACCES')));
    expect(await rejection(begin())).toMatchObject({ code: 'AUDIT_FAILED' });
    expect(sink.kinds).toEqual(['operation.started', 'operation.refused']);
  });
});
