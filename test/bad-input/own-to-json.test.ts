import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  looseDefinition,
  note,
  setup,
  type Loose,
} from '../support/encryptor.js';
import { failure, type Failure } from '../support/failure.js';

const made = setup();
const { encryptor, memory } = made;
const PLAIN: Loose = { ...KEY, body: 'secret' };
const stored = await encryptAny(encryptor, PLAIN);

function refusal(path?: string): Failure {
  const whose = path === undefined ? 'The document' : `The value at "${path}"`;
  return {
    name: 'TypeError',
    message: `${whose} has a function "toJSON", which would decide what is stored: pass the plain object that it returns`,
  };
}

const toJSON = (): unknown => PLAIN;

/** Answers with a function when it is asked again. */
function changing(properties: object): object {
  let asked = 0;
  const get = (): unknown => (asked++ % 2 === 0 ? 'text' : toJSON);
  return Object.defineProperty({ ...properties }, 'toJSON', { enumerable: true, get });
}

const bare = Object.assign(Object.create(null) as object, { toJSON });

const forms: readonly [name: string, form: (properties: Loose) => object][] = [
  ['of its own', (properties) => ({ ...properties, toJSON })],
  ['of its own, hidden', (each) => Object.defineProperty({ ...each }, 'toJSON', { value: toJSON })],
  ['inherited', (properties) => Object.assign(Object.create(bare) as object, properties)],
  ['of a getter that answers twice', changing],
];

describe.each(forms)('a function "toJSON" %s', (_name, form) => {
  it('is refused on a document, by every way to write', async () => {
    const before = await contentsOf(memory);
    for (const options of [{}, { mode: 'migrate' as const }, { enabled: false }]) {
      const fresh = setup({ beside: made, ...options });
      expect(await failure(encryptAny(fresh.encryptor, form(PLAIN)))).toEqual(refusal());
      expect(await failure(fresh.encryptor.beginWrite(note, form(PLAIN) as never))).toEqual(
        refusal(),
      );
      expect(fresh.store.calls).toEqual({});
    }
    const store = new MemoryDocumentStore<Loose>({ key: note.key });
    const update = (): Promise<unknown> =>
      encryptor.updateDocument(note, store as never, KEY, () => form(PLAIN) as never);
    expect(await failure(update())).toEqual(refusal());
    await store.create(stored);
    expect(await failure(update())).toEqual(refusal());
    const write = await encryptor.beginWrite(note, PLAIN as never);
    expect(await failure(write.sealAgain(form({ ...write.document })))).toEqual(refusal());
    expect(await contentsOf(memory)).toEqual(before);
  });

  it.each([
    ['meta', (): Loose => ({ meta: form({ location: 'x' }) })],
    ['sections[]', (): Loose => ({ sections: [{ title: 'x' }, form({ title: 'y' })] })],
  ])('is refused on the container %s', async (path, fields) => {
    const fresh = setup({ beside: made });
    const document = { ...KEY, ...fields() };
    expect(await failure(encryptAny(fresh.encryptor, document))).toEqual(refusal(path));
    expect(fresh.store.calls).toEqual({});
  });
});

describe('a function "toJSON"', () => {
  it('is refused on a declared list', async () => {
    class Tags extends Array<unknown> {
      toJSON(): unknown {
        return ['secret'];
      }
    }
    for (const tags of [Tags.of('a'), Object.assign(['a'], { toJSON })]) {
      expect(await failure(encryptAny(encryptor, { ...KEY, tags }))).toEqual(refusal('tags[]'));
    }
  });

  it('does not keep a stored document from being read', async () => {
    const read = await decryptAny(encryptor, { ...stored, toJSON });
    expect(read).toEqual({ ...PLAIN, toJSON });
  });

  it('that was put on the prototype of all objects or arrays changes nothing', async () => {
    for (const prototype of [Object.prototype, Array.prototype] as object[]) {
      onTestFinished(() => void Reflect.deleteProperty(prototype, 'toJSON'));
      Object.defineProperty(prototype, 'toJSON', { value: () => 'other', configurable: true });
      const document = { ...PLAIN, tags: ['a'], meta: { location: 'x' } };
      const written = await encryptAny(encryptor, document);
      Reflect.deleteProperty(prototype, 'toJSON');
      expect(await decryptAny(encryptor, written)).toEqual(document);
    }
  });

  it('beside the declared fields is left to the store: dates have one', async () => {
    const document = { ...PLAIN, at: new Date(0), other: { toJSON: () => 'mine' } };
    const written = await encryptAny(encryptor, document);
    expect(JSON.parse(JSON.stringify(written))).toMatchObject({
      at: '1970-01-01T00:00:00.000Z',
      other: 'mine',
      body: { _enc: 1 },
    });
  });
});

describe('a property "toJSON" that is no function', () => {
  it('is a property like any other', async () => {
    const definition = looseDefinition('notes', ['workspaceId', 'id'], ['toJSON', 'meta.toJSON']);
    const document = { ...KEY, toJSON: 'text', meta: { toJSON: { a: 1 }, other: 2 } };
    const written = await encryptAny(encryptor, document, definition);
    expect(written).toMatchObject({ toJSON: { _enc: 1 }, meta: { toJSON: { _enc: 1 } } });
    expect(await decryptAny(encryptor, written, definition)).toEqual(document);
    expect(await encryptAny(encryptor, { ...KEY, toJSON: null })).toEqual({ ...KEY, toJSON: null });
  });
});
