import { describe, expect, it } from 'vitest';
import { beginAuditedOperation } from '../../src/index.js';
import { dataIn, checkSinks, newSink, type RecordingSink } from '../support/audit.js';
import { note, setup, KEY } from '../support/encryptor.js';
import { failure, rejection } from '../support/failure.js';
import { rewrap, withKeys, writeNotes } from '../support/rotations.js';

checkSinks();

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

async function begun(facts?: Readonly<Record<string, unknown>>) {
  const sink = newSink();
  const context = { product: 'notelett', audit: { sink, user: 'ann', traceparent: TRACEPARENT } };
  const start = { name: 'nightly', ...(facts && { facts }) };
  return { sink, operation: await beginAuditedOperation(context, start) };
}

function operationOf(sink: RecordingSink, index: number): unknown {
  return sink.events[index]?.data['operation'];
}

describe('an operation of the application', () => {
  it('is recorded with who, what and the trace', async () => {
    const { sink, operation } = await begun({ ticket: 'OPS-12' });
    await operation.end('finished', { facts: { rows: 3 } });
    await operation.end('failed');
    expect(sink.kinds).toEqual(['operation.started', 'operation.finished']);
    const [start, end] = sink.events;
    expect(start).toMatchObject({ subject: 'notelett', traceparent: TRACEPARENT });
    expect(start?.data).toMatchObject({
      actor: { user: 'ann', host: expect.any(String) as string },
      operation: { kind: 'command', name: 'nightly' },
      facts: { ticket: 'OPS-12' },
    });
    expect(end && dataIn(end)).toMatchObject({ facts: { rows: 3 } });
    expect(operationOf(sink, 0)).toEqual(operationOf(sink, 1));
  });

  it('is the parent of the runs, and of what else is recorded in it', async () => {
    const { sink, operation } = await begun();
    const first = setup();
    await writeNotes(first, 2);
    const made = withKeys(first, ['b', 'a'], { audit: operation.audit });
    await rewrap(made);
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    const { id } = operationOf(sink, 0) as { readonly id: string };
    expect(operationOf(sink, 1)).toMatchObject({ kind: 'run', parentId: id });
    expect(sink.dataOf('deks.shredded')).toMatchObject([{ parentId: id }]);
  });

  it('records failed items, checks and drills of its own', async () => {
    const { sink, operation } = await begun();
    operation.itemFailed({ errorCode: 'STORE_FAILED' });
    const checks = [{ check: 'census', level: 'ok' }];
    await operation.write('preflight.checked', { passed: true, checks });
    const figures = { recovered: 2, lost: 0, durationMs: 7 };
    await operation.write('drill.finished', { passed: true, ...figures });
    await operation.end('refused', { errorCode: 'STORE_FAILED', outcome: 'failed', exitCode: 1 });
    expect(sink.kinds).toEqual([
      ...['operation.started', 'item.failed', 'preflight.checked', 'drill.finished'],
      'operation.refused',
    ]);
  });

  it('takes an encryptor as its context', async () => {
    const sink = newSink();
    const { encryptor } = setup({ audit: { sink } });
    await beginAuditedOperation(encryptor, { name: 'nightly' });
    expect(sink.kinds).toEqual(['operation.started']);
  });

  it('is refused without a name, a product or a sink', async () => {
    const audit = { sink: newSink() };
    const wrong: readonly (readonly [object, object, string])[] = [
      [{ product: 'p', audit }, { name: '' }, '"name"'],
      [{ product: '', audit }, { name: 'n' }, '"product"'],
      [{ product: 'p' }, { name: 'n' }, '"audit"'],
      [{ product: 'p', audit: {} }, { name: 'n' }, '"audit.sink"'],
      [{ product: 'p', audit }, { name: 'n', facts: [] }, '"facts"'],
    ];
    for (const [context, start, named] of wrong) {
      const { name, message } = await failure(
        beginAuditedOperation(context as never, start as never),
      );
      expect(['TypeError', 'RangeError']).toContain(name);
      expect(message).toContain(named);
    }
  });

  it('says what to do where the sink fails with an error of its own', async () => {
    const { sink, operation } = await begun();
    const cause = new Error('ENOSPC');
    sink.before = () => Promise.reject(cause);
    const error = await rejection(operation.end('finished'));
    expect(error).toMatchObject({
      code: 'AUDIT_FAILED',
      message: 'The audit sink did not record an event: see the cause, and correct the sink',
      cause,
    });
  });
});
