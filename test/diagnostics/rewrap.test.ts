/** What is published about a rewrap, against what its caller pulls. @module */
import { describe, expect, it } from 'vitest';
import type { ActiveDekRow, DekStoreOptions } from '../../src/adapters.js';
import {
  diagnosticsChannels,
  rewrapAllDeks,
  type RewrapEvent,
  type RunMessage,
} from '../../src/index.js';
import { PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { deferred, turn } from '../support/deferred.js';
import { rejection } from '../support/failure.js';
import { hear, hearCalls, onMessage } from '../support/hear.js';
import {
  pull,
  pullUntil,
  rewrap,
  start,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';
import { secretWatch } from '../support/secrets/secret-watch.js';

const NOTES = 5;

async function rotating(): Promise<{ writer: Setup; process: Setup }> {
  const writer = setup();
  await writeNotes(writer, NOTES);
  return { writer, process: withKeys(writer, ['b', 'a']) };
}

function typesOf(messages: readonly RunMessage[]): string[] {
  return messages.map(({ event }) => event.type);
}

describe('a rewrap', () => {
  it('is published event by event as its caller gets it, between "started" and "finished"', async () => {
    const { process } = await rotating();
    const messages = hear('run');
    const { events } = await rewrap(process);
    const [first, ...told] = messages.map(({ event }) => event);
    expect(first).toEqual({ type: 'started' });
    expect(told).toEqual(events);
    const target = { keyProvider: 'env', mekName: 'env', mekVersion: await versionOf('b') };
    const about = { product: PRODUCT, target, dryRun: false, run: messages[0]?.run };
    for (const message of messages) expect(message).toMatchObject(about);
    expect(messages.find(({ total }) => total !== undefined)?.event.type).toBe('pass');
  });

  it('is not begun, and not published, before it is pulled or with invalid options', async () => {
    const { process } = await rotating();
    const messages = hear('run');
    rewrapAllDeks(process.encryptor, { target: await targetOf('b') });
    const wrong = rewrapAllDeks(process.encryptor, { target: { mekVersion: '' } });
    await rejection(wrong.next());
    expect(messages).toEqual([]);
  });

  it('has a number of its own', async () => {
    const { process } = await rotating();
    const messages = hear('run');
    const [one, other] = [await start(process), await start(process)];
    for (const each of [one, other]) await pull(each, process.clock);
    for (const each of [one, other]) await each.return(undefined as never);
    const runs = [...new Set(messages.map(({ id }) => id))];
    expect(runs).toHaveLength(2);
    expect(runs[1]).toBe((runs[0] ?? 0) + 1);
    for (const run of runs) {
      const its = messages.filter((each) => each.id === run);
      expect(typesOf(its)).toEqual(['started', 'begun', 'stopped']);
    }
  });

  it('that its caller leaves has stopped, once what was under way is over', async () => {
    const { process } = await rotating();
    const gate = deferred();
    process.store.before = (method) =>
      method === 'replace' && (process.store.calls['replace'] ?? 0) > 1 ? gate.promise : undefined;
    const rewrapping = await start(process, { concurrency: 3 });
    await pullUntil(rewrapping, process.clock, 'changed');
    const messages = hear('run');
    const leaving = rewrapping.return(undefined as never);
    await turn();
    expect(messages).toEqual([]);
    gate.resolve();
    await leaving;
    expect(messages.map(({ event }) => event)).toEqual([{ type: 'stopped' }]);
  });

  it('that its caller leaves at the end has not stopped', async () => {
    const { process } = await rotating();
    const messages = hear('run');
    const rewrapping = await start(process);
    await pullUntil(rewrapping, process.clock, 'finished');
    await rewrapping.return(undefined as never);
    expect(typesOf(messages).at(-1)).toBe('finished');
  });

  it('that fails, is aborted, or is failed by its caller has stopped, with a code', async () => {
    const { process } = await rotating();
    const messages = hear('run');
    process.provider.before = (method) => {
      if (method === 'wrapKey') throw new Error('Down');
    };
    await rejection(rewrap(process));
    process.provider.before = () => undefined;
    const controller = new AbortController();
    const aborted = await start(process, { signal: controller.signal });
    await pullUntil(aborted, process.clock, 'fence');
    controller.abort();
    await rejection(pull(aborted, process.clock));
    const thrownAt = await start(process);
    await pull(thrownAt, process.clock);
    const fromCaller = new Error('From the caller');
    expect(await rejection(thrownAt.throw(fromCaller))).toBe(fromCaller);
    const stops = messages.flatMap(({ event }) => (event.type === 'stopped' ? [event] : []));
    expect(stops).toEqual([
      { type: 'stopped', errorCode: 'OTHER' },
      { type: 'stopped', errorCode: 'ABORTED' },
      { type: 'stopped', errorCode: 'OTHER' },
    ]);
  });

  it('tells a code instead of the error of a row', async () => {
    const { writer, process } = await rotating();
    await breakRow(writer);
    const messages = hear('run');
    const { events } = await rewrap(process);
    const failed = events.filter(({ type }) => type === 'failed');
    const told = messages.map(({ event }) => event).filter(({ type }) => type === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    expect(told).toEqual(failed.map((event) => withCode(event, 'TAMPERED')));
  });

  it('tells what each event cost, a failed one too', async () => {
    const { writer, process } = await rotating();
    await breakRow(writer);
    process.store.before = (_method, args) => {
      const options = args.at(-1) as DekStoreOptions | undefined;
      options?.onRequestCharge?.(1.25);
    };
    const [messages, calls] = [hear('run'), hearCalls('store')];
    const { events, summary } = await rewrap(process);
    const charges = events.map(({ requestCharge }) => requestCharge);
    const failed = events.filter(({ type }) => type === 'failed');
    expect(failed[0]?.requestCharge).toBeGreaterThan(0);
    expect(
      messages.slice(1).map(({ event }) => 'requestCharge' in event && event.requestCharge),
    ).toEqual(charges.map((charge) => charge ?? false));
    const ofCalls = calls.reduce((sum, { requestCharge = 0 }) => sum + requestCharge, 0);
    expect(ofCalls).toBe(summary.requestCharge);
  });

  it('gets to its caller as it was, whatever a subscriber does to the message', async () => {
    const plain = await rotating();
    await breakRow(plain.writer);
    const { events, summary } = await rewrap(plain.process);
    const { writer, process } = await rotating();
    await breakRow(writer);
    onMessage<'run'>(diagnosticsChannels.run, ({ event, target }) => {
      spoil(event);
      if (target) spoil(target);
    });
    const spoilt = await rewrap(process);
    expect(spoilt.summary).toEqual(summary);
    expect(spoilt.events).toEqual(events);
  });

  it('counts what is left also without a subscriber', async () => {
    const { process } = await rotating();
    const rewrapping = await start(process);
    await secretWatch.unheard(() => pullUntil(rewrapping, process.clock, 'changed'));
    const messages = hear('run');
    await pull(rewrapping, process.clock);
    expect(messages).toMatchObject([{ total: NOTES, left: NOTES - 2 }]);
  });
});

/** Of one row, the commitment: it fails in every scan. */
async function breakRow({ memory }: Setup): Promise<void> {
  const [item] = (await memory.list({ product: PRODUCT })).items;
  const commitment = Buffer.alloc(32, 7).toString('base64url');
  await memory.replace({ ...(item?.value as ActiveDekRow), commitment }, item?.etag ?? '');
}

function withCode(event: RewrapEvent, errorCode: string): object {
  const { error, ...others } = event as Extract<RewrapEvent, { readonly type: 'failed' }>;
  expect(error).toMatchObject({ code: errorCode });
  return { ...others, errorCode };
}

/** Changes every property, those of the objects inside too. */
function spoil(value: object): void {
  for (const [name, each] of Object.entries(value)) {
    if (typeof each === 'object' && each !== null) spoil(each as object);
    else if (name !== 'type') Reflect.set(value, name, 'spoilt');
  }
}
