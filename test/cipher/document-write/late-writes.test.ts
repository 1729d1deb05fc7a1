import { describe, expect, it } from 'vitest';
import { StoreError, type Envelope } from '../../../src/index.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  setup,
  type Setup,
} from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { alterRow } from '../../support/rotations.js';
import { bodyOf, update, writing, type Writing } from '../../support/writing.js';

const FENCE_TTL_MS = 30_000;
const SCOPE = '6ba93ee4f21c83cde16a191438027014';
const RETIRED = { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' };

/** Something happens once a write landed, and its answer takes longer than the fence. */
function lateOnce(all: Writing, method: string, meanwhile: () => Promise<unknown>): void {
  all.probe.after = async (called, result) => {
    if (called !== method) return result;
    all.probe.after = (_method, answer) => answer;
    await meanwhile();
    all.made.clock.advance(FENCE_TTL_MS);
    return result;
  };
  all.probe.reset();
}

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

  it('is not changed a second time for that', async () => {
    let changes = 0;
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'first', edits: 0 }));
    lateOnce(all, 'replace', () => alterRow(all.made, `${SCOPE}.1`, RETIRED));
    const item = await update(all, (stored) => {
      changes += 1;
      return { ...stored, body: 'second', edits: Number(stored?.['edits']) + 1 };
    });
    expect(changes).toBe(1);
    expect(item?.['document']).toMatchObject({ edits: 1, body: { dekId: `${SCOPE}.2` } });
    expect(await bodyOf(all)).toBe('second');
  });

  it('is saved also where the change would do nothing a second time', async () => {
    const all = writing();
    lateOnce(all, 'create', () => setup({ beside: all.made }).encryptor.shred(note, KEY));
    await update(all, (stored) => (stored ? undefined : { ...KEY, body: 'text' }));
    const reader = setup({ beside: all.made });
    const { document } = (await all.notes.get(KEY)) ?? {};
    expect(await decryptAny(reader.encryptor, document)).toMatchObject({ body: 'text' });
  });

  it('keeps what others wrote into the document since, and saves only what is still its own', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, title: 'old', tags: ['a'] }));
    lateOnce(all, 'replace', async () => {
      await alterRow(all.made, `${SCOPE}.1`, RETIRED);
      const other = { ...all, store: all.notes, made: setup({ beside: all.made }) };
      await update(other, (stored) => ({ ...stored, title: 'theirs', pinned: true }));
    });
    const own = await update(all, (stored) => ({
      ...stored,
      title: 'mine',
      body: 'mine',
      tags: ['b', 'c'],
    }));
    expect(own?.['document']).toMatchObject({
      pinned: true,
      title: { dekId: `${SCOPE}.2` },
      body: { dekId: `${SCOPE}.2` },
      tags: [{ dekId: `${SCOPE}.2` }, { dekId: `${SCOPE}.2` }],
    });
    const { document } = (await all.notes.get(KEY)) ?? {};
    const { title, body, tags } = await decryptAny(all.made.encryptor, document);
    expect({ title, body, tags }).toEqual({ title: 'theirs', body: 'mine', tags: ['b', 'c'] });
  });

  it('brings back no document that was deleted since', async () => {
    const all = writing();
    lateOnce(all, 'create', async () => {
      await setup({ beside: all.made }).encryptor.shred(note, KEY);
      const item = await all.notes.get(KEY);
      await all.notes.delete(KEY, item?.etag ?? '');
    });
    expect(await update(all, () => ({ ...KEY, body: 'text' }))).toBeUndefined();
    expect(await all.notes.count()).toBe(0);
  });

  it('leaves alone what others have written over it since', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'first' }));
    lateOnce(all, 'replace', async () => {
      await alterRow(all.made, `${SCOPE}.1`, RETIRED);
      const other = { ...all, store: all.notes, made: setup({ beside: all.made }) };
      await update(other, (stored) => ({ ...stored, body: 'theirs' }));
    });
    const item = await update(all, (stored) => ({ ...stored, body: 'mine' }));
    expect(item).toEqual(await all.notes.get(KEY));
    expect(await bodyOf(all)).toBe('theirs');
    expect(all.probe.calls['replace']).toBe(1);
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

  it('forgets what it knew of a DEK that is gone', async () => {
    const made = setup();
    const write = await made.encryptor.beginWrite(note, { ...KEY, body: 'text' });
    await setup({ beside: made }).encryptor.shred(note, KEY);
    expect(await decryptAny(made.encryptor, write.document)).toMatchObject({ body: 'text' });
    made.clock.advance(FENCE_TTL_MS);
    expect(await write.confirm()).toBe(false);
    expect(await rejection(decryptAny(made.encryptor, write.document))).toMatchObject({
      code: 'DEK_SHREDDED',
    });
  });

  it('does not seal again by a listing from before', async () => {
    const made = setup();
    const write = await made.encryptor.beginWrite(note, { ...KEY, body: 'text' });
    made.clock.advance(FENCE_TTL_MS);
    await encryptAny(made.encryptor, { ...KEY, title: 'reads the row anew' });
    await alterRow(made, `${SCOPE}.1`, RETIRED);
    expect(await write.confirm()).toBe(false);
    const again = await write.sealAgain(write.document);
    expect(again?.document).toMatchObject({ body: { dekId: `${SCOPE}.2` } });
  });

  it('seals again what it sealed, where that is still stored', async () => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, title: 'kept' });
    const write = await made.encryptor.beginWrite(note, { ...stored, body: 'text' } as never);
    await alterRow(made, `${SCOPE}.1`, RETIRED);
    made.clock.advance(FENCE_TTL_MS);
    expect(await write.confirm()).toBe(false);
    const again = await write.sealAgain({ ...write.document, pinned: true });
    expect(again?.document).toMatchObject({
      pinned: true,
      title: stored['title'],
      body: { dekId: `${SCOPE}.2` },
    });
    expect(await again?.confirm()).toBe(true);
    expect(await decryptAny(made.encryptor, again?.document)).toMatchObject({
      title: 'kept',
      body: 'text',
    });
    expect(await write.sealAgain(stored)).toBeUndefined();
    expect(await again?.sealAgain(write.document)).toBeUndefined();
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
