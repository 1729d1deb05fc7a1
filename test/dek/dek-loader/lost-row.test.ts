import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../../src/adapters.js';
import { backfillDocuments, type DekStore } from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  PRODUCT,
  setup,
  type Loose,
} from '../../support/encryptor.js';
import {
  describeError,
  failure,
  refused,
  rejection,
  tampered,
  type Failure,
} from '../../support/failure.js';
import { migrate } from '../../support/migrations.js';
import { update, writing, type Writing } from '../../support/writing.js';

const SCOPE = '6ba93ee4f21c83cde16a191438027014';
const FIRST = `${SCOPE}.1`;

function notFound(dekId: string): Failure {
  return refused(
    'DEK_NOT_FOUND',
    `DEK ${dekId} is not in the store: restore its row from a backup, and do not overwrite the document before the row is restored or accepted as lost`,
  );
}

interface Lost {
  /** Over a store that has lost the row of the document. */
  readonly after: Writing;
  readonly stored: Loose;
  readonly restore: () => Promise<unknown>;
}

async function withLostRow(): Promise<Lost> {
  const before = writing();
  const item = await update(before, () => ({ ...KEY, body: 'old', title: 'kept' }));
  const row = (await before.made.memory.get(FIRST))?.value as DekRow;
  const memory = await emptied(before);
  return {
    after: { ...before, made: setup({ beside: before.made, memory }) },
    stored: item?.['document'] as Loose,
    restore: () => memory.create(row),
  };
}

function dekIdAt(item: Loose | undefined, name: string): string {
  return envelopeAt(item?.['document'] as Loose, name).dekId;
}

describe('a document whose row is lost', () => {
  it('gets the next generation when it is overwritten, and the row can be restored', async () => {
    const { after, stored, restore } = await withLostRow();
    const item = await update(after, () => ({ ...KEY, body: 'new', title: 'new' }));
    expect([dekIdAt(item, 'body'), dekIdAt(item, 'title')]).toEqual([`${SCOPE}.2`, `${SCOPE}.2`]);
    const reader = setup({ beside: after.made });
    expect(await failure(decryptAny(reader.encryptor, stored))).toEqual(notFound(FIRST));
    await restore();
    expect(await decryptAny(reader.encryptor, stored)).toMatchObject({ body: 'old' });
    expect(await decryptAny(reader.encryptor, item?.['document'])).toMatchObject({ body: 'new' });
  });

  it('is known by what it names anywhere, also inside what is declared', async () => {
    const { after, stored } = await withLostRow();
    for (const fields of [
      { tags: ['plain', stored['body']] },
      { history: [{ body: stored['body'] }] },
      { body: { deep: [stored['body']] } },
    ]) {
      const fresh = { ...after, made: setup({ beside: after.made, memory: await emptied(after) }) };
      await putNote(after, { ...KEY, ...fields });
      const item = await update(fresh, () => ({ ...KEY, body: 'new' }));
      expect(dekIdAt(item, 'body')).toBe(`${SCOPE}.2`);
    }
  });

  it('gets it beside rows of lower generations, too', async () => {
    const { after, stored, restore } = await withLostRow();
    await restore();
    const third = { ...envelopeAt(stored, 'body'), dekId: `${SCOPE}.3` };
    await putNote(after, { ...stored, body: third });
    const cold = { ...after, made: setup({ beside: after.made }) };
    const item = await update(cold, (each) => ({ ...each, body: 'new' }));
    expect(dekIdAt(item, 'body')).toBe(`${SCOPE}.4`);
    expect(dekIdAt(item, 'title')).toBe(FIRST);
    const again = await update(cold, (each) => ({ ...each, title: 'newer' }));
    expect(dekIdAt(again, 'title')).toBe(`${SCOPE}.4`);
  });

  it('keeps its fields that are not overwritten: the write is refused before any create', async () => {
    const { after, stored } = await withLostRow();
    const before = await contentsOf(after.made.memory);
    const { encryptor } = after.made;
    expect(await failure(update(after, (each) => ({ ...each, body: 'new' })))).toEqual(
      notFound(FIRST),
    );
    const changed = { ...stored, body: 'new' };
    expect(await failure(encryptAny(encryptor, changed))).toEqual(notFound(FIRST));
    expect(await failure(encryptor.beginWrite(note, changed as never))).toEqual(notFound(FIRST));
    const off = setup({ beside: after.made, enabled: false });
    expect(await failure(encryptAny(off.encryptor, changed))).toEqual(notFound(FIRST));
    await after.notes.delete(KEY, String((await after.notes.get(KEY))?.etag));
    expect(await failure(update(after, () => stored))).toEqual(notFound(FIRST));
    expect(await contentsOf(after.made.memory)).toEqual(before);
  });

  it('fails its backfill, before anything is made', async () => {
    const { after, stored } = await withLostRow();
    const { made, store } = after;
    await putNote(after, { ...stored, title: 'plain' });
    const { events, summary } = await migrate(
      backfillDocuments(made.encryptor, note, store, { allowEmpty: true }),
      made.clock,
    );
    expect(summary).toMatchObject({ complete: false, failed: 1 });
    const [failed] = events.filter(({ type }) => type === 'failed') as { error: unknown }[];
    expect(describeError(failed?.error)).toEqual(notFound(FIRST));
    expect(await made.memory.count({ product: PRODUCT })).toBe(1);
  });
});

describe('a write whose own row is lost before it is confirmed', () => {
  it('is sealed again under the next generation', async () => {
    const first = writing();
    const changing = new ChangingStore(first.made.memory);
    const made = setup({ beside: first.made, dekStore: changing.store });
    const write = await made.encryptor.beginWrite(note, { ...KEY, body: 'x' });
    made.clock.advance(30_000);
    changing.target = await emptied(first);
    expect(await write.confirm()).toBe(false);
    const again = await write.sealAgain({ ...write.document });
    expect((again?.document as unknown as Loose)['body']).toMatchObject({ dekId: `${SCOPE}.2` });
  });

  it('is sealed again so by updateDocument, which read the document itself', async () => {
    const first = writing();
    const changing = new ChangingStore(first.made.memory);
    const made = setup({ beside: first.made, dekStore: changing.store });
    const bare = await emptied(first);
    first.probe.after = (method, result) => {
      if (method !== 'create') return result;
      changing.target = bare;
      made.clock.advance(30_000);
      return result;
    };
    const item = await update({ ...first, made }, () => ({ ...KEY, body: 'y' }));
    expect(dekIdAt(item, 'body')).toBe(`${SCOPE}.2`);
    expect(await first.made.memory.get(FIRST)).toBeDefined();
  });

  it('is not sealed again over an envelope of a higher one that is lost', async () => {
    const all = writing();
    const { encryptor } = all.made;
    const write = await encryptor.beginWrite(note, { ...KEY, body: 'x' });
    const body = envelopeAt(write.document, 'body');
    const stored = { ...write.document, title: { ...body, dekId: `${SCOPE}.2` } };
    expect(await failure(write.sealAgain(stored))).toEqual(notFound(`${SCOPE}.2`));
    expect(await all.made.memory.count({ product: PRODUCT })).toBe(1);
  });
});

describe('what only a caller names', () => {
  it('raises no generation', async () => {
    const { encryptor, memory } = setup();
    const stored = await encryptAny(setup().encryptor, { ...KEY, body: 'x' });
    const body = { ...envelopeAt(stored, 'body'), dekId: `${SCOPE}.1000` };
    expect(await failure(encryptAny(encryptor, { ...KEY, body, title: 'x' }))).toEqual(
      notFound(`${SCOPE}.1000`),
    );
    expect(await memory.count({ product: PRODUCT })).toBe(0);
    const next = await encryptAny(encryptor, { ...KEY, body: 'x' });
    expect(envelopeAt(next, 'body').dekId).toBe(FIRST);
  });
});

describe('a stored envelope of a generation that is too high', () => {
  const most = 1 + 2 ** 20;
  const planted = async (generation: number, at: string): Promise<Writing> => {
    const all = writing();
    const item = await update(all, () => ({ ...KEY, body: 'x' }));
    const document = item?.['document'] as Loose;
    const forged = { ...envelopeAt(document, 'body'), dekId: `${SCOPE}.${String(generation)}` };
    await putNote(all, { ...document, [at]: forged });
    return all;
  };

  it('is reported, and raises nothing', async () => {
    const all = await planted(most + 1, 'title');
    expect(await failure(update(all, (each) => ({ ...each, title: 'y' })))).toEqual(
      tampered(
        `DEK ${SCOPE}.${String(most + 1)} is refused: its generation is more than 1048576 above the rotation record's generationFloor, which this library never creates; restore the item that names it from a backup, or delete the forged row`,
      ),
    );
    expect(await all.made.memory.count({ product: PRODUCT })).toBe(1);
  });

  it('leaves no generation where it is the highest that there can be', async () => {
    const all = await planted(most, 'title');
    expect(await rejection(update(all, (each) => ({ ...each, title: 'y' })))).toMatchObject({
      code: 'TAMPERED',
    });
    expect(await all.made.memory.count({ product: PRODUCT })).toBe(1);
  });

  it('raises the next one where it is as high as can be believed', async () => {
    const all = await planted(most - 1, 'title');
    const item = await update(all, (each) => ({ ...each, title: 'y' }));
    expect(dekIdAt(item, 'title')).toBe(`${SCOPE}.${String(most)}`);
  });

  it('does not count beside the declared fields, where a client may have put it', async () => {
    const all = await planted(2 ** 53 - 1, 'color');
    const item = await update(all, (each) => ({ ...each, color: 'red', body: 'y' }));
    expect(dekIdAt(item, 'body')).toBe(FIRST);
  });
});

describe('a DEK that another process made a moment ago', () => {
  it('is read from the store, and does not count as lost', async () => {
    const all = writing();
    await update(all, () => ({ ...KEY, body: 'x' }));
    const other = setup({ beside: all.made });
    await other.encryptor.shred(note, KEY);
    const stored = await encryptAny(other.encryptor, { ...KEY, body: 'y', title: 'z' });
    await putNote(all, stored);
    const item = await update(all, (each) => ({ ...each, body: 'new' }));
    expect(dekIdAt(item, 'body')).toBe(`${SCOPE}.2`);
    expect(await all.made.memory.count({ product: PRODUCT })).toBe(2);
  });

  it('is waited for as long as reads of the store may lag', async () => {
    const all = writing();
    const { clock, memory } = all.made;
    await putNote(all, await encryptAny(all.made.encryptor, { ...KEY, body: 'x' }));
    const lagMs = 1_000;
    const since = clock.wallMs();
    const dekStore = lagging(memory, lagMs, () => clock.wallMs() - since < lagMs / 2);
    const item = await update({ ...all, made: setup({ beside: all.made, dekStore }) }, () => {
      return { ...KEY, body: 'y' };
    });
    expect(dekIdAt(item, 'body')).toBe(FIRST);
    expect(await memory.count({ product: PRODUCT })).toBe(1);
  });
});

describe('a stored envelope that was changed', () => {
  it('is an alarm where the library read it, and none where a caller made it', async () => {
    const all = writing();
    const item = await update(all, () => ({ ...KEY, body: 'x' }));
    const document = item?.['document'] as Loose;
    const body = envelopeAt(document, 'body');
    const changed = { ...body, ct: `${body.ct.slice(0, -8)}AAAAAAAA` };
    const own = await rejection(update(all, (each) => ({ ...each, body: changed, title: 'y' })));
    expect(own).toMatchObject({ code: 'ENVELOPE_REFUSED' });
    expect(own).not.toHaveProperty('cause');
    await putNote(all, { ...document, body: changed });
    expect(await rejection(update(all, (each) => ({ ...each, title: 'y' })))).toMatchObject({
      code: 'ENVELOPE_REFUSED',
      cause: { code: 'TAMPERED' },
    });
  });
});

/** A copy of a store without the rows of the document. */
async function emptied({ made: { encryptor, memory } }: Writing): Promise<MemoryDekStore> {
  // A product that has no row at all may make its rotation record anew.
  await encryptAny(encryptor, { ...KEY, id: 'another', body: 'x' });
  const copy = new MemoryDekStore();
  await copy.createItem((await memory.getItem(`rotation:${PRODUCT}`, 'rotation'))?.value as never);
  const { items } = await memory.list({ product: PRODUCT });
  for (const { value } of items) {
    if ((value as DekRow).scopeId !== SCOPE) await copy.create(value as DekRow);
  }
  return copy;
}

/** A store that becomes another one. */
class ChangingStore {
  target: DekStore;
  readonly store: DekStore;

  constructor(target: DekStore) {
    this.target = target;
    this.store = new Proxy(target, {
      get: (_target, name) => {
        const member: unknown = Reflect.get(this.target, name);
        return typeof member === 'function' ? (member.bind(this.target) as unknown) : member;
      },
    });
  }
}

/** Finds no row of the document for a while. */
function lagging(memory: MemoryDekStore, lagMs: number, isBehind: () => boolean): DekStore {
  return new Proxy(memory, {
    get(_target, name): unknown {
      if (name === 'readLagMs') return () => Promise.resolve(lagMs);
      const member: unknown = Reflect.get(memory, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (isBehind() && name === 'listScope') return Promise.resolve([]);
        if (isBehind() && name === 'get') return Promise.resolve(undefined);
        return member.apply(memory, args) as unknown;
      };
    },
  });
}

async function putNote({ notes: memory }: Writing, document: Loose): Promise<void> {
  const item = await memory.get(document);
  if (item) await memory.replace(document, item.etag);
  else await memory.create(document);
}
