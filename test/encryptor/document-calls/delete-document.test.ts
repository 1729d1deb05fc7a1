import { describe, expect, it } from 'vitest';
import { findOrphanDeks, StoreError } from '../../../src/index.js';
import { deferred, turn } from '../../support/deferred.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Setup,
} from '../../support/encryptor.js';
import { describeError, failure, refused, rejection } from '../../support/failure.js';
import { passing, update, writing, type Writing } from '../../support/writing.js';

const PLAIN = { ...KEY, title: 'Plans', tags: ['a'] };
const DOWN = new StoreError('STORE_UNAVAILABLE', 'connection reset');

interface Deleted {
  readonly deleted: boolean;
  readonly shredded: readonly string[];
}

/** Time passes while it waits between attempts. */
function remove({ made, store }: Writing, options = {}): Promise<Deleted> {
  const { encryptor, clock } = made;
  return passing(clock, encryptor.deleteDocument(note, store as never, KEY, options));
}

/** The document is stored, and the process that deletes it has nothing in memory. */
async function stored(): Promise<Writing> {
  const author = writing();
  await author.notes.create(await encryptAny(author.made.encryptor, PLAIN));
  // Another document, of which nothing may be lost.
  await author.notes.create(await encryptAny(author.made.encryptor, { ...PLAIN, id: 'other' }));
  return { ...author, made: setup({ beside: author.made }) };
}

/** The state of each generation of the document's scope. */
async function states({ made: { memory } }: Writing): Promise<readonly string[]> {
  const { items } = await memory.list({ product: PRODUCT });
  return items
    .map(({ value }) => value as { scope: string[]; generation: number; state: string })
    .filter(({ scope }) => scope.at(-1) === KEY.id)
    .map(({ generation, state }) => `${String(generation)} ${state}`);
}

/** What another process reads, or why it cannot. */
async function readElsewhere({ made, notes }: Writing): Promise<unknown> {
  const item = await notes.get(KEY);
  if (!item) return undefined;
  const { encryptor } = setup({ beside: made });
  return decryptAny(encryptor, item.document).catch(describeError);
}

async function expectGone(all: Writing): Promise<void> {
  expect(await all.notes.get(KEY)).toBeUndefined();
  for (const state of await states(all)) expect(state).toMatch(/ shredded$/);
  const other = await all.notes.get({ ...KEY, id: 'other' });
  const { encryptor } = setup({ beside: all.made });
  expect(await decryptAny(encryptor, other?.document)).toEqual({ ...PLAIN, id: 'other' });
}

describe('deleteDocument', () => {
  it('shreds every DEK, and then deletes the document', async () => {
    const all = await stored();
    const journal: string[] = [];
    all.probe.before = (method) => journal.push(`documents ${method}`);
    all.made.store.before = (method) => journal.push(`DEKs ${method}`);
    const { deleted, shredded } = await remove(all);
    expect(deleted).toBe(true);
    expect(shredded).toHaveLength(1);
    expect(journal).toEqual([
      'documents get',
      'DEKs listScope',
      'DEKs replace',
      'DEKs listScope',
      'documents delete',
    ]);
    await expectGone(all);
  });

  it('changes nothing the second time', async () => {
    const all = await stored();
    await remove(all);
    expect(await remove(all)).toEqual({ deleted: false, shredded: [] });
  });

  it('shreds what is left of a document that does not exist', async () => {
    const all = await stored();
    const item = await all.notes.get(KEY);
    await all.notes.delete(KEY, item?.etag ?? '');
    const { deleted, shredded } = await remove(all);
    expect({ deleted, count: shredded.length }).toEqual({ deleted: false, count: 1 });
    await expectGone(all);
  });

  it('gives a new document with the same key a DEK of a higher generation', async () => {
    const all = await stored();
    const old = (await all.notes.get(KEY))?.document;
    await remove(all);
    await update(all, () => ({ ...PLAIN, title: 'Again' }));
    expect(await states(all)).toEqual(['1 shredded', '2 active']);
    expect(await readElsewhere(all)).toEqual({ ...PLAIN, title: 'Again' });
    const reader = setup({ beside: all.made }).encryptor;
    expect(await rejection(decryptAny(reader, old))).toMatchObject({ code: 'DEK_SHREDDED' });
    expect(await remove(all)).toMatchObject({ deleted: true });
    expect(await states(all)).toEqual(['1 shredded', '2 shredded']);
  });
});

/** Lets all calls of both stores through up to one of them, which is the last before the process dies. */
function dieAt(
  all: Writing,
  last: number,
  when: 'after' | 'before',
): { readonly calls: () => number } {
  let calls = 0;
  const never = new Promise<never>(() => undefined);
  for (const probe of [all.probe, all.made.store]) {
    probe.before = () => {
      calls += 1;
      return calls > last || (calls === last && when === 'before') ? never : undefined;
    };
    probe.after = (_method, result) => (calls >= last ? never : result);
  }
  return { calls: () => calls };
}

describe('deleteDocument, whose process dies', () => {
  const CALLS = 5;
  const deaths = Array.from({ length: CALLS }, (_, index) => index + 1).flatMap((last) =>
    (['before', 'after'] as const).map((when) => ({ last, when })),
  );

  it.each(deaths)('$when call $last: a rerun finishes it', async ({ last, when }) => {
    const all = await stored();
    const { calls } = dieAt(all, last, when);
    void all.made.encryptor.deleteDocument(note, all.store as never, KEY);
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(calls()).toBe(last);

    // Readable, refused as shredded, or gone with its DEK: never tampered with, and no DEK left behind.
    const left = await readElsewhere(all);
    const isShredded = (await states(all)).every((state) => state.endsWith('shredded'));
    if (left === undefined || !isShredded) expect(left).toEqual(isShredded ? undefined : PLAIN);
    else expect(left).toMatchObject({ code: 'DEK_SHREDDED' });

    const next: Writing = { ...all, store: all.notes, made: setup({ beside: all.made }) };
    expect((await remove(next)).deleted).toBe(left !== undefined);
    await expectGone(next);
  });

  it('makes as many calls as were tried', async () => {
    const all = await stored();
    const { calls } = dieAt(all, CALLS + 1, 'before');
    await remove(all);
    expect(calls()).toBe(CALLS);
  });
});

describe('deleteDocument beside other writers', () => {
  /** Once, between the shred and the deletion. */
  function beforeDelete(all: Writing, work: () => Promise<unknown>): void {
    all.probe.before = async (method) => {
      if (method !== 'delete') return;
      all.probe.before = () => undefined;
      await work();
    };
  }

  /** Another process, with the row of the DEK in memory. */
  async function warm({ made, notes }: Writing): Promise<Setup> {
    const other = setup({ beside: made });
    const { document } = (await notes.get(KEY)) ?? {};
    await encryptAny(other.encryptor, { ...document, title: 'warm' });
    return other;
  }

  it('deletes what a process wrote that did not know of the shred', async () => {
    const all = await stored();
    const other = { ...all, store: all.notes, made: await warm(all) };
    beforeDelete(all, () => update(other, (found) => ({ ...found, title: 'late' })));
    expect(await remove(all)).toMatchObject({ deleted: true });
    await expectGone(all);
  });

  it('shreds the DEK of what was written anew', async () => {
    const all = await stored();
    const other = { ...all, store: all.notes, made: setup({ beside: all.made }) };
    beforeDelete(all, () => update(other, () => ({ ...PLAIN, title: 'new' })));
    const { deleted, shredded } = await remove(all);
    expect({ deleted, count: shredded.length }).toEqual({ deleted: true, count: 2 });
    await expectGone(all);
    expect(await states(all)).toEqual(['1 shredded', '2 shredded']);
  });

  it('is content where another process deleted the document first', async () => {
    const all = await stored();
    beforeDelete(all, async () => {
      const item = await all.notes.get(KEY);
      await all.notes.delete(KEY, item?.etag ?? '');
    });
    expect(await remove(all)).toMatchObject({ deleted: true });
    await expectGone(all);
  });

  it('deletes a document that appears after it found none', async () => {
    const all = await stored();
    const item = await all.notes.get(KEY);
    await all.notes.delete(KEY, item?.etag ?? '');
    const other = { ...all, store: all.notes, made: setup({ beside: all.made }) };
    let gets = 0;
    all.probe.after = async (_method, result) => {
      gets += 1;
      if (gets === 1) await update(other, () => PLAIN);
      return result;
    };
    expect(await remove(all)).toMatchObject({ deleted: true });
    await expectGone(all);
  });

  it('gives up where others always write first', async () => {
    const all = await stored();
    let others = 0;
    all.probe.before = async (method) => {
      if (method !== 'delete') return;
      others += 1;
      const item = await all.notes.get(KEY);
      await all.notes.replace({ ...PLAIN, title: null, pinned: others }, item?.etag ?? '');
    };
    expect(await failure(remove(all))).toEqual(
      refused(
        'CONTENDED',
        'Deleting the document did not succeed in 24 attempts: another write came first each time; try again, or raise "attempts"',
      ),
    );
    expect(others).toBe(24);
  });
});

describe('deleteDocument, whose delete fails', () => {
  it('knows that it landed where its answer was lost', async () => {
    const all = await stored();
    all.probe.after = (method, result) => {
      if (method === 'delete') throw DOWN;
      return result;
    };
    expect(await remove(all)).toMatchObject({ deleted: true });
    await expectGone(all);
  });

  it('says so where it did not land, and a rerun finishes it', async () => {
    const all = await stored();
    all.probe.before = (method) => {
      if (method === 'delete') throw DOWN;
    };
    expect(await rejection(remove(all))).toBe(DOWN);
    expect(await readElsewhere(all)).toMatchObject({ code: 'DEK_SHREDDED' });
    all.probe.before = () => undefined;
    expect(await remove(all)).toEqual({ deleted: true, shredded: [] });
    await expectGone(all);
  });

  it('has shredded nothing where the document cannot be read', async () => {
    const all = await stored();
    all.probe.before = () => {
      throw DOWN;
    };
    expect(await rejection(remove(all))).toBe(DOWN);
    expect(all.made.store.calls).toEqual({});
    expect(await readElsewhere(all)).toEqual(PLAIN);
  });

  it('has deleted nothing where the DEK cannot be shredded', async () => {
    const all = await stored();
    all.made.store.before = (method) => {
      if (method === 'replace') throw DOWN;
    };
    expect(await rejection(remove(all))).toBe(DOWN);
    expect(await readElsewhere(all)).toEqual(PLAIN);
  });
});

describe('deleteDocument in one process', () => {
  it('ends a call that began before it', async () => {
    const all = await stored();
    const gate = deferred();
    const early = rejection(
      update(all, async (found) => {
        await gate.promise;
        return { ...found, title: 'early' };
      }),
    );
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(await remove(all)).toMatchObject({ deleted: true });
    gate.resolve();
    expect(await early).toMatchObject({ code: 'DEK_SHREDDED' });
    await expectGone(all);
  });

  it('makes a call that begins after the shred wait for the deletion', async () => {
    const all = await stored();
    const gate = deferred();
    all.probe.before = (method) => (method === 'delete' ? gate.promise : undefined);
    const deleting = all.made.encryptor.deleteDocument(note, all.store as never, KEY);
    for (let turns = 0; turns < 20; turns += 1) await turn();
    const { encryptor } = all.made;
    const change = (found: unknown): unknown => found ?? { ...PLAIN, title: 'late' };
    const late = encryptor.updateDocument(note, all.store as never, KEY, change as never);
    for (let turns = 0; turns < 20; turns += 1) await turn();
    gate.resolve();
    expect(await deleting).toMatchObject({ deleted: true });
    await late;
    expect(await readElsewhere(all)).toEqual({ ...PLAIN, title: 'late' });
  });

  it('leaves no DEK that a search for orphans finds', async () => {
    const all = await stored();
    await remove(all);
    const { clock, encryptor } = all.made;
    const search = findOrphanDeks(encryptor, note, all.notes, { minAgeMs: 0 });
    const found: unknown[] = [];
    const work = (async () => {
      for await (const event of search) found.push(event.type);
    })();
    await passing(clock, work);
    expect(found).toContain('finished');
    expect(found).not.toContain('orphan');
  });
});
