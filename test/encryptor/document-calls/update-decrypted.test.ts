import { describe, expect, it } from 'vitest';
import {
  defineDocument,
  reencryptDocuments,
  StoreError,
  type UpdateDocumentOptions,
} from '../../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  setup,
  type Loose,
  type SetupOptions,
} from '../../support/encryptor.js';
import { failure, refused, rejection, tampered } from '../../support/failure.js';
import { migrate } from '../../support/migrations.js';
import { passing, update, writing, type AnyChange, type Writing } from '../../support/writing.js';

const PLAIN = {
  ...KEY,
  title: 'Plans',
  body: { lines: ['one', { two: 2 }] },
  tags: ['a', 'b', new Uint8Array([1, 2])],
  meta: { location: 'here', mood: 'calm' },
  sections: [{ title: 'x', lines: ['l', 'm'], page: 1 }, null],
  pinned: { by: ['me'] },
};

interface Item {
  readonly document: Loose;
  readonly etag: string;
}

/** Time passes while it waits between attempts. */
function change(
  { made, store }: Writing,
  work: AnyChange,
  options: UpdateDocumentOptions = {},
): Promise<Item | undefined> {
  const { encryptor, clock } = made;
  const call = encryptor.updateDecrypted(note, store as never, KEY, work as never, options);
  return passing(clock, call) as unknown as Promise<Item | undefined>;
}

/** The document is stored, and the process that changes it has nothing in memory. */
async function stored(document: Loose = PLAIN, options: SetupOptions = {}): Promise<Writing> {
  const author = writing();
  await author.notes.create(await encryptAny(author.made.encryptor, document));
  return { ...author, made: setup({ ...options, beside: author.made }) };
}

const edit =
  (changes: Loose): AnyChange =>
  (document) => ({ ...document, ...changes });

describe('updateDecrypted', () => {
  it('shows the decrypted document, and keeps the envelopes of what is unchanged', async () => {
    const all = await stored();
    const before = (await all.notes.get(KEY))?.document;
    const seen: unknown[] = [];
    const item = await change(all, (document) => {
      seen.push(document);
      return { ...document, title: 'Other plans', tags: ['new', 'b', 'a'], pinned: false };
    });
    expect(seen).toEqual([PLAIN]);
    expect(item?.document).toEqual({
      ...PLAIN,
      title: 'Other plans',
      tags: ['new', 'b', 'a'],
      pinned: false,
    });
    const after = await all.notes.get(KEY);
    expect(item?.etag).toBe(after?.etag);
    expect(after?.document).toEqual({
      ...before,
      title: expect.objectContaining({ _enc: 1 }) as unknown,
      tags: [
        expect.objectContaining({ _enc: 1 }),
        (before?.['tags'] as unknown[])[1],
        (before?.['tags'] as unknown[])[0],
      ],
      pinned: false,
    });
    expect(after?.document['title']).not.toEqual(before?.['title']);
    expect(await decryptAny(all.made.encryptor, after?.document)).toEqual(item?.document);
  });

  it.each([
    ['returned as it is', (document: Loose | undefined) => document],
    ['copied deeply', (document: Loose | undefined) => structuredClone(document)],
    ['with its properties in another order', ({ id, ...rest }: Loose = {}) => ({ ...rest, id })],
    ['undefined', () => undefined],
  ])('writes nothing where nothing changed: %s', async (_what, work) => {
    const all = await stored();
    const before = await all.notes.get(KEY);
    expect(await change(all, work)).toEqual({ document: PLAIN, etag: before?.etag });
    expect(all.probe.calls).toEqual({ get: 1 });
    expect(await all.notes.get(KEY)).toEqual(before);
  });

  it('sees a change that is made in place, in declared fields and beside them', async () => {
    const all = await stored();
    const inPlace: AnyChange = (document) => {
      const { body, tags, pinned } = document as typeof PLAIN;
      body.lines.push('three');
      (tags[2] as Uint8Array)[0] = 9;
      pinned.by.push('you');
      return document;
    };
    const item = await change(all, inPlace);
    const { document } = (await all.notes.get(KEY)) ?? {};
    const expected = {
      ...PLAIN,
      body: { lines: ['one', { two: 2 }, 'three'] },
      tags: ['a', 'b', new Uint8Array([9, 2])],
      pinned: { by: ['me', 'you'] },
    };
    expect(item?.document).toEqual(expected);
    expect(await decryptAny(all.made.encryptor, document)).toEqual(expected);
  });

  it('seals one envelope again where only undeclared properties changed, and knows its write by it', async () => {
    const all = await stored();
    const before = (await all.notes.get(KEY))?.document;
    let changes = 0;
    all.probe.after = (method, result) => {
      if (method === 'replace') throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
      return result;
    };
    await change(all, (document) => {
      changes += 1;
      return { ...document, pinned: 1 };
    });
    expect(changes).toBe(1);
    const after = (await all.notes.get(KEY))?.document;
    const sealedAgain = Object.keys(PLAIN).filter(
      (name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]),
    );
    expect(sealedAgain).toHaveLength(2);
    expect(sealedAgain).toContain('pinned');
  });

  it('creates a document, and leaves an absent one absent', async () => {
    const all = writing();
    expect(await change(all, (document) => document)).toBeUndefined();
    const item = await change(all, (document) => (document ? undefined : { ...PLAIN }));
    expect(item?.document).toEqual(PLAIN);
    expect(await change(all, (document) => document)).toEqual(item);
    expect(all.probe.calls).toEqual({ get: 3, create: 1 });
  });

  it('begins again with what another writer stored, and loses neither change', async () => {
    const all = await stored();
    const other = { ...all, store: all.notes, made: setup({ beside: all.made }) };
    let races = 3;
    all.probe.before = async (method) => {
      if (method !== 'replace' || races-- <= 0) return;
      await change(other, edit({ title: `title ${String(races)}` }));
    };
    const item = await change(all, edit({ body: 'mine' }));
    expect(item?.document).toEqual({ ...PLAIN, title: 'title 0', body: 'mine' });
    expect(races).toBe(-1);
  });

  it('counts right from thirty calls at once', async () => {
    const all = await stored({ ...PLAIN, title: 0 });
    const count: AnyChange = (document) => ({
      ...document,
      title: Number(document?.['title']) + 1,
    });
    await Promise.all(Array.from({ length: 30 }, () => change(all, count)));
    expect((await change(all, () => undefined))?.document['title']).toBe(30);
    expect(all.probe.calls['replace']).toBe(30);
  });

  it('begins again where the DEK that it read of was shredded, and the document has another', async () => {
    const all = await stored();
    const other = setup({ beside: all.made });
    const { clock } = all.made;
    const summaries: unknown[] = [];
    all.probe.after = async (_method, result) => {
      all.probe.after = (_next, other) => other;
      clock.advance(1_000);
      const createdBefore = new Date(clock.wallMs());
      const options = { allowEmpty: true, createdBefore, shred: true };
      const run = reencryptDocuments(other.encryptor, note, all.notes, options);
      summaries.push((await migrate(run, clock)).summary);
      return result;
    };
    const item = await change(all, edit({ title: 'new' }));
    expect(item?.document).toEqual({ ...PLAIN, title: 'new' });
    expect(summaries).toEqual([expect.objectContaining({ complete: true, shredded: 1 })]);
    expect(all.probe.calls).toEqual({ get: 3, replace: 1 });
  });
});

describe('updateDecrypted in other modes', () => {
  it('seals plaintext that was read in mode migrate, also where nothing changed', async () => {
    const all = { ...writing(), made: setup({ mode: 'migrate' }) };
    const plain = { ...PLAIN, tags: ['a'] };
    await all.notes.create(plain);
    const item = await change(all, (document) => document);
    expect(item?.document).toEqual(plain);
    const { document } = (await all.notes.get(KEY)) ?? {};
    expect(await decryptAny(setup({ beside: all.made }).encryptor, document)).toEqual(plain);
    const again = await change(all, (found) => found);
    expect(again?.etag).toBe(item?.etag);
  });

  it('leaves plaintext in stage opening as it is where nothing changed', async () => {
    const opening = defineDocument<{ workspaceId: string; id: string; title: string }>()({
      collection: 'notes',
      key: ['workspaceId', 'id'],
      fields: ['title'],
      stages: { title: 'opening' },
    });
    const all = { ...writing(), made: setup({ mode: 'migrate' }) };
    const { etag } = await all.notes.create({ ...KEY, title: 'plain' });
    const { encryptor } = all.made;
    const same = await encryptor.updateDecrypted(opening, all.store as never, KEY, (each) => each);
    expect(same?.etag).toBe(etag);
  });

  it('refuses plaintext in mode strict, before it calls the change', async () => {
    const all = writing();
    await all.notes.create(PLAIN);
    const calls: unknown[] = [];
    const work = change(all, (document) => (calls.push(document), document));
    expect(await rejection(work)).toMatchObject({ code: 'PLAINTEXT_REFUSED', path: 'title' });
    expect(calls).toEqual([]);
  });

  it('stores plaintext with encryption off, and writes nothing where nothing changed', async () => {
    const all = { ...writing(), made: setup({ enabled: false }) };
    const created = await change(all, () => ({ ...PLAIN, tags: ['a'] }));
    expect(await change(all, (document) => document)).toEqual(created);
    await change(all, edit({ title: 'other' }));
    expect((await all.notes.get(KEY))?.document).toEqual({ ...PLAIN, tags: ['a'], title: 'other' });
    expect(all.probe.calls).toEqual({ get: 3, create: 1, replace: 1 });
  });
});

describe('updateDecrypted refuses', () => {
  it('to show a document that the store returns in place of the requested one', async () => {
    const all = await stored();
    const other = { ...KEY, workspaceId: 'ws-2' };
    const foreign = await all.notes.create(
      await encryptAny(all.made.encryptor, { ...other, body: 'theirs' }),
    );
    all.probe.after = (method, result) => (method === 'get' ? foreign : result);
    const calls: unknown[] = [];
    const work = change(all, (document) => (calls.push(document), document));
    expect(await failure(work)).toEqual(
      tampered('The document is not the one that was expected: its key part "workspaceId" differs'),
    );
    expect(calls).toEqual([]);
  });

  it('an envelope from the change, also the stored one of that field', async () => {
    const all = await stored();
    const { title } = (await all.notes.get(KEY))?.document ?? {};
    expect(await failure(change(all, edit({ title })))).toEqual(
      refused(
        'ENVELOPE_REFUSED',
        'The value at "title" looks like an envelope, and a decrypted document was expected: no value may have a property named "_enc"',
      ),
    );
    expect(all.probe.calls).toEqual({ get: 1 });
  });

  it.each([
    [
      'a class instance',
      new Map(),
      TypeError,
      '"document" expected a plain object, got a class instance',
    ],
    [
      'other key parts',
      { ...PLAIN, id: 'other' },
      RangeError,
      '"change" returned a document with other key parts than were requested',
    ],
    [
      'a value that JSON cannot hold',
      { ...PLAIN, title: 1n },
      TypeError,
      'The value at "title" cannot be encrypted: JSON cannot hold a bigint',
    ],
  ])('%s, and writes nothing', async (_what, result, type, message) => {
    const all = await stored();
    const error = await rejection(change(all, () => result as Loose));
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toBe(message);
    expect(all.probe.calls).toEqual({ get: 1 });
  });

  it('a document under a DEK that was shredded', async () => {
    const all = await stored();
    await setup({ beside: all.made }).encryptor.shred(note, KEY);
    expect(await rejection(change(all, edit({ title: 'y' })))).toMatchObject({
      code: 'DEK_SHREDDED',
    });
  });

  it('to write after a shred of this process that began later', async () => {
    const all = await stored();
    const shredding: AnyChange = async (document) => {
      await all.made.encryptor.shred(note, KEY);
      return { ...document, title: 'y' };
    };
    expect(await rejection(change(all, shredding))).toMatchObject({ code: 'DEK_SHREDDED' });
    expect(all.probe.calls).toEqual({ get: 1 });
  });

  it('what the change throws', async () => {
    const all = await stored();
    const mine = new Error('mine');
    const work = change(all, () => {
      throw mine;
    });
    expect(await rejection(work)).toBe(mine);
  });

  it('a document that is always written by others first', async () => {
    const all = await stored();
    let others = 0;
    all.probe.before = async (method) => {
      if (method !== 'replace') return;
      others += 1;
      await update({ ...all, store: all.notes }, (found) => ({ ...found, pinned: others }));
    };
    expect(await failure(change(all, edit({ title: 'y' }), { attempts: 2 }))).toEqual(
      refused(
        'CONTENDED',
        'Updating the document did not succeed in 2 attempts: another write came first each time; try again, or raise "attempts"',
      ),
    );
  });
});
