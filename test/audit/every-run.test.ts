import { describe, expect, it } from 'vitest';
import { PRODUCT } from '../support/encryptor.js';
import {
  callWorld,
  type AbortableCall,
  type CallWorld,
} from '../support/abortable-calls/abortable-call.js';
import { RUN_CALLS } from '../support/abortable-calls/run-calls.js';
import { checkSinks, newSink, type RecordingSink } from '../support/audit.js';
import { rejection } from '../support/failure.js';
import { ended } from '../support/rotations.js';

const RUNS = RUN_CALLS.filter(({ of, isRun }) => isRun && !of.startsWith('find'));
/** Calls that write, and are no runs. */
const OPERATIONS = RUN_CALLS.filter(({ of }) =>
  ['abandonDek', 'registerDefinitions', 'setFenceTtl'].includes(of),
);
const SINGLE_EVENTS = RUN_CALLS.filter(({ of }) => of === 'assertRetirable');
const AUDITED = [...RUNS, ...OPERATIONS];
const UNAUDITED = RUN_CALLS.filter((of) => ![...AUDITED, ...SINGLE_EVENTS].includes(of));

interface World {
  readonly world: CallWorld;
  readonly sink: RecordingSink;
  readonly call: () => Promise<unknown>;
}

checkSinks();

/** The sink has no events of what was arranged. */
async function arranged(of: AbortableCall): Promise<World> {
  const sink = newSink();
  const world = await callWorld({ ...of, settings: { ...of.settings, audit: { sink } } });
  const call = await ended(Promise.resolve(of.ready(world)), world.made.clock);
  sink.forget();
  return { world, sink, call: () => ended(call({}), world.made.clock) };
}

/** Everything that is stored. */
async function stored({ author: { memory }, documents }: CallWorld): Promise<string> {
  const scopes = ['rotation', 'lease', 'definition'].map((each) => `${each}:${PRODUCT}`);
  const items = await Promise.all(scopes.map((scope) => memory.listItems(scope)));
  const rows = await memory.list({ product: PRODUCT });
  return JSON.stringify([items, rows, await documents.memory.list()]);
}

describe.each(AUDITED)('$of', (of) => {
  it('is recorded with its start and its end', async () => {
    const { sink, call } = await arranged(of);
    await call();
    expect(sink.kinds[0]).toBe('operation.started');
    expect(sink.kinds.at(-1)).toBe('operation.finished');
    expect(sink.kinds.filter((what) => what === 'operation.started')).toHaveLength(1);
    const operations = sink.events.map(({ data }) => data['operation']);
    expect(new Set(operations.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(operations[0]).toMatchObject({ kind: 'run', name: of.of });
  });

  it('does nothing where its start cannot be recorded', async () => {
    const { world, sink, call } = await arranged(of);
    sink.before = () => Promise.reject(new Error('full'));
    const before = await stored(world);
    for (const probe of Object.values(world.probes)) probe.reset();
    expect(await rejection(call())).toMatchObject({ code: 'AUDIT_FAILED' });
    expect(await stored(world)).toBe(before);
    const calls = Object.values(world.probes).flatMap((probe) => Object.keys(probe.calls));
    if (of.of !== 'registerDefinitions') expect(calls).toEqual([]);
  });

  it('rejects where its end cannot be recorded', async () => {
    const { sink, call } = await arranged(of);
    sink.before = ({ type }) => {
      if (type.includes('.operation.finished.')) throw new Error('full');
    };
    expect(await rejection(call())).toMatchObject({ code: 'AUDIT_FAILED' });
  });
});

describe.each(UNAUDITED)('$of', (of) => {
  it('only reads, or records by the calls that it makes', async () => {
    const { sink, call } = await arranged(of);
    await call();
    expect(sink.kinds.filter((what) => what !== 'opens.failed')).toEqual([]);
  });
});

it('knows every run', () => {
  expect(RUNS.length).toBeGreaterThan(11);
  expect([OPERATIONS.length, SINGLE_EVENTS.length]).toEqual([3, 1]);
});
