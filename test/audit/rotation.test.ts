import { describe, expect, it } from 'vitest';
import { rewrapAllDeks, type FieldEncryptor } from '../../src/index.js';
import { checkSinks, newSink, type RecordingSink } from '../support/audit.js';
import { setup, type Setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { targetOf, withKeys, writeNotes } from '../support/rotations.js';
import { runToEnd } from '../support/run-to-end.js';

checkSinks();

async function world(count = 2): Promise<{ made: Setup; sink: RecordingSink }> {
  const first = setup();
  await writeNotes(first, count);
  const sink = newSink();
  const made = withKeys(first, ['b', 'a'], { audit: { sink, user: 'ann' } });
  return { made, sink };
}

async function rotate(made: Setup, options: object = {}): Promise<void> {
  await runToEnd(
    rewrapAllDeks(made.encryptor, { target: await targetOf('b'), ...options }),
    made.clock,
  );
}

describe('the audit trail of a rotation', () => {
  it('has its start, the change of the record and its end, and nothing for a row that succeeded', async () => {
    const { made, sink } = await world();
    await rotate(made);
    expect(sink.kinds).toEqual(['operation.started', 'record.changed', 'operation.finished']);
    const target = { keyProvider: 'env', mekName: 'env', ...(await targetOf('b')) };
    const [start] = sink.dataOf('operation.started');
    expect(start).toMatchObject({
      operation: { kind: 'run', name: 'rewrapAllDeks' },
      dryRun: false,
      target,
    });
    expect(sink.dataOf('operation.finished')).toMatchObject([
      {
        operation: start?.['operation'],
        complete: true,
        epoch: 2,
        target,
        counts: { changed: 2, failed: 0 },
      },
    ]);
    expect(sink.dataOf('record.changed')).toMatchObject([
      { record: 'rotation', before: { epoch: 1 }, after: { epoch: 2, target, state: 'fencing' } },
    ]);
  });

  it('begins with a start that is durable before anything is read or written', async () => {
    const { made, sink } = await world();
    const calls: string[] = [];
    made.store.before = (method) => {
      calls.push(`${method} after ${String(sink.events.length)} events`);
      return Promise.resolve();
    };
    await rotate(made);
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter((each) => each.endsWith('after 0 events'))).toEqual([]);
  });

  it('is refused where its start cannot be recorded, and nothing was written', async () => {
    const { made, sink } = await world();
    sink.before = () => Promise.reject(new Error('full'));
    const before = JSON.stringify([
      ...(await made.memory.list({ product: 'notelett' }, { pageSize: 9 })).items,
    ]);
    expect(await rejection(rotate(made))).toMatchObject({ code: 'AUDIT_FAILED' });
    expect(
      JSON.stringify([...(await made.memory.list({ product: 'notelett' }, { pageSize: 9 })).items]),
    ).toBe(before);
    expect(sink.events).toEqual([]);
  });

  it('works for an encryptor and for its parts', async () => {
    const { made, sink } = await world();
    const { product, keyProviders, dekStore, clock }: FieldEncryptor = made.encryptor;
    const parts = { product, keyProviders, dekStore, clock, audit: { sink } };
    await runToEnd(rewrapAllDeks(parts, { target: await targetOf('b'), dryRun: true }), made.clock);
    expect(sink.kinds).toEqual(['operation.started', 'operation.finished']);
  });
});
