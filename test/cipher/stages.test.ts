import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import {
  backfillDocuments,
  countPlaintext,
  defineDocument,
  diagnosticsChannels,
  type AnyDefinition,
  type DefinitionMismatch,
  type FieldStage,
  type PlaintextRead,
} from '../../src/index.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  PRODUCT,
  setup,
  type Loose,
} from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { migrate, notes, put } from '../support/migrations.js';

function define(
  fields: readonly string[],
  stages: Loose = {},
  former: string[] = [],
): AnyDefinition {
  const shape = { collection: 'notes', key: ['workspaceId', 'id'], fields, stages, former };
  return defineDocument()(shape as never);
}

const STAGES: readonly (FieldStage | 'gone')[] = ['gone', 'opening', 'sealing', 'sealed'];

function bodyIn(stage: FieldStage | 'gone'): AnyDefinition {
  return stage === 'gone' ? define(['title']) : define(['title', 'body'], { body: stage });
}

describe('the stages of a path', () => {
  it.each<[FieldStage, boolean]>([
    ['sealed', true],
    ['sealing', true],
    ['opening', false],
  ])('%s is written sealed: %s', async (stage, isSealed) => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, title: 't', body: 'b' }, bodyIn(stage));
    expect(envelopeAt(stored, 'title')).toHaveProperty('ct');
    expect(typeof stored['body']).toBe(isSealed ? 'object' : 'string');
  });

  it('let neighbours read what the other writes, in mode strict, in both directions', async () => {
    for (const [index, one] of STAGES.entries()) {
      const two = STAGES[index + 1];
      if (two === undefined) continue;
      const made = setup();
      for (const [writer, reader] of [
        [one, two],
        [two, one],
      ] as const) {
        const plain = { ...KEY, title: 't', body: 'b' };
        const stored = await encryptAny(made.encryptor, plain, bodyIn(writer));
        expect(await decryptAny(made.encryptor, stored, bodyIn(reader))).toEqual(plain);
        const { title, ...rest } = stored;
        expect(title).toBeDefined();
        const edited = await encryptAny(made.encryptor, { ...rest, title: 'new' }, bodyIn(reader));
        for (const either of [one, two]) {
          const read = await decryptAny(made.encryptor, edited, bodyIn(either));
          expect(read).toEqual({ ...plain, title: 'new' });
        }
      }
    }
  });

  it('refuse and pass plaintext as they say', async () => {
    const seen: PlaintextRead[] = [];
    const { encryptor } = setup({ onPlaintextRead: (read) => seen.push(read) });
    const plain = { ...KEY, body: 'b' };
    expect(await rejection(decryptAny(encryptor, plain, bodyIn('sealed')))).toMatchObject({
      code: 'PLAINTEXT_REFUSED',
    });
    expect(await decryptAny(encryptor, plain, bodyIn('opening'))).toEqual(plain);
    expect([encryptor.plaintextReads, seen]).toEqual([0, []]);
    expect(await decryptAny(encryptor, plain, bodyIn('sealing'))).toEqual(plain);
    expect(encryptor.plaintextReads).toBe(1);
    expect(seen).toEqual([{ collection: 'notes', path: 'body', key: KEY }]);
  });

  it('pass a container of another shape where no field in it is sealed', async () => {
    const { encryptor } = setup();
    const plain = { ...KEY, meta: 'none' };
    const opening = define(['title', 'meta.loc'], { 'meta.loc': 'opening' });
    expect(await encryptAny(encryptor, plain, opening)).toEqual(plain);
    expect(await decryptAny(encryptor, plain, opening)).toEqual(plain);
    const sealing = define(['title', 'meta.loc'], { 'meta.loc': 'sealing' });
    expect(await decryptAny(encryptor, plain, sealing)).toEqual(plain);
    expect(await rejection(encryptAny(encryptor, plain, sealing))).toBeInstanceOf(TypeError);
    expect(await rejection(decryptAny(encryptor, plain, define(['meta.loc'])))).toMatchObject({
      code: 'PLAINTEXT_REFUSED',
    });
  });

  it('seal and open single fields alike', async () => {
    const { encryptor } = setup();
    const opening = await encryptor.openDocument(bodyIn('opening'), KEY, { createDek: true });
    expect(opening.seal('body', 'b' as never)).toBe('b');
    expect(opening.open('body', 'b')).toBe('b');
    const sealing = await encryptor.openDocument(bodyIn('sealing'), KEY);
    const envelope = sealing.seal('body', 'b' as never);
    expect(opening.open('body', envelope)).toBe('b');
    expect(sealing.open('body', 'plain')).toBe('plain');
    expect(encryptor.plaintextReads).toBe(1);
    const former = await encryptor.openDocument(define(['title'], {}, ['body']), KEY);
    expect(former.open('body', envelope)).toBe('b');
  });

  it('keep an envelope of the document out of a value in clear', async () => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, title: 't' }, bodyIn('sealed'));
    const body = { inner: [stored['title']] };
    for (const document of [
      { ...KEY, body },
      { ...stored, body },
    ]) {
      expect(await rejection(encryptAny(encryptor, document, bodyIn('opening')))).toMatchObject({
        code: 'ENVELOPE_REFUSED',
        path: 'body.inner[0]',
      });
    }
  });

  it('open an unchanged field where a document is updated in plaintext', async () => {
    const [made, collection] = [setup(), notes()];
    await put(collection, await encryptAny(made.encryptor, { ...KEY, title: 't', body: 'b' }));
    const rename = (plain: Loose | undefined): Loose => ({ ...plain, title: 'new' });
    await made.encryptor.updateDecrypted(
      bodyIn('opening') as never,
      collection.memory as never,
      KEY as never,
      rename as never,
    );
    const stored = (await collection.memory.get(KEY))?.document;
    expect(stored).toMatchObject({ body: 'b', title: { _enc: 1 } });
  });

  it('open by a backfill, which then counts nothing left', async () => {
    const [made, collection] = [setup(), notes()];
    const opening = bodyIn('opening');
    await put(collection, await encryptAny(made.encryptor, { ...KEY, title: 't', body: 'b' }));
    const paths = [{ path: 'body', stage: 'opening', plain: 0, sealed: 1 }];
    expect(await countPlaintext(opening, collection.memory)).toMatchObject({ fields: 0, paths });
    const run = backfillDocuments(made.encryptor, opening, collection.store, { stage: 'opening' });
    const { summary } = await migrate(run, made.clock);
    expect(summary).toMatchObject({ complete: true, changed: 1, fields: 1 });
    const stored = (await collection.memory.get(KEY))?.document;
    expect(stored).toMatchObject({ body: 'b', title: { _enc: 1 } });
    expect(await countPlaintext(opening, collection.memory)).toMatchObject({
      paths: [{ path: 'body', stage: 'opening', plain: 1, sealed: 0 }],
    });
  });

  it('count a container of another shape for the paths in it alone', async () => {
    const collection = notes();
    await put(collection, { ...KEY, meta: 'none' });
    const stages = { 'meta.loc': 'sealing', 'metadata.loc': 'sealing' };
    const definition = define(['meta.loc', 'metadata.loc'], stages);
    expect((await countPlaintext(definition, collection.memory)).paths).toEqual([
      { path: 'meta.loc', stage: 'sealing', plain: 1, sealed: 0 },
      { path: 'metadata.loc', stage: 'sealing', plain: 0, sealed: 0 },
    ]);
  });

  it('leave other documents alone in a run that only opens', async () => {
    const [made, collection] = [setup(), notes()];
    const plain = { ...KEY, title: 'plain', body: 'b' };
    await made.encryptor.encryptDocument(define(['body']) as never, plain as never);
    await put(collection, plain);
    const run = backfillDocuments(made.encryptor, bodyIn('opening'), collection.store, {
      stage: 'opening',
    });
    expect((await migrate(run, made.clock)).summary).toMatchObject({ unchanged: 1, changed: 0 });
    expect((await collection.memory.get(KEY))?.document).toEqual(plain);
  });

  it('do not open bytes, which have no form in clear', async () => {
    const [made, collection] = [setup(), notes()];
    const body = new Uint8Array([1]);
    await put(collection, await encryptAny(made.encryptor, { ...KEY, title: 't', body }));
    const document = (await collection.memory.get(KEY))?.document;
    const run = backfillDocuments(made.encryptor, bodyIn('opening'), collection.store);
    expect((await migrate(run, made.clock)).summary).toMatchObject({ failed: 1, changed: 0 });
    expect((await collection.memory.get(KEY))?.document).toEqual(document);
  });
});

const message = (path: string): string =>
  `The value at "${path}" is an envelope that another definition of "notes" sealed: add "${path}" to "former", or to "fields" where it is still encrypted`;

/** What was stored under one definition, and is read under another; where the envelope is found. */
const MISMATCHES: readonly [string[], string[], Loose, string][] = [
  [['title', 'body'], ['title'], { body: 'b' }, 'body'],
  [['meta.a.b'], ['title'], { meta: { a: { b: 1 } } }, 'meta.a.b'],
  [['tags'], ['tags[]'], { tags: ['a'] }, 'tags'],
  [['meta'], ['meta.loc'], { meta: { loc: 'x' } }, 'meta'],
  [['s'], ['s[].t'], { s: [{ t: 1 }] }, 's'],
  [['tags[]'], ['tags'], { tags: ['a'] }, 'tags[]'],
  [['meta.loc'], ['meta'], { meta: { loc: 'x' } }, 'meta.loc'],
];

describe.each(MISMATCHES)('an envelope of %j, read as %j', (from, to, fields, path) => {
  it('is refused in mode strict, and blames the definition', async () => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, ...fields }, define(from));
    const reading = decryptAny(encryptor, stored, define(to));
    expect(await rejection(reading)).toMatchObject({
      code: 'DEFINITION_MISMATCH',
      path,
      message: message(path),
    });
    const [outcome] = await encryptor.decryptDocuments(define(to), [stored as never]);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'DEFINITION_MISMATCH' } });
  });

  it('passes in mode migrate, and is counted and reported', async () => {
    const seen: DefinitionMismatch[] = [];
    const published: unknown[] = [];
    const listen = (event: unknown): void => void published.push(event);
    const made = setup();
    const reader = setup({
      beside: made,
      mode: 'migrate',
      onDefinitionMismatch: (mismatch) => seen.push(mismatch),
    });
    const stored = await encryptAny(made.encryptor, { ...KEY, ...fields }, define(from));
    subscribe(diagnosticsChannels.definitionMismatch, listen);
    try {
      expect(await decryptAny(reader.encryptor, stored, define(to))).toEqual(stored);
    } finally {
      unsubscribe(diagnosticsChannels.definitionMismatch, listen);
    }
    expect(reader.encryptor.definitionMismatches).toBe(1);
    expect(seen).toEqual([{ collection: 'notes', path, key: KEY }]);
    expect(published).toEqual([{ product: PRODUCT, collection: 'notes', path }]);
    // What was passed through is not written back as plaintext, nor under another path.
    const code = await rejection(encryptAny(reader.encryptor, stored, define(to)));
    expect(code).toMatchObject({ code: 'ENVELOPE_REFUSED' });
  });
});

describe('an envelope that may have been altered', () => {
  it('stays TAMPERED, and says that a changed definition looks the same', async () => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'b' }, define(['body']));
    const moved = { ...KEY, title: stored['body'] };
    expect(await rejection(decryptAny(encryptor, moved, define(['title'])))).toMatchObject({
      code: 'TAMPERED',
      message: expect.stringContaining('a changed definition looks the same') as string,
    });
  });

  it('an envelope of another document in a container stays TAMPERED', async () => {
    const { encryptor } = setup();
    const other = await encryptAny(encryptor, { ...KEY, id: 'other', tags: 'b' }, define(['tags']));
    const stored = { ...KEY, tags: other['tags'] };
    expect(await rejection(decryptAny(encryptor, stored, define(['tags[]'])))).toMatchObject({
      code: 'TAMPERED',
    });
  });

  it('an envelope of another document where nothing is declared is data', async () => {
    const { encryptor } = setup();
    const other = await encryptAny(encryptor, { ...KEY, id: 'other', body: 'b' });
    const stored = { ...(await encryptAny(encryptor, { ...KEY, title: 't' })), quoted: other };
    expect(await decryptAny(encryptor, stored)).toMatchObject({ quoted: other, title: 't' });
  });
});
