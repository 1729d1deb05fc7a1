import { describe, expect, it } from 'vitest';
import type { Envelope, OpenDocument } from '../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  MEK_VERSION,
  note,
  PRODUCT,
  sealed,
  setup,
  type Setup,
} from '../support/encryptor.js';
import {
  failedField,
  failure,
  failureOf,
  malformedField,
  refused,
  thrownBy,
} from '../support/failure.js';
import { activeRow } from '../support/rows.js';

const FENCE_TTL_MS = 30_000;
const SCOPE = '6ba93ee4f21c83cde16a191438027014';

function stale(dekId = `${SCOPE}.1`): ReturnType<typeof refused> {
  return refused(
    'CIPHER_STALE',
    `The document was opened too long ago to use DEK ${dekId}: open it again`,
  );
}

async function opened(made: Setup = setup()): Promise<readonly [OpenDocument<typeof note>, Setup]> {
  return [await made.encryptor.openDocument(note, KEY, { createDek: true }), made];
}

describe('an open document', () => {
  it('seals and opens every declared path without waiting', async () => {
    const [open, { encryptor }] = await opened();
    const stored = {
      ...KEY,
      title: open.seal('title', 'T'),
      body: open.seal('body', null),
      tags: [open.seal('tags[]', 'a'), open.seal('tags[]', 7)],
      meta: { location: open.seal('meta.location', { city: 'Oslo' }) },
      sections: [
        { title: open.seal('sections[].title', 'S'), lines: [open.seal('sections[].lines[]', 1)] },
      ],
    };
    expect(open.open('title', stored.title)).toBe('T');
    expect(open.open('tags[]', stored.tags[1])).toBe(7);
    expect(await decryptAny(encryptor, stored)).toEqual({
      ...KEY,
      title: 'T',
      body: null,
      tags: ['a', 7],
      meta: { location: { city: 'Oslo' } },
      sections: [{ title: 'S', lines: [1] }],
    });
  });

  it('opens what encryptDocument sealed', async () => {
    const [open, { encryptor }] = await opened();
    expect(open.open('body', await sealed(encryptor, 'text'))).toBe('text');
  });

  it('takes the parts of a key, and no whole document for it', async () => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text', title: 'x' });
    expect(await failure(encryptor.openDocument(note, { ...stored, ...KEY }))).toEqual({
      name: 'RangeError',
      message: '"key.body" is no option: expected workspaceId, id',
    });
  });

  it('knows declared paths alone', async () => {
    const [open] = await opened();
    for (const path of ['tags', 'tags[0]', 'meta', 'Body', '', '__proto__', 'id', 'toString']) {
      const refusal = {
        name: 'RangeError',
        message: `"${path}" is not a declared field of "notes"`,
      };
      expect(failureOf(() => open.seal(path as 'body', 'text'))).toEqual(refusal);
      expect(failureOf(() => open.open(path as 'body', 'text'))).toEqual(refusal);
    }
  });

  it('refuses an envelope of another path or another document', async () => {
    const [open, { encryptor }] = await opened();
    const body = open.seal('body', 'text');
    expect(failureOf(() => open.open('title', body))).toEqual(failedField('title', body.dekId));
    const other = await encryptAny(encryptor, { ...KEY, id: 'note-2', body: 'text' });
    const { dekId } = other['body'] as Envelope;
    expect(failureOf(() => open.open('body', other['body']))).toEqual(failedField('body', dekId));
    expect(failureOf(() => open.open('body', { ...body, ct: 1 }))).toEqual(
      malformedField('body', 'ct'),
    );
  });

  it('seals nothing that looks like an envelope', async () => {
    const [open] = await opened();
    const body = open.seal('body', 'text');
    for (const value of [body, { _enc: 0 }]) {
      expect(failureOf(() => open.seal('body', value))).toEqual(
        refused(
          'ENVELOPE_REFUSED',
          'The value at "body" looks like an envelope but is not one of this document\'s own: no value may have a property named "_enc"',
        ),
      );
    }
  });

  it('refuses plaintext in strict mode, and counts it in mode "migrate"', async () => {
    const [open, made] = await opened();
    expect(failureOf(() => open.open('body', 'text'))).toEqual(
      refused(
        'PLAINTEXT_REFUSED',
        'The declared field "body" holds plaintext, and mode "strict" refuses it: backfill the collection, or read in mode "migrate" until that is done',
      ),
    );
    for (const options of [{ mode: 'migrate' as const }, { enabled: false }]) {
      const other = setup({ beside: made, ...options });
      const passing = await other.encryptor.openDocument(note, KEY);
      expect(passing.open('body', 'text')).toBe('text');
      expect(passing.open('tags[]', null)).toBeNull();
      expect(other.encryptor.plaintextReads).toBe(2);
      expect(passing.open('body', open.seal('body', 'sealed'))).toBe('sealed');
      expect(other.encryptor.plaintextReads).toBe(2);
    }
  });

  it('gives values back as they are with enabled: false, once they can be sealed', async () => {
    const [open, { store }] = await opened(setup({ enabled: false }));
    expect(open.seal('body', 'text')).toBe('text');
    expect(failureOf(() => open.seal('body', NaN)).name).toBe('TypeError');
    expect(store.calls['create']).toBeUndefined();
  });
});

describe('the time that a document may stay open', () => {
  it('is the fence TTL for sealing, counted from when its row was read', async () => {
    const [open, { clock }] = await opened();
    clock.advance(FENCE_TTL_MS - 1);
    const body = open.seal('body', 'text');
    clock.advance(1);
    expect(failureOf(() => open.seal('body', 'text'))).toEqual(stale());
    expect(open.open('body', body)).toBe('text');
  });

  it('counts for sealing from an earlier read, if that is what it goes by', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    made.clock.advance(FENCE_TTL_MS - 10);
    const open = await made.encryptor.openDocument(note, KEY);
    made.clock.advance(9);
    expect(open.seal('body', 'text')).toMatchObject({ _enc: 1 });
    made.clock.advance(1);
    expect(failureOf(() => open.seal('body', 'text'))).toEqual(stale());
  });

  it('is the cache TTL for opening, counted from the unwrap', async () => {
    const [open, { clock, dekCache }] = await opened();
    const body = open.seal('body', 'text');
    clock.advance(dekCache.ttlMs - 1);
    expect(open.open('body', body)).toBe('text');
    clock.advance(1);
    expect(thrownBy(() => open.open('body', body))).toMatchObject({ ...stale(), retryable: false });
  });

  it('is the cache TTL for sealing too where that is shorter', async () => {
    const [open, { clock }] = await opened(setup({ cache: { ttlMs: 500 } }));
    clock.advance(499);
    open.seal('body', 'text');
    clock.advance(1);
    expect(failureOf(() => open.seal('body', 'text'))).toEqual(stale());
  });

  it('ends when the wall clock jumps ahead, and when it goes back', async () => {
    const [ahead, first] = await opened();
    first.clock.advanceWall(FENCE_TTL_MS);
    expect(failureOf(() => ahead.seal('body', 'text'))).toEqual(stale());
    const [back, second] = await opened();
    const body = back.seal('body', 'text');
    second.clock.setBack(1);
    expect(failureOf(() => back.seal('body', 'text'))).toEqual(stale());
    expect(failureOf(() => back.open('body', body))).toEqual(stale());
  });

  it('begins anew when it is opened again', async () => {
    const [, made] = await opened();
    made.clock.advance(FENCE_TTL_MS);
    const again = await made.encryptor.openDocument(note, KEY);
    expect(again.seal('body', 'text')).toMatchObject({ _enc: 1, dekId: `${SCOPE}.1` });
  });
});

describe('a document without a DEK', () => {
  it('is opened without making one, and says what to do to seal', async () => {
    const { encryptor, memory, store } = setup();
    const before = await contentsOf(memory);
    const open = await encryptor.openDocument(note, KEY);
    expect(failureOf(() => open.seal('body', 'text'))).toEqual(
      refused(
        'DEK_NOT_FOUND',
        `Scope ${SCOPE} has no active DEK: open the document with "createDek: true" to seal its first field`,
      ),
    );
    expect(await contentsOf(memory)).toEqual(before);
    expect(store.calls['create']).toBeUndefined();
    expect(store.calls['createRotation']).toBeUndefined();
  });

  it('gets one with createDek: true, and the same one the next time', async () => {
    const [first, made] = await opened();
    const [second] = await opened(made);
    const [third] = await opened(setup({ beside: made }));
    const deks = [first, second, third].map((open) => open.seal('body', 'text').dekId);
    expect(deks).toEqual([`${SCOPE}.1`, `${SCOPE}.1`, `${SCOPE}.1`]);
    expect(await made.memory.count({ product: PRODUCT })).toBe(1);
  });

  it('that another process gives one can be read as soon as it is opened again', async () => {
    const reader = setup();
    await encryptAny(reader.encryptor, { ...KEY, id: 'another', body: 'text' });
    const early = await reader.encryptor.openDocument(note, KEY);
    const writer = setup({ beside: reader });
    const body = await sealed(writer.encryptor, 'text');
    expect(failureOf(() => early.open('body', body))).toEqual(
      refused(
        'DEK_NOT_FOUND',
        `DEK ${body.dekId} was not among the document's live DEKs when it was opened: open it again`,
      ),
    );
    const again = await reader.encryptor.openDocument(note, KEY);
    expect(again.open('body', body)).toBe('text');
  });
});

describe('a document of several generations', () => {
  /** Generation 1 retired, generation 2 active, generation 3 shredded. */
  async function generations(): Promise<readonly [Setup, first: Envelope, second: Envelope]> {
    const made = setup();
    const first = await sealed(made.encryptor, 'first');
    const item = await made.memory.get(first.dekId);
    const retired = {
      ...(item?.value as object),
      state: 'retired',
      retiredAt: '2026-11-23T11:00:00.000Z',
    };
    await made.memory.replace(retired as never, item?.etag as string);
    const second = await sealed(setup({ beside: made }).encryptor, 'second');
    return [setup({ beside: made }), first, second];
  }

  it('opens all that live, and seals with the highest active one', async () => {
    const [made, first, second] = await generations();
    expect([first.dekId, second.dekId]).toEqual([`${SCOPE}.1`, `${SCOPE}.2`]);
    const open = await made.encryptor.openDocument(note, KEY);
    expect(open.open('body', first)).toBe('first');
    expect(open.open('body', second)).toBe('second');
    expect(open.seal('body', 'third').dekId).toBe(second.dekId);
    expect((await sealed(made.encryptor, 'fourth')).dekId).toBe(second.dekId);
    expect(made.provider.calls).toEqual({ unwrapKey: 2 });
  });

  it('is sealed with the highest of two that are active, as while it is re-encrypted', async () => {
    const made = setup();
    await sealed(made.encryptor, 'first');
    const parts = ['notes', KEY.workspaceId, KEY.id];
    const wrapping = { keyProvider: made.keyProvider, mekVersion: MEK_VERSION };
    const row = await activeRow({ parts, generation: 2, dek: Buffer.alloc(32, 2), ...wrapping });
    await made.memory.create(row);
    const process = setup({ beside: made });
    expect((await sealed(process.encryptor, 'second')).dekId).toBe(`${SCOPE}.2`);
    const open = await process.encryptor.openDocument(note, KEY);
    expect(open.seal('body', 'third').dekId).toBe(`${SCOPE}.2`);
  });

  it('is never sealed under a retired one alone: the next is made', async () => {
    const [made, first] = await generations();
    await made.encryptor.openDocument(note, KEY);
    const item = await made.memory.get(`${SCOPE}.2`);
    const retired = {
      ...(item?.value as object),
      state: 'retired',
      retiredAt: '2026-11-23T11:00:00.000Z',
    };
    await made.memory.replace(retired as never, item?.etag as string);
    const process = setup({ beside: made });
    const readOnly = await process.encryptor.openDocument(note, KEY);
    expect(failureOf(() => readOnly.seal('body', 'text')).code).toBe('DEK_NOT_FOUND');
    expect(readOnly.open('body', first)).toBe('first');
    const open = await process.encryptor.openDocument(note, KEY, { createDek: true });
    expect(open.seal('body', 'text').dekId).toBe(`${SCOPE}.3`);
    expect(open.open('body', first)).toBe('first');
  });

  it('mixes them in one document, and decrypts all', async () => {
    const [made, first, second] = await generations();
    const mixed = { ...KEY, body: first, tags: ['x'] };
    const stored = await encryptAny(made.encryptor, mixed);
    expect(stored['body']).toEqual(first);
    expect((stored['tags'] as Envelope[])[0]?.dekId).toBe(second.dekId);
    expect(await decryptAny(made.encryptor, stored)).toEqual({
      ...KEY,
      body: 'first',
      tags: ['x'],
    });
  });

  it('does not open a shredded one', async () => {
    const [made, first, second] = await generations();
    const item = await made.memory.get(first.dekId);
    const { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion, commitment, ...rest } =
      item?.value as Record<string, unknown>;
    expect([wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion, commitment]).not.toContain(
      undefined,
    );
    delete rest['retiredAt'];
    const tombstone = { ...rest, state: 'shredded', shreddedAt: '2026-11-23T12:00:00.000Z' };
    await made.memory.replace(tombstone as never, item?.etag as string);
    const process = setup({ beside: made });
    const open = await process.encryptor.openDocument(note, KEY);
    expect(open.open('body', second)).toBe('second');
    expect(failureOf(() => open.open('body', first)).code).toBe('DEK_NOT_FOUND');
    expect(await failure(decryptAny(process.encryptor, { ...KEY, body: first }))).toEqual(
      refused(
        'DEK_SHREDDED',
        `DEK ${first.dekId} was shredded at 2026-11-23T12:00:00.000Z: the data that it sealed cannot be read any more`,
      ),
    );
  });
});
