import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  sealed,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { failure, failureOf, refused, rejection, type Failure } from '../support/failure.js';
import { sealedJson } from '../support/sealed-json.js';

const made = setup();
const { encryptor, memory } = made;
const own = await sealed(encryptor, 'text');
const foreign = envelopeAt(await encryptAny(encryptor, { ...KEY, id: 'other', body: 'x' }), 'body');

function inside(path: string, place: string): Failure {
  return refused(
    'ENVELOPE_REFUSED',
    `The value at "${path}" has an object inside it that looks like an envelope, at "${place}" (* is any property): no value may have a property named "_enc" at any depth`,
  );
}

function hidden(properties: object): object {
  const value = {};
  for (const [name, each] of Object.entries(properties)) {
    Object.defineProperty(value, name, { value: each });
  }
  return value;
}

/** Says of itself that it has no such property, and returns it anyway. */
function denying(properties: object): object {
  return new Proxy(properties, {
    getOwnPropertyDescriptor: (target, name) => {
      const isAsked = new Error().stack?.includes('looksLikeEnvelope') === true;
      return isAsked ? undefined : Object.getOwnPropertyDescriptor(target, name);
    },
  });
}

const lookAlikes: readonly [name: string, value: object][] = [
  ["an envelope of the document's own", own],
  ["another document's envelope", foreign],
  ['a malformed one', { _enc: 1, dekId: own.dekId }],
  ['any property "_enc"', { _enc: 'yes', secret: 1 }],
  ['one that is undefined', { _enc: undefined }],
  ['one that is not enumerable', hidden({ _enc: 1 })],
  ['one of an array', Object.assign([], { _enc: 1 })],
  ['one from a getter', Object.defineProperty({}, '_enc', { get: () => 1, enumerable: true })],
  ['one without a prototype', Object.assign(Object.create(null) as object, { _enc: 1 })],
  ['one that a proxy denies', denying({ _enc: 1 })],
];

const places: readonly [path: string, inner: string, fields: (value: unknown) => Loose][] = [
  ['body', 'body.*', (value) => ({ body: { secret: value } })],
  ['body', 'body[1]', (value) => ({ body: ['x', value] })],
  ['body', 'body.*[2].*.*', (value) => ({ body: { a: [1, 2, { b: { c: value } }, 3] } })],
  ['tags[]', 'tags[].*', (value) => ({ tags: ['x', { secret: value }] })],
  ['meta.location', 'meta.location[0]', (value) => ({ meta: { location: [value] } })],
  ['sections[].title', 'sections[].title.*', (value) => ({ sections: [{ title: { v: value } }] })],
  ['sections[].lines[]', 'sections[].lines[].*', (v) => ({ sections: [{ lines: [{ v }] }] })],
];

describe.each(lookAlikes)('%s inside a value', (_name, lookAlike) => {
  it.each(places)(
    'is refused at %s, as %s, and nothing is written',
    async (path, place, fields) => {
      const before = await contentsOf(memory);
      for (const options of [{}, { mode: 'migrate' as const }, { enabled: false }]) {
        const fresh = setup({ beside: made, ...options });
        const document = { ...KEY, title: 'sound', ...fields(lookAlike) };
        const error = await rejection(encryptAny(fresh.encryptor, document));
        expect(await failure(Promise.reject(error as Error))).toEqual(inside(path, place));
        expect(error).toMatchObject({ path });
        expect(fresh.store.calls).toEqual({});
      }
      expect(await contentsOf(memory)).toEqual(before);
    },
  );

  it('is refused by every other way to seal', async () => {
    const refusal = inside('body', 'body.*[0]');
    const body = { list: [lookAlike] };
    expect(await failure(encryptor.beginWrite(note, { ...KEY, body }))).toEqual(refusal);
    const store = new MemoryDocumentStore<Loose>({ key: note.key });
    const update = (): Promise<unknown> =>
      encryptor.updateDocument(note, store as never, KEY, () => ({ ...KEY, body }));
    expect(await failure(update())).toEqual(refusal);
    await store.create({ ...KEY, title: 'stored' });
    expect(await failure(update())).toEqual(refusal);
    expect((await store.get(KEY))?.document).toEqual({ ...KEY, title: 'stored' });
    for (const enabled of [true, false]) {
      const open = await setup({ beside: made, enabled }).encryptor.openDocument(note, KEY);
      expect(failureOf(() => open.seal('body', body))).toEqual(refusal);
    }
  });
});

describe('an inherited "_enc"', () => {
  it('is no property of the value, and is not stored', async () => {
    const heir = Object.create(Object.assign(Object.create(null) as object, { _enc: 1 })) as Loose;
    heir['kept'] = 1;
    const stored = await encryptAny(encryptor, { ...KEY, body: { heir } });
    expect(await decryptAny(encryptor, stored)).toEqual({ ...KEY, body: { heir: { kept: 1 } } });
  });
});

function undeclared(place: string): Failure {
  const what = place === '' ? 'The document itself' : `The value at "${place}"`;
  return refused(
    'ENVELOPE_REFUSED',
    `${what} looks like an envelope of this document, and the definition declares no field there: remove it; where an earlier definition sealed it, add its path to "former"`,
  );
}

const beside: readonly [place: string, fields: (value: Loose) => Loose][] = [
  ['history[1].body', (value) => ({ history: [{ body: 'old' }, { body: value }] })],
  ['copy', (value) => ({ copy: value })],
  ['meta.kept', (value) => ({ meta: { location: 'x', kept: value } })],
  ['sections[1].page[0]', (value) => ({ sections: [null, { title: 'x', page: [value] }] })],
  ['__proto__.inner', (value) => ({ ['__proto__']: { inner: value } })],
  ['kept.versions[0]', (value) => ({ kept: new Versions([value]) })],
  ['outer.inner', (value) => ({ outer: { _enc: 2, inner: value } })],
  ['', (value) => value],
];

class Versions {
  readonly versions: readonly unknown[];
  constructor(versions: readonly unknown[]) {
    this.versions = versions;
  }
}

describe("an envelope of the document's own beside its declared fields", () => {
  const forms: readonly [name: string, value: Loose][] = [
    ['sound', { ...own }],
    ['of a generation that was never made', { ...own, dekId: `${own.dekId.slice(0, 32)}.77` }],
    ['that names only its DEK', { _enc: 1, dekId: own.dekId }],
    ['malformed', { _enc: 'x', dekId: own.dekId, more: 1 }],
  ];

  describe.each(forms)('%s', (_name, form) => {
    it.each(beside)('is refused at "%s", and nothing is written', async (place, fields) => {
      const before = await contentsOf(memory);
      for (const options of [{}, { mode: 'migrate' as const }, { enabled: false }]) {
        const fresh = setup({ beside: made, ...options });
        const document = { ...KEY, body: 'text', ...fields(form) };
        const error = await rejection(encryptAny(fresh.encryptor, document));
        expect(await failure(Promise.reject(error as Error))).toEqual(undeclared(place));
        expect(error).toMatchObject({ path: place, dekId: form['dekId'] });
        expect(fresh.store.calls).toEqual({});
      }
      expect(await contentsOf(memory)).toEqual(before);
    });
  });

  it('is refused when it is the very object that is at a declared path', async () => {
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text', tags: ['a'] });
    const { body, tags } = stored;
    const document = { ...stored, history: [{ body }] };
    expect(await failure(encryptAny(encryptor, document))).toEqual(undeclared('history[0].body'));
    expect(await failure(encryptAny(encryptor, { ...stored, old: tags }))).toEqual(
      undeclared('old[0]'),
    );
  });

  it('is refused by every other way to write', async () => {
    const document = { ...KEY, body: 'text', copy: own };
    const refusal = undeclared('copy');
    expect(await failure(encryptor.beginWrite(note, document))).toEqual(refusal);
    const store = new MemoryDocumentStore<Loose>({ key: note.key });
    const update = (): Promise<unknown> =>
      encryptor.updateDocument(note, store as never, KEY, () => document);
    expect(await failure(update())).toEqual(refusal);
    await store.create(await encryptAny(encryptor, { ...KEY, body: 'stored' }));
    expect(await failure(update())).toEqual(refusal);
    const write = await encryptor.beginWrite(note, { ...KEY, body: 'text' });
    const planted = { ...write.document, copy: own };
    expect(await failure(write.sealAgain(planted))).toEqual(refusal);
  });

  it('is found however deep it is, and in however large a document', async () => {
    let deep: unknown = own;
    for (let level = 0; level < 50_000; level += 1) deep = { deep };
    const wide = Array.from({ length: 100_000 }, (_each, index) => ({ index, tags: ['x'] }));
    const document = { ...KEY, body: 'text', wide, deep };
    expect(await rejection(encryptAny(encryptor, document))).toMatchObject({
      code: 'ENVELOPE_REFUSED',
      dekId: own.dekId,
    });
  });
});

describe('beside the declared fields', () => {
  it('look-alikes that are not of the document are data', async () => {
    const document: Loose = {
      ...KEY,
      body: 'text',
      quoted: [foreign],
      meta: { mood: { _enc: 1 } },
      odd: { _enc: 1, dekId: 7 },
      other: { _enc: 1, dekId: 'x' },
    };
    const stored = await encryptAny(encryptor, document);
    expect(await decryptAny(encryptor, stored)).toEqual(document);
  });

  it('what goes round in circles is left to the store', async () => {
    const loop: Loose = {};
    loop['self'] = [loop];
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text', loop });
    expect(stored['loop']).toBe(loop);
  });
});

describe('a value that was sealed with "_enc" inside', () => {
  const text = '{ "list" : [{"_enc": 1}], "\\u0061": 1e0 }';

  it('opens, and stays as it is beside a change', async () => {
    const [mine, stored] = await sealedEarlier(text);
    const value = { list: [{ _enc: 1 }], a: 1 };
    expect((await decryptAny(mine.encryptor, stored))['body']).toEqual(value);
    const changed = await encryptAny(mine.encryptor, { ...stored, title: 'new' });
    expect(changed['body']).toEqual(stored['body']);
    expect(await decryptAny(mine.encryptor, changed)).toEqual({
      ...KEY,
      title: 'new',
      body: value,
    });
  });

  it('can be sealed anew, for a document that is not stored yet', async () => {
    const [mine, stored] = await sealedEarlier(text);
    const store = new MemoryDocumentStore<Loose>({ key: note.key });
    await mine.encryptor.updateDocument(note, store as never, KEY, () => stored as never);
    const written = (await store.get(KEY))?.document;
    expect(written?.['body']).not.toEqual(stored['body']);
    expect((await decryptAny(mine.encryptor, written))['body']).toEqual({
      list: [{ _enc: 1 }],
      a: 1,
    });
    expect(envelopeAt(written as Loose, 'body').ct).toHaveLength(
      envelopeAt(stored, 'body').ct.length,
    );
  });

  it("is refused then if it holds an envelope of the document's own", async () => {
    const inner = await sealed(setup().encryptor, 'inner');
    const [mine, stored] = await sealedEarlier(JSON.stringify({ deep: [inner] }));
    const reader = setup({ beside: mine, mode: 'migrate' });
    expect((await decryptAny(reader.encryptor, stored))['body']).toEqual({ deep: [inner] });
    const store = new MemoryDocumentStore<Loose>({ key: note.key });
    const update = mine.encryptor.updateDocument(note, store as never, KEY, () => stored as never);
    expect(await failure(update)).toEqual(
      refused(
        'DEFINITION_MISMATCH',
        `The value that is sealed at "body" holds an envelope of this document under DEK ${inner.dekId}, from another definition: open both in mode "migrate", the inner one with the definition that sealed it, and write the plain value`,
      ),
    );
    expect(await store.count()).toBe(0);
  });
});

/** A document whose body has this JSON text, as an earlier version may have sealed it. */
async function sealedEarlier(text: string): Promise<readonly [Setup, Loose & { body: Envelope }]> {
  const mine = setup();
  return [mine, { ...KEY, body: await sealedJson(mine, text) }];
}
