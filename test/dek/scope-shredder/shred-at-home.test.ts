import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../../src/adapters.js';
import { createFieldEncryptor, DekCache, StoreError } from '../../../src/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../../src/testing/index.js';
import { deferred, turn, type Deferred } from '../../support/deferred.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Loose,
  type Setup,
} from '../../support/encryptor.js';
import { describeError, failure, refused, rejection, thrownBy } from '../../support/failure.js';
import { eventsOf, reencrypt } from '../../support/migrations.js';
import { alterRow } from '../../support/rotations.js';
import { update, writing } from '../../support/writing.js';

const SCOPE = '6ba93ee4f21c83cde16a191438027014';
const SHREDDED = refused(
  'DEK_SHREDDED',
  `Scope ${SCOPE} was shredded by this process after the call began, or after the document was opened: the data that its DEKs sealed cannot be read any more; a call that begins after "shred" has resolved creates a new DEK`,
);

/** Another encryptor of the same process: the same store object, and a cache of its own. */
function roommate({ clock, dekStore, keyProvider }: Setup): Pick<Setup, 'dekCache' | 'encryptor'> {
  const dekCache = new DekCache({ clock, maxEntries: 64 });
  const parts = { product: PRODUCT, keyProviders: [keyProvider], dekStore, dekCache, clock };
  return { encryptor: createFieldEncryptor(parts), dekCache };
}

/** A product that has its rotation record, and no DEK for the document. */
async function withRecord(): Promise<Setup> {
  const made = setup();
  await encryptAny(made.encryptor, { ...KEY, id: 'other', body: 'other' });
  return made;
}

interface Cold {
  readonly made: Setup;
  readonly gate: Deferred<void>;
  readonly stored: Loose;
  readonly other: Loose;
}

/** A process with an empty cache, whose unwraps are not answered before the gate opens. */
async function cold(): Promise<Cold> {
  const writer = await withRecord();
  const stored = await encryptAny(writer.encryptor, { ...KEY, body: 'text' });
  const other = await encryptAny(writer.encryptor, { ...KEY, id: 'other', body: 'other' });
  const made = setup({ beside: writer });
  const gate = deferred();
  made.provider.after = async (method, result) => {
    if (method === 'unwrapKey') await gate.promise;
    return result;
  };
  return { made, gate, stored, other };
}

async function statesOf({ memory }: Setup): Promise<readonly DekRow['state'][]> {
  return (await memory.listScope(SCOPE)).map(({ value }) => (value as DekRow).state);
}

describe('what began before a shred of its own process', () => {
  it('prepares no DEK: a write from after it does not join', async () => {
    const { made, gate, stored } = await cold();
    const before = encryptAny(made.encryptor, { ...KEY, body: 'before' });
    await turn();
    await made.encryptor.shred(note, KEY);
    const after = await encryptAny(made.encryptor, { ...KEY, body: 'after' });
    gate.resolve();
    expect(await failure(before)).toEqual(SHREDDED);
    expect(after['body']).toMatchObject({ dekId: `${SCOPE}.2` });
    expect(await decryptAny(setup({ beside: made }).encryptor, after)).toMatchObject({
      body: 'after',
    });
    expect(await rejection(decryptAny(made.encryptor, stored))).toMatchObject({
      code: 'DEK_SHREDDED',
    });
  });

  it('keeps no DEK whose create was acknowledged late', async () => {
    const made = await withRecord();
    const gate = deferred();
    made.store.after = async (method, result) => {
      if (method === 'create') await gate.promise;
      return result;
    };
    const before = encryptAny(made.encryptor, { ...KEY, body: 'before' });
    await turn();
    expect(await made.encryptor.shred(note, KEY)).toEqual({ shredded: [`${SCOPE}.1`] });
    gate.resolve();
    expect(await failure(before)).toEqual(SHREDDED);
    expect(made.dekCache.peek(`${SCOPE}.1`)).toBeUndefined();
    expect((await encryptAny(made.encryptor, { ...KEY, body: 'after' }))['body']).toMatchObject({
      dekId: `${SCOPE}.2`,
    });
  });

  it('makes no DEK any more where its create has not landed: its id is taken', async () => {
    const made = await withRecord();
    const gate = deferred();
    let creates = 0;
    made.store.before = (method) => (method === 'create' && ++creates === 1 ? gate.promise : 0);
    const before = encryptAny(made.encryptor, { ...KEY, body: 'before' });
    await turn();
    expect(await made.encryptor.shred(note, KEY)).toEqual({ shredded: [] });
    expect(await statesOf(made)).toEqual(['shredded']);
    gate.resolve();
    expect(await failure(before)).toEqual(SHREDDED);
    expect(await statesOf(made)).toEqual(['shredded']);
    expect((await encryptAny(made.encryptor, { ...KEY, body: 'after' }))['body']).toMatchObject({
      dekId: `${SCOPE}.2`,
    });
  });

  it('leaves no DEK whose create landed and was answered while the rows were listed', async () => {
    const made = await withRecord();
    const gate = deferred();
    made.store.before = (method) => (method === 'create' ? gate.promise : 0);
    const before = failure(encryptAny(made.encryptor, { ...KEY, body: 'before' }));
    await turn();
    made.store.after = async (method, result) => {
      if (method !== 'listScope') return result;
      gate.resolve();
      await before;
      return result;
    };
    expect(await made.encryptor.shred(note, KEY)).toEqual({ shredded: [`${SCOPE}.1`] });
    expect(await before).toEqual(SHREDDED);
    expect(await statesOf(made)).toEqual(['shredded']);
  });

  it('does not seal, open or confirm in an open document', async () => {
    const { encryptor } = setup();
    const open = await encryptor.openDocument(note, KEY, { createDek: true });
    const envelope = open.seal('body', 'before');
    await encryptor.shred(note, KEY);
    const uses = [() => open.seal('body', 'after'), () => open.open('body', envelope)];
    for (const use of uses) expect(thrownBy(use)).toMatchObject(SHREDDED);
    expect(await failure(open.confirmWrite())).toEqual(SHREDDED);
  });

  it.each([
    ['sealed', (stored: Loose) => ({ ...stored, title: 'sealed by it' })],
    ['brought along', (stored: Loose) => ({ ...stored, pinned: true })],
  ])('confirms no write whose envelopes were %s, and seals them no more', async (_how, change) => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'before' });
    const write = await encryptor.beginWrite(note, change(stored) as never);
    await encryptor.shred(note, KEY);
    await encryptAny(encryptor, { ...KEY, body: 'after' });
    expect(await failure(write.confirm())).toEqual(SHREDDED);
    const again = write.sealAgain(write.document);
    if ('title' in write.document) expect(await failure(again)).toEqual(SHREDDED);
    else expect(await again).toBeUndefined();
  });

  it('confirms no write whose row was read before, and the answer came after it', async () => {
    const made = setup();
    const write = await made.encryptor.beginWrite(note, { ...KEY, body: 'before' });
    made.clock.advance(30_000);
    const gate = deferred();
    made.store.after = async (method, result) => {
      if (method === 'get') await gate.promise;
      return result;
    };
    const confirming = write.confirm();
    await turn();
    await made.encryptor.shred(note, KEY);
    gate.resolve();
    expect(await failure(confirming)).toEqual(SHREDDED);
  });

  it('updates nothing, even where another call has written the document anew', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'before' }));
    const gate = deferred();
    let changes = 0;
    const store = all.notes as never;
    const before = all.made.encryptor.updateDocument(note, store, KEY, async (stored) => {
      changes += 1;
      await gate.promise;
      return { ...stored, ...KEY, body: 'again' };
    });
    await turn();
    await all.made.encryptor.shred(note, KEY);
    const after = await update(all, () => ({ ...KEY, body: 'after' }));
    gate.resolve();
    expect(await failure(before)).toEqual(SHREDDED);
    expect(changes).toBe(1);
    expect(await all.notes.get(KEY)).toEqual(after);
  });

  it.each([
    ['active', {}],
    ['retired', { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' }],
  ])('opens no document whose DEK was %s', async (_state, change) => {
    const { made, gate } = await cold();
    await alterRow(made, `${SCOPE}.1`, change);
    const before = made.encryptor.openDocument(note, KEY);
    await turn();
    await made.encryptor.shred(note, KEY);
    await encryptAny(made.encryptor, { ...KEY, body: 'after' });
    gate.resolve();
    expect(await failure(before)).toEqual(SHREDDED);
    expect((await made.encryptor.openDocument(note, KEY)).seal('body', 'x').dekId).toBe(
      `${SCOPE}.2`,
    );
  });

  it('opens no document that had no DEK', async () => {
    const made = await withRecord();
    const gate = deferred();
    let listings = 0;
    made.store.after = async (method, result) => {
      if (method === 'listScope' && ++listings === 1) await gate.promise;
      return result;
    };
    const before = made.encryptor.openDocument(note, KEY);
    await turn();
    await made.encryptor.shred(note, KEY);
    gate.resolve();
    expect(await failure(before)).toEqual(SHREDDED);
  });

  it('fails the shredded document alone in a list', async () => {
    const { made, gate, stored, other } = await cold();
    const list = [other, stored] as never[];
    const before = made.encryptor.decryptDocuments(note, list, { concurrency: 2 });
    await turn();
    await made.encryptor.shred(note, KEY);
    gate.resolve();
    const [first, second] = await before;
    expect(first).toMatchObject({ ok: true, document: { body: 'other' } });
    expect(second).toMatchObject({ ok: false, error: SHREDDED });
    expect(made.dekCache.size).toBe(1);
  });

  it('gives a document that is being re-encrypted no new DEK', async () => {
    const made = setup();
    const notes = new MemoryDocumentStore<Loose>({ key: note.key });
    await notes.create(await encryptAny(made.encryptor, { ...KEY, body: 'before' }));
    made.store.before = async (method) => {
      if (method !== 'create') return;
      made.store.before = () => undefined;
      await made.encryptor.shred(note, KEY);
    };
    const { events, summary } = await reencrypt(made, { memory: notes, store: notes } as never);
    expect(events).toContainEqual(expect.objectContaining({ type: 'failed' }));
    expect(summary.complete).toBe(false);
    expect(await statesOf(made)).toEqual(['shredded', 'shredded']);
  });

  it('gives it none from a source that has its old DEK still', async () => {
    const made = setup();
    const notes = new MemoryDocumentStore<Loose>({ key: note.key });
    await notes.create(await encryptAny(made.encryptor, { ...KEY, body: 'before' }));
    const backup = new MemoryDekStore();
    await backup.create((await made.memory.get(`${SCOPE}.1`))?.value as DekRow);
    made.store.after = async (method, result) => {
      if (method !== 'listScope') return result;
      made.store.after = (_method, answer) => answer;
      await made.encryptor.shred(note, KEY);
      return result;
    };
    const source = { keyProvider: made.keyProvider, dekStore: backup };
    const migrated = await reencrypt(made, { memory: notes, store: notes } as never, { source });
    const errors = eventsOf(migrated, 'failed').map(({ error }) => describeError(error));
    // The scan after the wait was begun later, and finds that the DEK is gone.
    expect(errors).toEqual([SHREDDED, expect.objectContaining({ code: 'DEK_SHREDDED' })]);
    expect(await statesOf(made)).toEqual(['shredded']);
  });
});

describe('another encryptor over the same store object', () => {
  it('has its cached DEK taken away, what it has opened, and what it knew of the row', async () => {
    const made = await withRecord();
    const { encryptor, dekCache } = roommate(made);
    const stored = await encryptAny(encryptor, { ...KEY, body: 'before' });
    const open = await encryptor.openDocument(note, KEY);
    const write = await encryptor.beginWrite(note, { ...KEY, body: 'before' });
    await made.encryptor.shred(note, KEY);
    expect(dekCache.size).toBe(0);
    expect(thrownBy(() => open.open('body', stored['body']))).toMatchObject(SHREDDED);
    expect(await failure(write.confirm())).toEqual(SHREDDED);
    expect(await rejection(decryptAny(encryptor, stored))).toMatchObject({ code: 'DEK_SHREDDED' });
    const after = await encryptAny(encryptor, { ...KEY, body: 'after' });
    expect(after['body']).toMatchObject({ dekId: `${SCOPE}.2` });
    expect(await decryptAny(setup({ beside: made }).encryptor, after)).toMatchObject({
      body: 'after',
    });
  });

  it('has its late load taken away, and joins none of it', async () => {
    const { made, gate, stored } = await cold();
    const { encryptor, dekCache } = roommate(made);
    const before = decryptAny(encryptor, stored);
    await turn();
    await made.encryptor.shred(note, KEY);
    expect(await rejection(decryptAny(encryptor, stored))).toMatchObject({ code: 'DEK_SHREDDED' });
    gate.resolve();
    expect(await failure(before)).toEqual(SHREDDED);
    expect(dekCache.size).toBe(0);
  });

  it('keeps no listing that was read before and answered after it', async () => {
    const made = await withRecord();
    await encryptAny(made.encryptor, { ...KEY, body: 'before' });
    const { encryptor } = roommate(made);
    const gate = deferred();
    let listings = 0;
    made.store.after = async (method, result) => {
      if (method === 'listScope' && ++listings === 1) await gate.promise;
      return result;
    };
    const before = encryptAny(encryptor, { ...KEY, body: 'before' });
    await turn();
    await made.encryptor.shred(note, KEY);
    gate.resolve();
    expect(await failure(before)).toEqual(SHREDDED);
    expect((await encryptAny(encryptor, { ...KEY, body: 'after' }))['body']).toMatchObject({
      dekId: `${SCOPE}.2`,
    });
  });
});

describe('a call that begins during a shred', () => {
  it('is refused, and those that begin after it are not', async () => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'before' });
    const gate = deferred();
    made.store.before = (method) => (method === 'replace' ? gate.promise : undefined);
    const shreds = [made.encryptor.shred(note, KEY), made.encryptor.shred(note, KEY)];
    await turn();
    made.store.reset();
    expect(await failure(decryptAny(made.encryptor, stored))).toEqual(SHREDDED);
    expect(await failure(encryptAny(made.encryptor, { ...KEY, body: 'during' }))).toEqual(SHREDDED);
    expect(await failure(made.encryptor.openDocument(note, KEY))).toEqual(SHREDDED);
    expect(made.store.calls).toEqual({});
    gate.resolve();
    await Promise.all(shreds);
    expect((await encryptAny(made.encryptor, { ...KEY, body: 'after' }))['body']).toMatchObject({
      dekId: `${SCOPE}.2`,
    });
  });

  it('waits for the last of several shreds', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, body: 'before' });
    const gate = deferred();
    let listings = 0;
    made.store.before = (method) =>
      method === 'listScope' && ++listings === 2 ? gate.promise : undefined;
    const first = made.encryptor.shred(note, KEY);
    const second = made.encryptor.shred(note, KEY);
    await first;
    expect(await failure(encryptAny(made.encryptor, { ...KEY, body: 'during' }))).toEqual(SHREDDED);
    gate.resolve();
    await second;
    await encryptAny(made.encryptor, { ...KEY, body: 'after' });
    expect(await statesOf(made)).toEqual(['shredded', 'active']);
  });

  it('goes on as the store says where the shred has failed', async () => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'before' });
    const outage = new StoreError('STORE_UNAVAILABLE', 'down');
    made.store.before = (method) => (method === 'replace' ? Promise.reject(outage) : 0);
    expect(await rejection(made.encryptor.shred(note, KEY))).toBe(outage);
    expect(await decryptAny(made.encryptor, stored)).toMatchObject({ body: 'before' });
    const edited = await encryptAny(made.encryptor, { ...stored, title: 'after' });
    expect(edited['title']).toMatchObject({ dekId: `${SCOPE}.1` });
    expect(await (await made.encryptor.openDocument(note, KEY)).confirmWrite()).toBe(true);
  });
});
