import { describe, expect, it } from 'vitest';
import { findOrphanDeks, moveDocuments, StoreError } from '../../src/index.js';
import { decryptAny, encryptAny, setup, type Loose } from '../support/encryptor.js';
import { eventsOf } from '../support/migrations.js';
import { defined } from '../support/definition-records.js';
import {
  all,
  bare,
  ENTRIES,
  moveAll,
  MOVES,
  type MoveCase,
  moveToTeam,
  moveWorld,
  OLD,
  place,
  readable,
  RENAMED,
  snapshot,
  statesIn,
  type MoveWorld,
} from '../support/moving.js';

const IN_PLACE: MoveCase = { name: '', target: RENAMED, sameTable: true };
const TO_OTHER: MoveCase = { name: '', target: RENAMED, sameTable: false };
const TO_TEAM: MoveCase = { ...IN_PLACE, move: moveToTeam };
const FIRST = { workspaceId: 'a', id: 'b' };
const SHREDDED = ['shredded', 'shredded', 'shredded'];

function sorted(documents: readonly Loose[]): readonly string[] {
  return documents.map((each) => JSON.stringify(Object.entries(each).sort())).sort();
}

async function requireMoved(world: MoveWorld): Promise<void> {
  const { made, to } = world;
  const { encryptor } = setup({ beside: made });
  const stored = await all(to);
  const read = await Promise.all(stored.map((each) => decryptAny(encryptor, each, to.definition)));
  expect(sorted(read)).toEqual(sorted(world.expected));
  if (to.memory !== world.from.memory) expect(await all(world.from)).toEqual([]);
  expect(await statesIn(made, 'notes')).toEqual(SHREDDED);
  expect(await statesIn(made, to.definition.collection)).toEqual(['active', 'active', 'active']);
}

describe('a move', () => {
  it.each(MOVES)('of $name leaves each document once, and no old DEK', async (move) => {
    const world = await moveWorld(move);
    const { summary, events } = await moveAll(world);
    expect(summary).toMatchObject({
      ...{ run: 'moveDocuments', collection: 'notes', complete: true, changed: 3, failed: 0 },
      ...{ retired: 3, shredded: 3, fields: 6 },
    });
    expect(eventsOf({ events }, 'changed').map(({ key }) => key)).toContainEqual(FIRST);
    expect(eventsOf({ events }, 'fence').length).toBeGreaterThan(0);
    await requireMoved(world);
    const before = await snapshot(world);
    const again = await moveAll(world);
    expect(again.summary).toMatchObject({ complete: true, changed: 0, shredded: 0, retired: 0 });
    expect(eventsOf(again, 'fence')).toEqual([]);
    expect(await snapshot(world)).toBe(before);
    const orphans = findOrphanDeks(world.made.encryptor, OLD, world.from.memory, { minAgeMs: 0 });
    for await (const event of orphans) {
      expect(event).toMatchObject({ type: 'finished', summary: { orphans: 0, failed: 0 } });
    }
  });

  it.each(MOVES)('of $name writes nothing in a dry run', async (move) => {
    const world = await moveWorld(move);
    const before = await snapshot(world);
    const { summary } = await moveAll(world, { dryRun: true });
    expect(summary).toMatchObject({ wouldChange: 3, complete: false, failed: 0 });
    expect(await snapshot(world)).toBe(before);
    await moveAll(world);
    expect((await moveAll(world, { dryRun: true })).summary).toMatchObject({ wouldChange: 0 });
  });

  it('keeps old DEKs retired with "shred: false", and a later run shreds them', async () => {
    const world = await moveWorld(TO_TEAM);
    const { summary, events } = await moveAll(world, { shred: false });
    expect(summary).toMatchObject({ complete: true, changed: 3, shredded: 0 });
    expect(eventsOf({ events }, 'fence')).toEqual([]);
    expect(await statesIn(world.made, 'notes')).toEqual(['retired', 'retired', 'retired']);
    expect((await moveAll(world)).summary).toMatchObject({
      ...{ complete: true, changed: 0, shredded: 3 },
    });
    await requireMoved(world);
  });

  it('shreds nothing of documents that are not selected, or that another store has', async () => {
    const world = await moveWorld(TO_OTHER);
    const archive = place(OLD);
    const archived = { workspaceId: 'z', id: 'z', body: 'old', tags: [] };
    await archive.memory.create(await encryptAny(world.made.encryptor, archived, OLD));
    const select = ({ id }: Readonly<Loose>): boolean => id !== 'a';
    const { summary } = await moveAll(world, { select });
    expect(summary).toMatchObject({ complete: true, changed: 2, skipped: 1, shredded: 2 });
    expect(await statesIn(world.made, 'notes')).toEqual([
      'active',
      'active',
      'shredded',
      'shredded',
    ]);
    expect(sorted(await readable(world))).toEqual(sorted(ENTRIES));
    const { encryptor } = setup({ beside: world.made });
    expect(await decryptAny(encryptor, (await all(archive))[0], OLD)).toEqual(archived);
  });

  it('replaces a copy of the table, and deletes the old one', async () => {
    const world = await moveWorld(TO_OTHER);
    for (const document of await all(world.from)) await world.to.memory.create(document);
    expect((await moveAll(world)).summary).toMatchObject({ complete: true, changed: 3 });
    await requireMoved(world);
  });

  it('moves a document without sealed values, and leaves one in place as it is', async () => {
    for (const move of [IN_PLACE, TO_OTHER]) {
      const world = await moveWorld(move);
      const bareOne = { workspaceId: 'n', id: 'n', count: 1 };
      await world.from.memory.create(bareOne);
      expect((await moveAll(world)).summary).toMatchObject({ complete: true, failed: 0 });
      expect(await all(world.to)).toContainEqual(bareOne);
      expect(await all(world.to)).toHaveLength(4);
    }
  });

  it('leaves out what the old database added', async () => {
    const world = await moveWorld(TO_OTHER);
    const { memory } = world.from;
    const withOwn = Object.assign(Object.create(memory) as object, {
      reservedProperties: ['count'],
      list: memory.list.bind(memory),
      get: memory.get.bind(memory),
      replace: memory.replace.bind(memory),
      delete: memory.delete.bind(memory),
      count: memory.count.bind(memory),
    });
    await moveAll({ ...world, from: { ...world.from, documentStore: withOwn as never } });
    const counts = (await all(world.to)).filter((each) => 'count' in each);
    expect(counts).toEqual([]);
  });
});

describe('a move that meets another document', () => {
  it('fails for it, and overwrites neither', async () => {
    const world = await moveWorld(TO_OTHER);
    const other = { ...ENTRIES[0], body: 'other' };
    await world.to.memory.create(await encryptAny(world.made.encryptor, other, RENAMED));
    const { summary, events } = await moveAll(world);
    expect(summary).toMatchObject({ complete: false, changed: 2, failed: 1 });
    const [failed] = eventsOf({ events }, 'failed');
    expect(failed).toMatchObject({ key: FIRST, error: { code: 'ALREADY_EXISTS' } });
    expect((failed?.error as Error).message).toBe(
      'The new place already has a document with other content, and neither was changed: compare both, delete one with deleteDocument, and run this again',
    );
    expect(sorted(await readable(world))).toEqual(sorted([...ENTRIES, other]));
    const { summary: dry } = await moveAll(world, { dryRun: true });
    expect(dry).toMatchObject({ failed: 1, wouldChange: 0 });
    await world.made.encryptor.deleteDocument(RENAMED, world.to.memory, FIRST);
    expect((await moveAll(world)).summary).toMatchObject({ complete: true, changed: 1 });
    expect(sorted(await readable(world))).toEqual(sorted(ENTRIES));
  });

  it('fails where two documents get one key', async () => {
    const world = await moveWorld(TO_OTHER);
    const move = (document: Loose): Loose => ({ ...document, workspaceId: 'w', id: 'same' });
    const { summary } = await moveAll(world, { move });
    expect(summary).toMatchObject({ complete: false, changed: 1, failed: 2 });
    expect(await all(world.from)).toHaveLength(2);
    expect(await readable(world)).toHaveLength(3);
  });
});

describe('a move beside another writer', () => {
  const edit = async ({ made, from }: MoveWorld, body: string): Promise<void> => {
    const { encryptor } = setup({ beside: made, mode: 'migrate' });
    await encryptor.updateDocument(
      OLD,
      from.memory,
      FIRST,
      (stored) => stored && { ...stored, body },
    );
  };

  it.each([
    ['before the create', 'create', IN_PLACE],
    ['before the replace', 'replace', IN_PLACE],
    ['before the create', 'create', TO_OTHER],
    ['before the deletion', 'delete', TO_OTHER],
    ['before the create', 'create', TO_TEAM],
    ['before the deletion', 'delete', TO_TEAM],
  ] as const)('moves an edit of the old document %s: %s', async (_when, method, move) => {
    const world = await moveWorld(move);
    let edits = 0;
    for (const { probe } of [world.from, world.to]) {
      probe.before = async (called, [document]) => {
        const { id } = document as Loose;
        if (called !== method || id !== 'b' || edits > 0) return;
        edits += 1;
        await edit(world, 'edited');
      };
    }
    expect((await moveAll(world)).summary).toMatchObject({ complete: true, failed: 0 });
    if (!(move === IN_PLACE && method === 'create')) expect(edits).toBe(1);
    const [first, ...others] = world.expected;
    const expected = edits === 1 ? [{ ...first, body: 'edited' }, ...others] : world.expected;
    expect(sorted(await readable(world))).toEqual(sorted(expected));
    expect(new Set(await statesIn(world.made, 'notes'))).toEqual(new Set(['shredded']));
  });

  it('keeps an edit of the new document, and of the old one, apart', async () => {
    const world = await moveWorld(TO_OTHER);
    let edits = 0;
    world.from.probe.before = async (called, [key]) => {
      if (called !== 'delete' || (key as Loose)['id'] !== 'b' || edits > 0) return;
      edits += 1;
      const { encryptor } = setup({ beside: world.made });
      await encryptor.updateDocument(
        RENAMED,
        world.to.memory,
        FIRST,
        (stored) => stored && { ...stored, body: 'new' },
      );
      await edit(world, 'old');
    };
    const { summary, events } = await moveAll(world);
    expect(summary).toMatchObject({ complete: false, failed: 1 });
    expect(eventsOf({ events }, 'failed')[0]?.error).toMatchObject({ code: 'ALREADY_EXISTS' });
    const bodies = (await readable(world)).map(({ body }) => body).sort();
    expect(bodies).toEqual(['new', 'old', 'three', 'two']);
  });

  it('leaves new documents of the same table to their writers', async () => {
    const world = await moveWorld(TO_TEAM);
    const fresh = { workspaceId: 'team-q', id: 'q', body: 'fresh', tags: [] };
    const { encryptor } = setup({ beside: world.made });
    await world.to.memory.create(await encryptAny(encryptor, fresh, RENAMED));
    expect((await moveAll(world)).summary).toMatchObject({ complete: true, failed: 0, changed: 3 });
    expect(sorted(await readable(world))).toEqual(sorted([...world.expected, fresh]));
  });

  it('reports a document that is deleted in the old place meanwhile', async () => {
    const world = await moveWorld(TO_OTHER);
    let deletions = 0;
    world.from.probe.before = async (called, [key]) => {
      if (called !== 'delete' || (key as Loose)['id'] !== 'b' || deletions > 0) return;
      deletions += 1;
      const { encryptor } = setup({ beside: world.made });
      await encryptor.deleteDocument(OLD, world.from.memory, FIRST);
    };
    const { events } = await moveAll(world);
    const [failed] = eventsOf({ events }, 'failed');
    expect(failed).toMatchObject({ key: FIRST, error: { code: 'DEK_SHREDDED' } });
    expect((failed?.error as Error).message).toMatch(
      /^DEK \w+\.1 was shredded while the document was moved, and the old document is deleted: delete the new one too, with deleteDocument$/,
    );
  });
});

describe('lost answers', () => {
  it.each([
    ['create', TO_OTHER],
    ['delete', TO_OTHER],
    ['replace', IN_PLACE],
    ['create', TO_TEAM],
    ['delete', TO_TEAM],
  ] as const)('of %s are recognised', async (method, move) => {
    const world = await moveWorld(move);
    const lost = { answers: 0 };
    for (const { probe } of [world.from, world.to]) {
      probe.after = (called, result) => {
        if (called !== method) return result;
        lost.answers += 1;
        throw new StoreError('STORE_UNAVAILABLE', 'The answer was lost');
      };
    }
    expect((await moveAll(world)).summary).toMatchObject({ complete: true, failed: 0, changed: 3 });
    expect(lost.answers).toBe(3);
    await requireMoved(world);
  });
});

describe('what cannot be moved', () => {
  it('fails with DEFINITION_MISMATCH where sealed text would be stored in clear', async () => {
    const world = await moveWorld(TO_OTHER);
    const target = place(defined(['tags[]'], { collection: 'entries' }));
    for (const options of [{}, { move: (document: Loose): Loose => document }]) {
      const { summary, events } = await moveAll({ ...world, to: target }, options);
      expect(summary).toMatchObject({ complete: false, changed: 0 });
      const [failed] = eventsOf({ events }, 'failed');
      expect(failed?.error).toMatchObject({ code: 'DEFINITION_MISMATCH', path: 'body' });
    }
    expect(await all(target)).toEqual([]);
    expect(sorted(await readable(world))).toEqual(sorted(ENTRIES));
  });

  it('refuses one collection name, as one document could get the DEK of another', async () => {
    const { made, from } = await moveWorld(TO_OTHER);
    const to = place(defined(['body', 'tags[]'], { key: ['id', 'workspaceId'] }));
    const run = moveDocuments(made.encryptor, bare(from), bare(to));
    await expect(run.next()).rejects.toThrow(
      new RangeError(
        '"from" and "to" both have the collection "notes": give "to" another name, also where only the key changes; the table may stay the same',
      ),
    );
  });

  it('refuses a result of "move" that is no document', async () => {
    const world = await moveWorld(TO_OTHER);
    const { events } = await moveAll(world, { move: () => 'text' as never });
    expect(eventsOf({ events }, 'failed')[0]?.error).toBeInstanceOf(TypeError);
    expect(await all(world.from)).toHaveLength(3);
  });
});
