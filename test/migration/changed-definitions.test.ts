import { describe, expect, it } from 'vitest';
import {
  backfillDocuments,
  type BackfillOptions,
  countPlaintext,
  defineDocument,
  reencryptDocuments,
  removeEncryption,
  type AnyDefinition,
} from '../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  PRODUCT,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { describeError, rejection } from '../support/failure.js';
import { eventsOf, migrate, notes, put, type Migrated, type Notes } from '../support/migrations.js';

type More = { readonly stages?: Loose; readonly former?: readonly string[] };

function define(fields: readonly string[], more: More = {}): AnyDefinition {
  const shape = { collection: 'notes', key: ['workspaceId', 'id'], fields, ...more };
  return defineDocument()(shape as never);
}

/** A document that an earlier definition sealed, and the processes of the current one. */
async function stored(before: AnyDefinition, fields: Loose): Promise<readonly [Setup, Notes]> {
  const [made, collection] = [setup(), notes()];
  await put(collection, await encryptAny(made.encryptor, { ...KEY, ...fields }, before));
  made.clock.advance(1_000);
  return [made, collection];
}

async function documentIn(collection: Notes): Promise<Loose> {
  return (await collection.memory.get(KEY))?.document as Loose;
}

function backfill(
  made: Setup,
  definition: AnyDefinition,
  { store }: Notes,
  options: BackfillOptions = {},
): Promise<Migrated> {
  return migrate(backfillDocuments(made.encryptor, definition, store, options), made.clock);
}

function failuresIn(migrated: Migrated): readonly unknown[] {
  return eventsOf(migrated, 'failed').map(({ error }) => describeError(error));
}

/** Every change that keeps the place of what was sealed, with the documents that it has to bring along. */
const CHANGES: readonly [from: string, to: string[], fields: Loose][] = [
  ['tags[]', ['tags'], { tags: ['a', 'b'] }],
  ['tags[]', ['tags'], { tags: [] }],
  ['tags[]', ['tags'], { tags: null }],
  ['tags', ['tags[]'], { tags: ['a', 'b'] }],
  ['tags', ['tags[]'], { tags: [] }],
  ['meta.loc', ['meta'], { meta: { loc: 'x' } }],
  ['meta', ['meta.loc'], { meta: { loc: 'x' } }],
  ['meta', ['meta.loc', 'meta.other'], { meta: { loc: 'x', other: 1 } }],
  ['s', ['s[].t'], { s: [{ t: 'x' }, { t: 2 }] }],
  ['s[].t', ['s'], { s: [{ t: 'x' }] }],
  ['a.b[].c', ['a'], { a: { b: [{ c: 'x' }] } }],
  ['a', ['a.b[].c'], { a: { b: [{ c: 'x' }] } }],
];

describe.each(CHANGES)('a path that changes from %s to %s: %j', (from, to, fields) => {
  const before = define(['title', from]);
  const after = define(['title', ...to], { former: [from] });

  it('opens what is stored under the former path, in mode strict', async () => {
    const [made, collection] = await stored(before, { title: 't', ...fields });
    const document = await documentIn(collection);
    expect(await decryptAny(made.encryptor, document, after)).toEqual({
      ...KEY,
      title: 't',
      ...fields,
    });
    expect(made.encryptor.plaintextReads).toBe(0);
    expect(await documentIn(collection)).toEqual(document);
  });

  it('is sealed under the current path by a write, and by a backfill', async () => {
    const [made, collection] = await stored(before, { title: 't', ...fields });
    const { title, ...rest } = await documentIn(collection);
    const edited = await encryptAny(made.encryptor, { ...rest, title: 'new' }, after);
    expect(edited).not.toHaveProperty('title', title);
    const current = define(['title', ...to]);
    expect(await decryptAny(made.encryptor, edited, current)).toMatchObject(fields);
    const migrated = await backfill(made, after, collection);
    expect(migrated.summary).toMatchObject({ complete: true, failed: 0 });
    const moved = await documentIn(collection);
    expect(await decryptAny(made.encryptor, moved, current)).toMatchObject(fields);
    expect(await countPlaintext(after, collection.memory)).toMatchObject({
      documents: 0,
      fields: 0,
      paths: [{ path: from, stage: 'former', plain: 0, sealed: 0 }],
    });
    expect((await backfill(made, after, collection)).summary).toMatchObject({ changed: 0 });
  });

  it('is moved by a re-encryption, and opened by a removal', async () => {
    const [made, collection] = await stored(before, { title: 't', ...fields });
    const options = { createdBefore: new Date(made.clock.wallMs()), shred: true };
    const run = reencryptDocuments(made.encryptor, after, collection.store, options);
    expect((await migrate(run, made.clock)).summary).toMatchObject({ complete: true, shredded: 1 });
    const current = define(['title', ...to]);
    const moved = await documentIn(collection);
    expect(await decryptAny(made.encryptor, moved, current)).toMatchObject(fields);

    const [other, others] = await stored(before, { title: 't', ...fields });
    const off = setup({ beside: other, enabled: false });
    const removal = removeEncryption(off.encryptor, after, others.store);
    expect((await migrate(removal, other.clock)).summary).toMatchObject({ complete: true });
    expect(await documentIn(others)).toEqual({ ...KEY, title: 't', ...fields });
  });
});

describe('a renamed field', () => {
  const before = define(['title', 'titel']);
  const after = define(['title'], { former: ['titel'] });
  const upgrade = ({ titel, ...rest }: Loose): Loose =>
    titel === undefined ? rest : { ...rest, title: titel };

  it('is opened, and kept sealed by a write that carries it', async () => {
    const [made, collection] = await stored(before, { titel: 'secret', body: 'b' });
    const document = await documentIn(collection);
    expect(await decryptAny(made.encryptor, document, after)).toEqual({
      ...KEY,
      titel: 'secret',
      body: 'b',
    });
    const edited = await encryptAny(made.encryptor, { ...document, title: 'new' }, after);
    expect(edited['titel']).toEqual(document['titel']);
    expect(await decryptAny(made.encryptor, edited, after)).toMatchObject({
      title: 'new',
      titel: 'secret',
    });
  });

  it.each(['secret', 1, null, { deep: ['x'] }, ['x']])(
    'is never written in clear: %j',
    async (titel) => {
      const made = setup();
      expect(await rejection(encryptAny(made.encryptor, { ...KEY, titel }, after))).toMatchObject({
        code: 'DEFINITION_MISMATCH',
        path: 'titel',
        message:
          'The value at "titel" was sealed by an earlier definition, and would be stored in clear: move it to a declared path, or declare "titel" in stage "opening"',
      });
      expect((await made.memory.list({ product: PRODUCT })).items).toEqual([]);
    },
  );

  it('does not move by itself', async () => {
    const [made, collection] = await stored(before, { titel: 'secret' });
    const document = await documentIn(collection);
    for (const dryRun of [true, false]) {
      const migrated = await backfill(made, after, collection, { dryRun });
      expect(migrated.summary).toMatchObject({ complete: false, failed: 1 });
      expect(failuresIn(migrated)).toEqual([
        {
          name: 'FieldEncryptionError',
          code: 'DEFINITION_MISMATCH',
          message:
            'The envelope at the former path "titel" has no place in the definition: move its value to a declared path, in a migration with the option "upgrade"',
        },
      ]);
    }
    expect(await documentIn(collection)).toEqual(document);
  });

  it('moves by an upgrade, and the fields that stay keep their envelopes', async () => {
    const [made, collection] = await stored(define(['titel', 'body', 'title']), {
      titel: 'secret',
      body: 'b',
    });
    const wide = define(['title', 'body'], { former: ['titel'] });
    const { body } = await documentIn(collection);
    const dry = await backfill(made, wide, collection, { upgrade, dryRun: true });
    expect(dry.summary).toMatchObject({ wouldChange: 1, failed: 0 });
    const migrated = await backfill(made, wide, collection, { upgrade });
    expect(migrated.summary).toMatchObject({ complete: true, changed: 1, fields: 1 });
    const moved = await documentIn(collection);
    expect(moved).not.toHaveProperty('titel');
    expect(moved['body']).toEqual(body);
    expect(await decryptAny(made.encryptor, moved, define(['title', 'body']))).toEqual({
      ...KEY,
      title: 'secret',
      body: 'b',
    });
    expect((await backfill(made, wide, collection, { upgrade })).summary.changed).toBe(0);
  });

  it('moves by an upgrade of a re-encryption, and its old DEK is shredded', async () => {
    const [made, collection] = await stored(before, { titel: 'secret' });
    const options = { createdBefore: new Date(made.clock.wallMs()), shred: true, upgrade };
    const run = reencryptDocuments(made.encryptor, after, collection.store, options);
    expect((await migrate(run, made.clock)).summary).toMatchObject({ complete: true, shredded: 1 });
    const moved = await documentIn(collection);
    expect(await decryptAny(made.encryptor, moved, define(['title']))).toEqual({
      ...KEY,
      title: 'secret',
    });
  });

  it.each<[string, (document: Loose) => Loose, string]>([
    ['at the former path', (document) => document, 'titel'],
    ['at another path', ({ titel, ...rest }) => ({ ...rest, heading: titel }), 'heading'],
    [
      'inside another value',
      ({ titel, ...rest }) => ({ ...rest, list: [{ titel }] }),
      'list[].titel',
    ],
  ])('fails its document where an upgrade leaves it %s', async (_, leave, path) => {
    const [made, collection] = await stored(before, { titel: 'secret' });
    const document = await documentIn(collection);
    const migrated = await backfill(made, after, collection, { upgrade: leave });
    expect(failuresIn(migrated)).toMatchObject([{ code: 'DEFINITION_MISMATCH' }]);
    expect(eventsOf(migrated, 'failed')[0]?.error).toMatchObject({ path });
    expect(await documentIn(collection)).toEqual(document);
  });

  it('may be stored in clear at a path in stage opening', async () => {
    const [made, collection] = await stored(before, { titel: 'secret' });
    const open = define(['title', 'heading'], {
      former: ['titel'],
      stages: { heading: 'opening' },
    });
    const move = ({ titel, ...rest }: Loose): Loose => ({ ...rest, heading: titel });
    const migrated = await backfill(made, open, collection, { upgrade: move });
    expect(migrated.summary).toMatchObject({ complete: true, changed: 1 });
    expect(await documentIn(collection)).toEqual({ ...KEY, heading: 'secret' });
  });
});

describe('a narrowed path of which a part is no longer encrypted', () => {
  const before = define(['meta']);
  const after = define(['meta.loc'], { former: ['meta'] });
  const fields = { meta: { loc: 'x', other: { deep: 1 } } };

  it('opens, and refuses to store the rest in clear', async () => {
    const [made, collection] = await stored(before, fields);
    const document = await documentIn(collection);
    const plain = await decryptAny(made.encryptor, document, after);
    expect(plain).toEqual({ ...KEY, ...fields });
    for (const written of [plain, document]) {
      expect(await rejection(encryptAny(made.encryptor, written, after))).toMatchObject({
        code: 'DEFINITION_MISMATCH',
        path: 'meta.other',
      });
    }
    const migrated = await backfill(made, after, collection);
    expect(failuresIn(migrated)).toMatchObject([{ code: 'DEFINITION_MISMATCH' }]);
  });

  it('stores the rest in clear where it is in stage opening', async () => {
    const [made, collection] = await stored(before, fields);
    const open = define(['meta.loc', 'meta.other'], {
      former: ['meta'],
      stages: { 'meta.other': 'opening' },
    });
    expect((await backfill(made, open, collection)).summary).toMatchObject({ complete: true });
    expect(await documentIn(collection)).toMatchObject({ meta: { other: { deep: 1 } } });
  });
});

describe('what a migration has to bring along', () => {
  const before = define(['title', 'titel']);
  const after = define(['title'], { former: ['titel'] });

  it('is a value in clear at a former path, too', async () => {
    const [made, collection] = await stored(before, { title: 't' });
    const document = { ...(await documentIn(collection)), titel: 'never sealed' };
    await put(collection, document);
    expect(await countPlaintext(after, collection.memory)).toMatchObject({
      fields: 0,
      paths: [{ path: 'titel', stage: 'former', plain: 1, sealed: 0 }],
    });
    const migrated = await backfill(made, after, collection);
    expect(failuresIn(migrated)).toMatchObject([{ code: 'DEFINITION_MISMATCH' }]);
    expect(await documentIn(collection)).toEqual(document);
    const upgrade = ({ titel, ...rest }: Loose): Loose => ({ ...rest, title: titel });
    const moved = await backfill(made, after, collection, { upgrade });
    expect(moved.summary).toMatchObject({ complete: true, changed: 1 });
    expect(await decryptAny(made.encryptor, await documentIn(collection), after)).toEqual({
      ...KEY,
      title: 'never sealed',
    });
  });

  it('is an envelope where nothing is declared: its document fails', async () => {
    const [made, collection] = await stored(before, { title: 't', titel: 'x' });
    const migrated = await backfill(made, define(['title']), collection);
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1 });
    expect(eventsOf(migrated, 'failed')[0]?.error).toMatchObject({
      code: 'DEFINITION_MISMATCH',
      path: 'titel',
    });
  });

  it('is moved by a re-encryption where its DEK is new', async () => {
    const wide = define(['title', 'tags'], { former: ['tags[]'] });
    const made = setup();
    const collection = notes();
    const createdBefore = new Date(made.clock.wallMs());
    made.clock.advance(1_000);
    const run = (): Promise<Migrated> =>
      migrate(
        reencryptDocuments(made.encryptor, wide, collection.store, {
          createdBefore,
          allowEmpty: true,
        }),
        made.clock,
      );
    await run();
    const parts = define(['title', 'tags[]']);
    await put(collection, await encryptAny(made.encryptor, { ...KEY, tags: ['a'] }, parts));
    expect((await run()).summary).toMatchObject({ complete: true, changed: 1, retired: 0 });
    const moved = await documentIn(collection);
    expect(await decryptAny(made.encryptor, moved, define(['title', 'tags']))).toMatchObject({
      tags: ['a'],
    });
  });

  it('may lie beside declared fields in one container', async () => {
    const nested = define(['meta.loc', 'meta.titel', 'list[].a', 'list[].b']);
    const current = define(['meta.loc', 'list[].a'], { former: ['meta.titel', 'list[].b'] });
    const fields = { meta: { loc: 'x', titel: 't' }, list: [{ a: 1, b: 2 }, { b: 3 }] };
    const [made, collection] = await stored(nested, fields);
    const document = await documentIn(collection);
    expect(await decryptAny(made.encryptor, document, current)).toEqual({ ...KEY, ...fields });
    expect(await documentIn(collection)).toEqual(document);
  });

  it('keeps text that was in clear before an upgrade', async () => {
    const [made, collection] = await stored(before, { titel: 'same' });
    await put(collection, { ...(await documentIn(collection)), state: 'same' });
    const upgrade = ({ titel, ...rest }: Loose): Loose => ({ ...rest, title: titel });
    const moved = await backfill(made, after, collection, { upgrade });
    expect(moved.summary).toMatchObject({ complete: true, changed: 1 });
    expect(await documentIn(collection)).toMatchObject({ state: 'same' });
  });

  it('has no place in a document that is created from a copy', async () => {
    const [made, collection] = await stored(before, { titel: 'x' });
    const copy = await documentIn(collection);
    const { memory } = notes();
    const writing = made.encryptor.updateDocument(after, memory, KEY, () => copy as never);
    expect(await rejection(writing)).toMatchObject({ code: 'DEFINITION_MISMATCH', path: 'titel' });
    expect(await memory.count()).toBe(0);
  });
});

describe('a field that is deleted', () => {
  it('is taken out of each document by an upgrade', async () => {
    const [made, collection] = await stored(define(['body', 'title']), { title: 't', body: 'b' });
    const after = define(['body'], { former: ['title'] });
    const upgrade = (document: Loose): Loose => ({ ...document, title: undefined });
    const migrated = await backfill(made, after, collection, { upgrade });
    expect(migrated.summary).toMatchObject({ complete: true, changed: 1 });
    const left = await documentIn(collection);
    expect(Object.keys(left).sort()).toEqual(['body', ...Object.keys(KEY)].sort());
    expect(await decryptAny(made.encryptor, left, define(['body']))).toEqual({ ...KEY, body: 'b' });
  });
});

describe('a value of the former form', () => {
  const wide = define(['title', 'tags', 'meta'], { former: ['tags[]', 'meta.loc'] });

  it.each<Loose>([
    { tags: ['in clear'] },
    { tags: [null] },
    { tags: 'in clear' },
    { tags: {} },
    { meta: { other: 1 } },
    { meta: { loc: 'in clear' } },
    { meta: [] },
  ])('is none where a part is in clear: %j', async (fields) => {
    const { encryptor } = setup();
    expect(await rejection(decryptAny(encryptor, { ...KEY, ...fields }, wide))).toMatchObject({
      code: 'PLAINTEXT_REFUSED',
    });
  });

  it('is refused with one part in clear among envelopes', async () => {
    const { encryptor } = setup();
    const parts = define(['title', 'tags[]']);
    const stored = await encryptAny(encryptor, { ...KEY, tags: ['a'] }, parts);
    const mixed = { ...stored, tags: [...(stored['tags'] as unknown[]), 'added in clear'] };
    expect(await rejection(decryptAny(encryptor, mixed, wide))).toMatchObject({
      code: 'PLAINTEXT_REFUSED',
      path: 'tags',
    });
  });
});
