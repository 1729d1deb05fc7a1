import { describe, expect, it } from 'vitest';
import {
  adoptRestoredStore,
  forgetPaths,
  recoverDeks,
  registerDefinitions,
  rollbackRotation,
  setFenceTtl,
} from '../../src/index.js';
import { checkSinks, newSink, type RecordingSink } from '../support/audit.js';
import { beside, defined, pathsIn, registered } from '../support/definition-records.js';
import { setup, type Setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { migrate, notes, reencrypt, sealedNotes } from '../support/migrations.js';
import { OURS, recoverable } from '../support/recovery.js';
import { PAIR } from '../support/recovery-pairs.js';
import { runToEnd } from '../support/run-to-end.js';
import { ended, record, rewrap, targetOf, withKeys, writeNotes } from '../support/rotations.js';

checkSinks();

async function world(): Promise<{ made: Setup; sink: RecordingSink }> {
  const first = setup();
  await writeNotes(first, 2);
  const sink = newSink();
  return { made: withKeys(first, ['b', 'a'], { audit: { sink } }), sink };
}

/** What the events say, in order, against what is stored now. */
async function expectLast(made: Setup, sink: RecordingSink): Promise<void> {
  const { epoch, generationFloor, fenceTtlMs, mekVersion } = await record(made);
  expect(sink.dataOf('record.changed').at(-1)).toMatchObject({
    record: 'rotation',
    after: { epoch, generationFloor, fenceTtlMs, target: { mekVersion } },
  });
}

describe('a change of the rotation record is recorded', () => {
  it('by a rollback', async () => {
    const { made, sink } = await world();
    await rewrap(made);
    await runToEnd(rollbackRotation(made.encryptor, { target: await targetOf('a') }), made.clock);
    expect(sink.dataOf('record.changed')).toMatchObject([
      { before: { epoch: 1 }, after: { epoch: 2 } },
      { before: { epoch: 2 }, after: { epoch: 3 } },
    ]);
    await expectLast(made, sink);
  });

  it('by a recovery', async () => {
    const sink = newSink();
    const { made: first } = await recoverable();
    const made = withKeys(first, ['b'], { ...OURS, audit: { sink } });
    const { privateKey } = PAIR;
    await runToEnd(
      recoverDeks(made.encryptor, { privateKey, target: await targetOf('b') }),
      made.clock,
    );
    await expectLast(made, sink);
    expect(sink.dataOf('record.changed')).toHaveLength(1);
  });

  it('by an adoption', async () => {
    const { made, sink } = await world();
    await runToEnd(adoptRestoredStore(made.encryptor, { epochSeen: 7 }), made.clock);
    expect(sink.dataOf('record.changed')).toMatchObject([
      { before: { epoch: 1 }, after: { epoch: 8 } },
    ]);
    await expectLast(made, sink);
    await runToEnd(adoptRestoredStore(made.encryptor, { dryRun: true }), made.clock);
    expect(sink.dataOf('record.changed')).toHaveLength(1);
  });

  it('by a longer fence, and by a shorter one in two steps', async () => {
    const { made, sink } = await world();
    await ended(setFenceTtl(made.encryptor, 60_000), made.clock);
    expect(sink.kinds).toEqual(['operation.started', 'record.changed', 'operation.finished']);
    expect(sink.dataOf('operation.started')).toMatchObject([{ fenceTtlMs: 60_000 }]);
    await ended(setFenceTtl(made.encryptor, 2_000), made.clock);
    expect(sink.dataOf('record.changed')).toMatchObject([
      { before: { fenceTtlMs: 30_000 }, after: { fenceTtlMs: 60_000 } },
      { before: { fenceTtlMs: 60_000 }, after: { fenceTtlMs: 2_000, drainTtlMs: 60_000 } },
      { before: { drainTtlMs: 60_000 }, after: { fenceTtlMs: 2_000 } },
    ]);
    await expectLast(made, sink);
  });

  it('by nothing where the fence is as it was', async () => {
    const { made, sink } = await world();
    await ended(setFenceTtl(made.encryptor, 30_000), made.clock);
    expect(sink.kinds).toEqual(['operation.started', 'operation.finished']);
  });

  it('by a re-encryption, which raises the generation floor', async () => {
    const sink = newSink();
    const [first, collection] = await sealedNotes(2);
    const made = setup({ beside: first, audit: { sink } });
    await reencrypt(made, collection);
    expect(sink.dataOf('record.changed')).toMatchObject([
      { before: { generationFloor: 1 }, after: { generationFloor: 2 } },
    ]);
    await expectLast(made, sink);
  });

  it('and a failure after it is no refusal', async () => {
    const { made, sink } = await world();
    made.store.after = (method, result) => {
      if (method === 'replaceRotation') throw new Error('gone');
      return result;
    };
    sink.before = ({ type }) => {
      if (type.includes('record.changed'))
        made.store.before = () => Promise.reject(new Error('gone'));
    };
    await rejection(ended(setFenceTtl(made.encryptor, 2_000), made.clock));
    expect(sink.kinds).toEqual(['operation.started', 'record.changed', 'operation.failed']);
  });
});

describe('a change of a definitions record is recorded', () => {
  it('where paths are added, as an operation', async () => {
    const sink = newSink();
    const made = beside(await registered(['body']), { audit: { sink } });
    await registerDefinitions(made.encryptor, [defined(['body', 'title'])]);
    expect(sink.kinds).toEqual(['operation.started', 'record.changed', 'operation.finished']);
    expect(sink.dataOf('operation.started')).toMatchObject([{ collections: ['notes'] }]);
    expect(sink.dataOf('record.changed')).toMatchObject([
      {
        ...{ record: 'definitions', collection: 'notes' },
        before: { paths: ['body'] },
        after: { paths: ['body', 'title'] },
        ...{ added: ['title'], removed: [] },
      },
    ]);
  });

  it('where the record is new, without what was before', async () => {
    const sink = newSink();
    await registered(['body'], { audit: { sink } });
    const [change = {}] = sink.dataOf('record.changed');
    expect(change).toMatchObject({ after: { paths: ['body'] }, added: ['body'] });
    expect(change).not.toHaveProperty('before');
  });

  it('and nothing is where no path is missing', async () => {
    const sink = newSink();
    const made = beside(await registered(['body']), { audit: { sink } });
    await registerDefinitions(made.encryptor, [defined(['body'])]);
    expect(sink.events).toEqual([]);
  });

  it('and nothing is added where its start cannot be recorded', async () => {
    const sink = newSink();
    sink.before = () => Promise.reject(new Error('full'));
    const made = beside(await registered(['body']), { audit: { sink } });
    const adding = registerDefinitions(made.encryptor, [defined(['body', 'title'])]);
    expect(await rejection(adding)).toMatchObject({ code: 'AUDIT_FAILED' });
    expect(await pathsIn(made)).toEqual(['body']);
  });

  it('where paths are removed', async () => {
    const sink = newSink();
    const made = beside(await registered(['body', 'title']), { audit: { sink } });
    const definition = defined(['body'], { former: ['title'] });
    const { store } = notes();
    const options = { allowEmpty: true };
    await migrate(forgetPaths(made.encryptor, definition, store, options), made.clock);
    expect(sink.dataOf('record.changed')).toMatchObject([
      { record: 'definitions', after: { paths: ['body'] }, added: [], removed: ['title'] },
    ]);
  });
});
