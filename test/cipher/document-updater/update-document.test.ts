import { describe, expect, it } from 'vitest';
import { reencryptDocuments, StoreError } from '../../../src/index.js';
import type { MemoryDocumentStore } from '../../../src/testing/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
} from '../../support/encryptor.js';
import { failure, rejection } from '../../support/failure.js';
import { migrate } from '../../support/migrations.js';
import { bodyOf, update, writing, type Change } from '../../support/writing.js';

/** A fresh DEK, and the old one is gone for good. */
async function renew({ encryptor, clock }: Setup, notes: MemoryDocumentStore): Promise<void> {
  clock.advance(1_000);
  const createdBefore = new Date(clock.wallMs());
  const options = { createdBefore, shred: true };
  const { summary } = await migrate(
    reencryptDocuments(encryptor, note, notes, { allowEmpty: true, ...options }),
    clock,
  );
  expect(summary).toMatchObject({ complete: true, shredded: 1 });
}

describe('updateDocument', () => {
  it('does not take the same change of someone else for its own', async () => {
    const all = writing();
    const count: Change = (stored) => ({ ...stored, edits: Number(stored?.['edits']) + 1 });
    await update(all, () => ({ ...KEY, body: 'x', edits: 0 }));
    all.probe.before = async (method) => {
      if (method !== 'replace') return;
      all.probe.before = () => undefined;
      await update({ ...all, store: all.notes }, count);
    };
    const item = await update(all, count);
    expect(item?.['document']).toMatchObject({ edits: 2 });
  });

  it('begins again where the DEK that it read of was shredded, and the document has another', async () => {
    const all = writing();
    const { made, notes } = all;
    await update(all, () => ({ ...KEY, body: 'x', title: 'kept' }));
    const other = setup({ beside: made });
    let changes = 0;
    const change = async (stored: Loose | undefined): Promise<Loose> => {
      changes += 1;
      if (changes === 1) await renew(other, notes);
      return { ...stored, body: 'y' };
    };
    const cold = { ...all, made: setup({ beside: made }) };
    const item = await update(cold, change);
    expect(changes).toBe(2);
    const { encryptor } = setup({ beside: made });
    expect(await decryptAny(encryptor, item?.['document'])).toEqual({
      ...KEY,
      body: 'y',
      title: 'kept',
    });
  });

  it('says so where the document itself is under a DEK that was shredded', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'x' }));
    await setup({ beside: all.made }).encryptor.shred(note, KEY);
    const cold = { ...all, made: setup({ beside: all.made }) };
    expect(await rejection(update(cold, (stored) => ({ ...stored, title: 'y' })))).toMatchObject({
      code: 'DEK_SHREDDED',
    });
  });

  it('cannot tell whether a write of a document without sealed fields landed, and says so', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, edits: 0 }));
    const reset = new StoreError('STORE_UNAVAILABLE', 'connection reset');
    all.probe.after = (method, result) => {
      if (method === 'replace') throw reset;
      return result;
    };
    const change: Change = (stored) => ({ ...stored, edits: 1 });
    expect(await rejection(update(all, change))).toBe(reset);
  });

  it('seals a document anew that comes back from a copy', async () => {
    const all = writing();
    const item = await update(all, () => ({
      ...KEY,
      body: 'text',
      tags: ['a', new Uint8Array([1])],
    }));
    const copy = item?.['document'] as Loose;
    await all.notes.delete(KEY, item?.['etag'] as string);
    await setup({ beside: all.made }).encryptor.shred(note, KEY);
    all.made.clock.advance(60_000);
    await update(all, () => copy);
    const reader = setup({ beside: all.made });
    const { document } = (await all.notes.get(KEY)) ?? {};
    expect(await decryptAny(reader.encryptor, document)).toEqual({
      ...KEY,
      body: 'text',
      tags: ['a', new Uint8Array([1])],
    });
  });

  it('makes a document that is not there, and changes one that is', async () => {
    const all = writing();
    const found: unknown[] = [];
    await update(all, (stored) => {
      found.push(stored);
      return { ...KEY, body: 'first', title: 'kept', pinned: true };
    });
    expect(found).toEqual([undefined]);
    const before = await all.notes.get(KEY);
    const item = await update(all, (stored) => ({ ...stored, body: 'second' }));
    const after = await all.notes.get(KEY);
    expect(item).toEqual(after);
    expect(after?.document['title']).toEqual(before?.document['title']);
    expect(after?.document['body']).not.toEqual(before?.document['body']);
    expect(await bodyOf(all)).toBe('second');
  });

  it('leaves the document alone when there is nothing to change', async () => {
    const all = writing();
    expect(await update(all, () => undefined)).toBeUndefined();
    const made = await update(all, () => ({ ...KEY, body: 'text' }));
    expect(await update(all, () => undefined)).toEqual(made);
    expect(all.probe.calls).toEqual({ get: 3, create: 1 });
  });

  it('seals again over what someone else wrote in between, and loses neither change', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'a', title: 'a' }));
    const other = { ...all, store: all.notes, made: setup({ beside: all.made }) };
    let races = 3;
    all.probe.before = async (method) => {
      if (method !== 'replace' || races-- <= 0) return;
      await update(other, (stored) => ({ ...stored, title: `title ${String(races)}` }));
    };
    const sent: unknown[] = [];
    all.probe.after = (_method, result) => result;
    await update(all, (stored) => {
      sent.push(stored?.['title']);
      return { ...stored, body: 'b' };
    });
    expect(sent).toHaveLength(4);
    const stored = await all.notes.get(KEY);
    const { body, title } = await decryptAny(all.made.encryptor, stored?.document);
    expect({ body, title }).toEqual({ body: 'b', title: 'title 0' });
  });

  it('begins again when someone else made the document first', async () => {
    const all = writing();
    all.probe.before = async (method) => {
      if (method !== 'create') return;
      await all.notes.create(await encryptAny(all.made.encryptor, { ...KEY, title: 'theirs' }));
    };
    await update(all, (stored) => ({ ...KEY, ...stored, body: 'mine' }));
    const { document } = (await all.notes.get(KEY)) ?? {};
    expect(await decryptAny(all.made.encryptor, document)).toMatchObject({
      title: 'theirs',
      body: 'mine',
    });
  });

  it.each(['create', 'replace'])(
    'looks up whether a %s without an answer landed',
    async (method) => {
      const all = writing();
      if (method === 'replace') await update(all, () => ({ ...KEY, body: 'old' }));
      let changes = 0;
      all.probe.after = (called, result) => {
        if (called === method) throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
        return result;
      };
      const item = await update(all, (stored) => {
        changes += 1;
        return { ...KEY, ...stored, body: 'new' };
      });
      expect(item).toEqual(await all.notes.get(KEY));
      expect(changes).toBe(1);
      expect(await bodyOf(all)).toBe('new');
    },
  );

  it('reports a write that did not land', async () => {
    const all = writing();
    const down = new StoreError('STORE_UNAVAILABLE', 'down');
    all.probe.before = (method) => {
      if (method === 'create') throw down;
    };
    expect(await rejection(update(all, () => ({ ...KEY, body: 'x' })))).toBe(down);
  });

  it('gives up when others are always faster', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'x' }));
    all.probe.before = (method) => {
      if (method === 'replace') throw new StoreError('ETAG_MISMATCH', 'changed');
    };
    const change: Change = (stored) => ({ ...stored, body: 'y' });
    const error = await rejection(update(all, change));
    expect(error).toMatchObject({
      name: 'FieldEncryptionError',
      code: 'CONTENDED',
      retryable: true,
      message:
        'Updating the document did not succeed in 24 attempts: another write came first each time; try again, or raise "attempts"',
    });
    expect(all.probe.calls['replace']).toBe(24);
    all.probe.reset();
    expect(await failure(update(all, change, { attempts: 1 }))).toMatchObject({
      message:
        'Updating the document did not succeed in 1 attempt: another write came first each time; try again, or raise "attempts"',
    });
    expect(all.probe.calls['replace']).toBe(1);
  });

  it('writes no other document than the one that it was asked for', async () => {
    const all = writing();
    expect(await failure(update(all, () => ({ ...KEY, id: 'other', body: 'x' })))).toEqual({
      name: 'RangeError',
      message: '"change" returned a document with other key parts than were requested',
    });
    expect(await all.notes.count()).toBe(0);
    expect(all.made.store.calls).toEqual({});
    const nothing = update(all, () => null as never);
    expect(await failure(nothing)).toEqual({
      name: 'TypeError',
      message: '"document" expected a plain object, got null',
    });
  });

  it('stops when its signal has aborted', async () => {
    const all = writing();
    const reason = new Error('enough');
    const options = { signal: AbortSignal.abort(reason) };
    const { encryptor } = all.made;
    const change = (): never => ({ ...KEY, body: 'x' }) as never;
    const updating = encryptor.updateDocument(note, all.store as never, KEY, change, options);
    expect(await rejection(updating)).toBe(reason);
    expect(await all.notes.count()).toBe(0);
  });
});
