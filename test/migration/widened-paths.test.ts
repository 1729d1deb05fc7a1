import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import {
  backfillDocuments,
  countPlaintext,
  reencryptDocuments,
  removeEncryption,
  type AnyDefinition,
  type ReencryptOptions,
} from '../../src/index.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  looseDefinition,
  note,
  PRODUCT,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { describeError, rejection } from '../support/failure.js';
import { eventsOf, migrate, notes, put, type Migrated, type Notes } from '../support/migrations.js';
import { sealedJson } from '../support/sealed-json.js';

function definitionOf(...fields: readonly string[]): AnyDefinition {
  return looseDefinition('notes', ['workspaceId', 'id'], ['title', ...fields]);
}

interface Widened {
  readonly made: Setup;
  readonly collection: Notes;
  readonly before: AnyDefinition;
  readonly after: AnyDefinition;
  readonly document: Loose;
}

/** A stored document, and the definition whose path has become wider since. */
async function widened(from: string, to: string, fields: Loose): Promise<Widened> {
  const [made, collection] = [setup(), notes()];
  const [before, after] = [definitionOf(from), definitionOf(to)];
  const document = await encryptAny(made.encryptor, { ...KEY, title: 't', ...fields }, before);
  await put(collection, document);
  made.clock.advance(1_000);
  return { made, collection, before, after, document };
}

const cases: readonly [from: string, to: string, fields: Loose, at: string][] = [
  ['tags[]', 'tags', { tags: ['a', 'b'] }, 'tags[]'],
  ['meta.loc', 'meta', { meta: { loc: 'x', other: 1 } }, 'meta.loc'],
  ['s[].t', 's', { s: [{ t: 'x' }] }, 's[].t'],
  ['a.b[].c', 'a', { a: { b: [{ c: 'x' }] } }, 'a.b[].c'],
];

function reencryptAs(
  definition: AnyDefinition,
  { made, collection }: Pick<Widened, 'collection' | 'made'>,
  options: Partial<ReencryptOptions> = {},
): Promise<Migrated> {
  const createdBefore = new Date(made.clock.wallMs());
  const all = { createdBefore, shred: true, ...options };
  return migrate(
    reencryptDocuments(made.encryptor, definition, collection.store, { allowEmpty: true, ...all }),
    made.clock,
  );
}

async function states({ memory }: Setup): Promise<readonly string[]> {
  const { items } = await memory.list({ product: PRODUCT });
  return items.map(({ value }) => {
    const { generation, state } = value as DekRow;
    return `${String(generation)} ${state}`;
  });
}

function failureIn(migrated: Migrated): unknown {
  const [failed] = eventsOf(migrated, 'failed');
  return failed && describeError(failed.error);
}

describe.each(cases)('a path that is widened from %s to %s', (from, to, fields, at) => {
  it('fails the backfill of its documents, and in a dry run too', async () => {
    const { made, collection, after, document } = await widened(from, to, fields);
    for (const dryRun of [true, false]) {
      const run = backfillDocuments(made.encryptor, after, collection.store, {
        allowEmpty: true,
        dryRun,
      });
      const migrated = await migrate(run, made.clock);
      expect(migrated.summary).toMatchObject({ complete: false, failed: 1, changed: 0 });
      expect(failureIn(migrated)).toEqual({
        name: 'FieldEncryptionError',
        code: 'DEFINITION_MISMATCH',
        message: `The value at "${at}" is an envelope that another definition of "notes" sealed: add "${at}" to "former", or to "fields" where it is still encrypted`,
      });
    }
    expect(await countPlaintext(after, collection.memory)).toMatchObject({ fields: 1 });
    expect((await collection.memory.get(KEY))?.document).toEqual(document);
  });

  it('keeps its DEK in a re-encryption, and what it sealed can be saved', async () => {
    const { made, collection, before, after, document } = await widened(from, to, fields);
    const migrated = await reencryptAs(after, { made, collection });
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, retired: 0, shredded: 0 });
    expect(failureIn(migrated)).toMatchObject({ code: 'DEFINITION_MISMATCH' });
    expect(await states(made)).toEqual(['1 active']);
    const plain = await decryptAny(made.encryptor, document, before);
    await put(collection, await encryptAny(made.encryptor, plain, after));
    expect((await reencryptAs(after, { made, collection })).summary.complete).toBe(true);
    const stored = (await collection.memory.get(KEY))?.document;
    expect(await decryptAny(made.encryptor, stored, after)).toEqual({
      ...KEY,
      title: 't',
      ...fields,
    });
  });

  it('fails the removal of encryption', async () => {
    const { made, collection, after, document } = await widened(from, to, fields);
    const off = setup({ beside: made, enabled: false });
    const migrated = await migrate(
      removeEncryption(off.encryptor, after, collection.store, { allowEmpty: true }),
      made.clock,
    );
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, changed: 0 });
    expect((await collection.memory.get(KEY))?.document).toEqual(document);
  });
});

/** As an earlier version left it: an envelope in a sealed value, each under its own generation. */
async function sealedTwice(outer: 1 | 2): Promise<{ made: Setup; collection: Notes }> {
  const [made, collection] = [setup(), notes()];
  const inner = envelopeAt(await encryptAny(made.encryptor, { ...KEY, body: 'inner' }), 'body');
  if (outer === 2) {
    await put(collection, await encryptAny(made.encryptor, { ...KEY, title: 't' }));
    made.clock.advance(1_000);
    await reencryptAs(note, { made, collection }, { shred: false });
  }
  const reader = setup({ beside: made });
  const body = await sealedJson(reader, JSON.stringify({ tags: [inner] }));
  expect(body.dekId).toBe(`${inner.dekId.slice(0, 32)}.${String(outer)}`);
  await put(collection, { ...KEY, body });
  return { made: reader, collection };
}

describe('a value that an earlier version sealed with an envelope inside', () => {
  const message = (dekId: string): string =>
    `The value that is sealed at "body" holds an envelope of this document under DEK ${dekId}, from another definition: open both in mode "migrate", the inner one with the definition that sealed it, and write the plain value`;

  it('fails its re-encryption before a DEK is made', async () => {
    const { made, collection } = await sealedTwice(1);
    made.clock.advance(1_000);
    for (const dryRun of [true, false]) {
      const migrated = await reencryptAs(note, { made, collection }, { dryRun, shred: !dryRun });
      expect(migrated.summary).toMatchObject({ complete: false, failed: 1, retired: 0 });
      expect(failureIn(migrated)).toMatchObject({ code: 'DEFINITION_MISMATCH' });
    }
    expect(await states(made)).toEqual(['1 active']);
  });

  it('keeps the inner DEK where the outer one is new', async () => {
    const { made, collection } = await sealedTwice(2);
    const { value } = (await made.memory.list({ product: PRODUCT })).items[1] as { value: DekRow };
    const migrated = await reencryptAs(
      note,
      { made, collection },
      { createdBefore: value.createdAt },
    );
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, shredded: 0 });
    expect(failureIn(migrated)).toEqual({
      name: 'FieldEncryptionError',
      code: 'DEFINITION_MISMATCH',
      message: message(value.id.replace(/\d+$/, '1')),
    });
    expect(await states(made)).toEqual(['1 retired', '2 active']);
    const stored = (await collection.memory.get(KEY))?.document;
    expect(await rejection(decryptAny(made.encryptor, stored))).toMatchObject({
      code: 'DEFINITION_MISMATCH',
    });
    const reader = setup({ beside: made, mode: 'migrate' });
    const { body } = (await decryptAny(reader.encryptor, stored)) as { body: { tags: unknown[] } };
    expect(await decryptAny(made.encryptor, { ...KEY, body: body.tags[0] })).toMatchObject({
      body: 'inner',
    });
  });

  it('is moved to a new DEK as it is where that is no envelope of the document', async () => {
    const [made, collection] = [setup(), notes()];
    const text = '{ "_enc" : [1], "other": {"_enc": 1, "dekId": "x"} }';
    await put(collection, { ...KEY, body: await sealedJson(made, `[${text}]`) });
    made.clock.advance(1_000);
    expect((await reencryptAs(note, { made, collection })).summary).toMatchObject({
      complete: true,
      shredded: 1,
    });
    const stored = (await collection.memory.get(KEY))?.document;
    expect((await decryptAny(made.encryptor, stored))['body']).toEqual([JSON.parse(text)]);
  });
});

describe('what only looks like an envelope of the document, and was stored by an earlier version', () => {
  const planted = (dekId: string): readonly Loose[] => [
    { _enc: 1, dekId },
    { _enc: 1, dekId: `${dekId.slice(0, 32)}.9007199254740992`, mekVersion: 'v', ct: 'x' },
    { _enc: 1, dekId, mekVersion: 'v', ct: 7 },
    { _enc: 'x', dekId, mekVersion: 'v', ct: 'x' },
  ];

  it('prevents no process from re-encrypting, backfilling or opening the document', async () => {
    const [made, collection] = [setup(), notes()];
    const sealed = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const document = { ...sealed, meta: { color: planted(envelopeAt(sealed, 'body').dekId) } };
    await put(collection, { ...document, title: 'plain' });
    const filled = await migrate(
      backfillDocuments(made.encryptor, note, collection.store, { allowEmpty: true }),
      made.clock,
    );
    expect(filled.summary).toMatchObject({ complete: true, changed: 1 });
    made.clock.advance(1_000);
    const moved = await reencryptAs(note, { made, collection });
    expect(moved.summary).toMatchObject({ complete: true, shredded: 1 });
    const off = setup({ beside: made, enabled: false });
    const removed = await migrate(
      removeEncryption(off.encryptor, note, collection.store, { allowEmpty: true }),
      made.clock,
    );
    expect(removed.summary).toMatchObject({ complete: true, changed: 1 });
    expect((await collection.memory.get(KEY))?.document).toEqual({
      ...document,
      body: 'text',
      title: 'plain',
    });
  });

  it('is named where it may be an envelope after all', async () => {
    const { made, collection, document } = await widened('body', 'body', { body: 'text' });
    const later = { _enc: 2, dekId: envelopeAt(document, 'body').dekId };
    await put(collection, { ...document, kept: [later] });
    const migrated = await reencryptAs(definitionOf('body'), { made, collection });
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, shredded: 0 });
    expect(failureIn(migrated)).toMatchObject({ code: 'DEFINITION_MISMATCH' });
  });
});
