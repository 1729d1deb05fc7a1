import { describe, expect, it } from 'vitest';
import { StoreError, type DocumentStore, type Envelope } from '../src/index.js';
import { MemoryDocumentStore } from '../src/testing/index.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
} from './support/encryptor.js';
import { failure, rejection } from './support/failure.js';
import { probed, type Probe } from './support/probe.js';
import { alterRow } from './support/rotations.js';

const FENCE_TTL_MS = 30_000;
const SCOPE = '6ba93ee4f21c83cde16a191438027014';
const RETIRED = { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' };

interface Writing {
  readonly made: Setup;
  readonly notes: MemoryDocumentStore;
  readonly store: DocumentStore;
  readonly probe: Probe;
}

function writing(): Writing {
  const notes = new MemoryDocumentStore({ key: note.key });
  const [store, probe] = probed<DocumentStore>(notes);
  return { made: setup(), notes, store, probe };
}

type Change = (stored: Loose | undefined) => Loose | undefined;

function update({ made, store }: Writing, change: Change): Promise<Loose | undefined> {
  return made.encryptor.updateDocument(note, store as never, KEY, change as never) as never;
}

async function bodyOf({ made, notes }: Writing): Promise<unknown> {
  const stored = await notes.get(KEY);
  return (await decryptAny(made.encryptor, stored?.document))['body'];
}

describe('updateDocument', () => {
  it('makes a document that is not there, and changes one that is', async () => {
    const all = writing();
    await update(all, (stored) => {
      expect(stored).toBeUndefined();
      return { ...KEY, body: 'first', title: 'kept', pinned: true };
    });
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

  it('gives up when others are faster for ever', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'x' }));
    all.probe.before = (method) => {
      if (method === 'replace') throw new StoreError('ETAG_MISMATCH', 'changed');
    };
    expect(await failure(update(all, (stored) => ({ ...stored, body: 'y' })))).toEqual({
      name: 'FieldEncryptionError',
      code: 'CONTENDED',
      message:
        'Updating the document did not succeed in 16 attempts: other processes were faster; try again',
    });
  });

  it('writes no other document than the one that it was asked for', async () => {
    const all = writing();
    expect(await failure(update(all, () => ({ ...KEY, id: 'other', body: 'x' })))).toEqual({
      name: 'RangeError',
      message: '"change" returned a document with other key parts than were asked for',
    });
    expect(await all.notes.count()).toBe(0);
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

describe('a write that was acknowledged late', () => {
  async function late(change: (all: Writing) => Promise<unknown>): Promise<Writing> {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'first' }));
    let isSlow = true;
    all.probe.after = async (method, result) => {
      if (method !== 'replace' || !isSlow) return result;
      isSlow = false;
      await change(all);
      all.made.clock.advance(FENCE_TTL_MS);
      return result;
    };
    all.probe.reset();
    all.made.store.reset();
    await update(all, (stored) => ({ ...stored, body: 'second' }));
    return all;
  }

  it('costs one row read when the DEK is still active', async () => {
    const all = await late(() => Promise.resolve());
    expect(all.made.store.calls).toEqual({ get: 1 });
    expect(all.probe.calls).toEqual({ get: 1, replace: 1 });
  });

  it('costs nothing within the fence', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'first' }));
    all.made.store.reset();
    all.made.clock.advance(FENCE_TTL_MS - 1);
    await update(all, (stored) => ({ ...stored, body: 'second' }));
    expect(all.made.store.calls).toEqual({});
  });

  it('is sealed and written again when the DEK was retired', async () => {
    const all = await late(({ made }) => alterRow(made, `${SCOPE}.1`, RETIRED));
    expect(all.probe.calls).toEqual({ get: 2, replace: 2 });
    const stored = await all.notes.get(KEY);
    expect((stored?.document['body'] as Envelope).dekId).toBe(`${SCOPE}.2`);
    expect(await bodyOf(all)).toBe('second');
  });

  it('is sealed and written again when the document was shredded', async () => {
    const all = writing();
    let isSlow = true;
    all.probe.after = async (method, result) => {
      if (method !== 'create' || !isSlow) return result;
      isSlow = false;
      await setup({ beside: all.made }).encryptor.shred(note, KEY);
      all.made.clock.advance(FENCE_TTL_MS);
      return result;
    };
    await update(all, () => ({ ...KEY, body: 'text' }));
    const stored = await all.notes.get(KEY);
    expect((stored?.document['body'] as Envelope).dekId).toBe(`${SCOPE}.2`);
    const reader = setup({ beside: all.made });
    expect(await decryptAny(reader.encryptor, stored?.document)).toMatchObject({ body: 'text' });
  });

  it('is not reported as done when the row cannot be read', async () => {
    const down = new StoreError('STORE_UNAVAILABLE', 'down');
    const failed = late(({ made }) => {
      made.store.before = (method) => {
        if (method === 'get') throw down;
      };
      return Promise.resolve();
    });
    expect(await rejection(failed)).toBe(down);
  });
});

describe('the check for those who write themselves', () => {
  it.each([
    ['active', {}, true],
    ['retired', RETIRED, false],
  ])('says of a DEK that is %s after the fence: %j %s', async (_state, change, expected) => {
    const { encryptor, clock, memory, store } = setup();
    const write = await encryptor.beginWrite(note, { ...KEY, body: 'text' });
    const cipher = await encryptor.openDocument(note, KEY);
    const body = envelopeAt(write.document, 'body');
    await alterRow({ memory } as Setup, body.dekId, change);
    expect(await write.confirm()).toBe(true);
    expect(await cipher.confirmWrite()).toBe(true);
    clock.advance(FENCE_TTL_MS);
    store.reset();
    expect(await write.confirm()).toBe(expected);
    expect(await cipher.confirmWrite()).toBe(expected);
    expect(store.calls).toEqual({ get: 2 });
  });

  it('says no of a DEK that was shredded, and of one whose row is gone', async () => {
    const made = setup();
    const write = await made.encryptor.beginWrite(note, { ...KEY, body: 'text' });
    await setup({ beside: made }).encryptor.shred(note, KEY);
    made.clock.advance(FENCE_TTL_MS);
    expect(await write.confirm()).toBe(false);
    const again = await made.encryptor.beginWrite(note, { ...KEY, body: 'text' });
    expect(envelopeAt(again.document, 'body').dekId).toBe(`${SCOPE}.2`);
    made.clock.advance(FENCE_TTL_MS);
    made.store.after = (method, result) => (method === 'get' ? undefined : result);
    expect(await again.confirm()).toBe(false);
  });

  it('has nothing to check where nothing was sealed', async () => {
    const { encryptor, clock, store } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text' });
    const write = await encryptor.beginWrite(note, { ...stored, pinned: true } as never);
    const closed = await encryptor.openDocument(note, { ...KEY, id: 'none' });
    clock.advance(FENCE_TTL_MS);
    store.reset();
    expect(await write.confirm()).toBe(true);
    expect(await closed.confirmWrite()).toBe(true);
    expect(store.calls).toEqual({});
  });
});
