import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CosmosDocumentStore } from '../../../src/azure/cosmos/index.js';
import { StoreError, type DocumentStore } from '../../../src/index.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { documentBench, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';
import { decryptAny, KEY, setup, type Loose } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { update, writing, type Change, type Writing } from '../../support/writing.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

const start: Change = () => ({ ...KEY, body: 'a long text', title: 'short', edits: 0 });
const count: Change = (stored) => ({ ...stored, edits: Number(stored?.['edits']) + 1 });
const countAndSeal: Change = (stored) => ({ ...count(stored), body: 'another text' });

/** A change, and how often it was called. */
function watched(change: Change): { readonly change: Change; readonly calls: () => number } {
  let calls = 0;
  return {
    change: (stored) => {
      calls += 1;
      return change(stored);
    },
    calls: () => calls,
  };
}

/** A proxy sends each replace twice: the first is done, the second is refused. */
function repeatReplaces({ probe, notes }: Writing): void {
  let sent: readonly unknown[] = [];
  probe.before = (_method, args) => {
    sent = args;
  };
  probe.after = (method, result) =>
    method === 'replace' ? notes.replace(sent[0] as Loose, sent[1] as string) : result;
}

async function storedIn({ notes }: Writing): Promise<Loose> {
  return (await notes.get(KEY))?.document ?? {};
}

describe('a change whose write is repeated on the way', () => {
  it.each([
    ['a declared field', countAndSeal],
    ['none of the declared fields', count],
  ])('is made once where it touches %s', async (_what, change) => {
    const all = writing();
    await update(all, start);
    repeatReplaces(all);
    const { calls, change: counted } = watched(change);
    const item = await update(all, counted);
    expect(calls()).toBe(1);
    expect(item).toEqual(await all.notes.get(KEY));
    expect(await storedIn(all)).toMatchObject({ edits: 1 });
  });

  it.each([
    ['a declared field', countAndSeal],
    ['none of the declared fields', count],
  ])('is made once where its answer is lost and it touches %s', async (_what, change) => {
    const all = writing();
    await update(all, start);
    all.probe.after = (method, result) => {
      if (method === 'replace') throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
      return result;
    };
    const { calls, change: counted } = watched(change);
    await update(all, counted);
    expect(calls()).toBe(1);
    expect(await storedIn(all)).toMatchObject({ edits: 1 });
  });

  it('is identified by its shortest envelope, and leaves the others as they were', async () => {
    const all = writing();
    await update(all, start);
    const before = await storedIn(all);
    await update(all, count);
    const after = await storedIn(all);
    expect(after['body']).toEqual(before['body']);
    expect(after['title']).not.toEqual(before['title']);
    const { encryptor } = setup({ beside: all.made });
    expect(await decryptAny(encryptor, after)).toEqual({ ...start(undefined), edits: 1 });
  });

  it('leaves every envelope as it was where it seals a field anyway', async () => {
    const all = writing();
    await update(all, start);
    const before = await storedIn(all);
    await update(all, countAndSeal);
    expect((await storedIn(all))['title']).toEqual(before['title']);
  });

  it('writes in clear, and does not seal, where encryption is off', async () => {
    const all = writing();
    await update(all, start);
    const before = await storedIn(all);
    const made = setup({ beside: all.made, enabled: false });
    await update({ ...all, made }, count);
    expect(await storedIn(all)).toEqual({ ...before, edits: 1 });
  });

  it('cannot be identified in a document without sealed fields, and may be made twice', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, edits: 0 }));
    repeatReplaces(all);
    const { calls, change } = watched((stored) =>
      stored?.['edits'] === 0 ? count(stored) : undefined,
    );
    await update(all, change);
    expect(calls()).toBe(2);
    expect(await storedIn(all)).toMatchObject({ edits: 1 });
  });
});

describe('over Cosmos DB', () => {
  let bench: Bench<CosmosDocumentStore>;
  let all: Writing;
  let store: DocumentStore;

  beforeEach(async () => {
    server.clearScript();
    bench = await documentBench(server);
    ({ store } = bench);
    all = { ...writing(), store };
    await update(all, start);
  });

  async function edits(): Promise<unknown> {
    return (await store.get(KEY))?.document['edits'];
  }

  it.each([
    ['is sent twice by something on the way', { repeated: true }],
    ['gets no answer', { resetAfter: true }],
    ['gets half of its answer', { cutAnswer: true }],
    ['is done, and answered with 503', { applied: true, status: 503 }],
  ])('a change is made once where its write %s', async (_what, fault) => {
    const { calls, change } = watched(count);
    server.script({ on: 'replace', ...fault });
    await update(all, change);
    expect(calls()).toBe(1);
    expect(await edits()).toBe(1);
  });

  it('the same change of another process is not taken for its own where a write was not done', async () => {
    const otherStore = new CosmosDocumentStore(bench.other, { partitionKey: 'workspaceId' });
    const other = { ...all, made: setup({ beside: all.made }), store: otherStore };
    const { calls, change } = watched(count);
    server.script({
      on: 'replace',
      resetBefore: true,
      meanwhile: () => update(other, count),
    });
    await update(all, change);
    expect(calls()).toBe(2);
    expect(await edits()).toBe(2);
  });

  it('an error of the store passes where the write was not done', async () => {
    server.script({ on: 'replace', status: 403 });
    expect(await rejection(update(all, count))).toMatchObject({ code: 'STORE_FAILED' });
    expect(await edits()).toBe(0);
  });
});
