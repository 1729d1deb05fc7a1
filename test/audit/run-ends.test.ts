import { describe, expect, it } from 'vitest';
import { rewrapAllDeks, type AuditEvent, type RewrapAllDeksOptions } from '../../src/index.js';
import { checkSinks, newSink, type RecordingSink } from '../support/audit.js';
import { PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import {
  alterRow,
  ended,
  pull,
  pullUntil,
  rewrap,
  start,
  targetOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

checkSinks();

interface World {
  readonly made: Setup;
  readonly sink: RecordingSink;
}

async function world(count = 2): Promise<World> {
  const first = setup();
  await writeNotes(first, count);
  const sink = newSink();
  return { made: withKeys(first, ['b', 'a'], { audit: { sink } }), sink };
}

async function breakAll({ made }: World): Promise<void> {
  const { items } = await made.memory.list({ product: PRODUCT }, { pageSize: 500 });
  for (const { value } of items) {
    await alterRow(made, (value as { id: string }).id, { commitment: 'A'.repeat(43) });
  }
}

function failsToWrap(method: string): unknown {
  return method === 'wrapKey' ? Promise.reject(new Error('down')) : undefined;
}

function drained(run: AsyncGenerator, { clock }: Setup): Promise<void> {
  const drain = async (): Promise<void> => {
    while (!(await run.next()).done);
  };
  return ended(drain(), clock);
}

describe('the end of a run', () => {
  it('is stopped where its caller leaves it, with what was done', async () => {
    const { made, sink } = await world(3);
    const run = await start(made, { concurrency: 1 });
    await pullUntil(run, made.clock, 'changed');
    await run.return(undefined as never);
    expect(sink.kinds.at(-1)).toBe('operation.stopped');
    expect(sink.dataOf('operation.stopped')).toMatchObject([
      { by: 'caller', counts: { scanned: 1, changed: 1 }, passes: 0 },
    ]);
    expect(sink.kinds.filter((what) => what.startsWith('operation.'))).toHaveLength(2);
  });

  it('is stopped where the signal aborts', async () => {
    const { made, sink } = await world();
    const controller = new AbortController();
    const run = await start(made, { signal: controller.signal });
    await pullUntil(run, made.clock, 'begun');
    controller.abort(new Error('enough'));
    await rejection(drained(run, made));
    expect(sink.dataOf('operation.stopped')).toMatchObject([{ by: 'signal' }]);
  });

  it('is nothing where the signal had aborted before', async () => {
    const { made, sink } = await world();
    const run = await start(made, { signal: AbortSignal.abort(new Error('enough')) });
    await rejection(run.next());
    expect(sink.events).toEqual([]);
  });

  it('is nothing where the caller never pulls', async () => {
    const { made, sink } = await world();
    const run = await start(made);
    await run.return(undefined as never);
    expect(sink.events).toEqual([]);
  });

  it('is refused where it failed before it began', async () => {
    const { made, sink } = await world();
    made.provider.before = failsToWrap;
    await rejection(rewrap(made));
    expect(sink.kinds).toEqual(['operation.started', 'operation.refused']);
    expect(sink.dataOf('operation.refused')).toMatchObject([
      { errorCode: expect.any(String) as string },
    ]);
  });

  it('is failed where it failed afterwards', async () => {
    const { made, sink } = await world();
    const run = await start(made);
    await pullUntil(run, made.clock, 'passed');
    made.store.before = () => Promise.reject(new Error('gone'));
    await rejection(drained(run, made));
    expect(sink.dataOf('operation.failed')).toMatchObject([
      { errorCode: 'OTHER', counts: { changed: 2 }, passes: 1 },
    ]);
  });

  it('is recorded before the caller receives it', async () => {
    const { made, sink } = await world();
    const run = await start(made);
    for (;;) {
      const { value } = await pull(run, made.clock);
      if ((value as { type?: string }).type === 'finished') break;
    }
    expect(sink.kinds.at(-1)).toBe('operation.finished');
  });

  it('is the failure of the run where its end cannot be recorded too', async () => {
    const { made, sink } = await world();
    made.provider.before = failsToWrap;
    sink.before = ({ type }) => {
      if (type.includes('refused')) throw new Error('full');
    };
    expect(await rejection(rewrap(made))).not.toMatchObject({ code: 'AUDIT_FAILED' });
  });

  it('rejects the return of a caller where it cannot be recorded', async () => {
    const { made, sink } = await world();
    const run = await start(made);
    await pullUntil(run, made.clock, 'begun');
    sink.before = () => Promise.reject(new Error('full'));
    expect(await rejection(run.return(undefined as never))).toMatchObject({ code: 'AUDIT_FAILED' });
  });
});

describe('failed items', () => {
  it('have an event each, with the DEK and the code', async () => {
    const worlds = await world(2);
    await breakAll(worlds);
    const { made, sink } = worlds;
    await rewrap(made, {
      allowUnknown: true,
      withoutOpening: [{ mekVersion: (await targetOf('a')).mekVersion }],
    });
    const failed = sink.dataOf('item.failed');
    expect(failed.length).toBeGreaterThan(1);
    for (const { errorCode, dekId } of failed)
      expect([errorCode, typeof dekId]).toEqual(['TAMPERED', 'string']);
    expect(sink.dataOf('operation.finished')).toMatchObject([
      {
        complete: false,
        failures: {
          TAMPERED: { count: 2, example: expect.stringMatching(/^[0-9a-f]{32}\.1$/) as string },
        },
      },
    ]);
  });

  it('have a hundred events at most: the others are counted', async () => {
    const worlds = await world(130);
    await breakAll(worlds);
    const { made, sink } = worlds;
    await rewrap(made, {
      maxFailures: 1_000,
      withoutOpening: [{ mekVersion: (await targetOf('a')).mekVersion }],
    });
    expect(sink.dataOf('item.failed')).toHaveLength(100);
    const [{ failuresNotListed } = {}] = sink.dataOf('operation.finished');
    expect(failuresNotListed).toBe(160);
  });

  it('are counted where their events cannot be recorded, and the run goes on', async () => {
    const worlds = await world(2);
    await breakAll(worlds);
    const { made, sink } = worlds;
    sink.before = ({ type }) => {
      if (type.includes('item.failed')) throw new Error('full');
    };
    await rewrap(made, { withoutOpening: [{ mekVersion: (await targetOf('a')).mekVersion }] });
    const [{ failuresNotListed } = {}] = sink.dataOf('operation.finished');
    expect(failuresNotListed).toBe(4);
  });
});

describe('a sink that refuses one event', () => {
  const calls = Array.from({ length: 4 }, (_each, index) => index);

  async function refusing(
    call: number,
  ): Promise<{ made: Setup; sink: RecordingSink; error: unknown }> {
    const { made, sink } = await world(2);
    let seen = 0;
    sink.before = () => {
      seen += 1;
      if (seen === call + 1) throw new Error('full');
    };
    const options: RewrapAllDeksOptions = { target: await targetOf('b') };
    const run = rewrapAllDeks(made.encryptor, options);
    const work = drained(run, made);
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return { made, sink, error };
  }

  it.each(calls)('leaves no gap, and another run finishes: call %i', async (call) => {
    const { made, sink, error } = await refusing(call);
    if (call < 3) expect(error).toMatchObject({ code: 'AUDIT_FAILED' });
    sink.before = () => undefined;
    const { summary } = await rewrap(made);
    expect(summary.complete).toBe(true);
    expect(sink.kinds.at(-1)).toBe('operation.finished');
  });
});

it('keeps the order of many operations over one sink', async () => {
  const sink = newSink();
  sink.before = () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    });
  const worlds = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const first = setup();
      await writeNotes(first, 2);
      return withKeys(first, ['b', 'a'], { audit: { sink } });
    }),
  );
  await Promise.all(worlds.map((made) => rewrap(made)));
  expect(sink.events).toHaveLength(18);
  expect(new Set(sink.events.map(({ source }: AuditEvent) => source)).size).toBe(1);
  const open = new Set<unknown>();
  for (const { type, data } of sink.events) {
    const { id } = data['operation'] as { readonly id: string };
    if (type.includes('started')) open.add(id);
    else expect(open.has(id)).toBe(true);
  }
});
