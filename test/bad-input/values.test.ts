import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  freezeDeep,
  KEY,
  note,
  setup,
  type Loose,
} from '../support/encryptor.js';
import { failure, failureOf } from '../support/failure.js';

const made = setup();
const { encryptor } = made;

async function roundTrip(body: unknown): Promise<unknown> {
  const stored = await encryptAny(encryptor, { ...KEY, body });
  return (await decryptAny(encryptor, JSON.parse(JSON.stringify(stored))))['body'];
}

class Point {
  readonly x = 1;
}

const cycle: Loose = {};
cycle['self'] = { again: [cycle] };

const twice = { shared: 1 };

const NOT_FINITE = 'a number that is not finite';

class Odd {
  readonly x = 1;
}

type Unstorable = readonly [name: string, value: unknown, what: string, inside?: string];

const unstorable: readonly Unstorable[] = [
  ['NaN', NaN, NOT_FINITE],
  ['Infinity', Infinity, NOT_FINITE],
  ['-Infinity', -Infinity, NOT_FINITE],
  ['a bigint', 1n, 'a bigint'],
  ['a symbol', Symbol('secret'), 'a symbol'],
  ['a function', () => 'secret', 'a function'],
  ['a class', Point, 'a function'],
  ['a class instance', new Point(), 'an instance of Point'],
  ['a Date', new Date(0), 'an instance of Date'],
  ['a Map', new Map([['secret', 1]]), 'an instance of Map'],
  ['a Set', new Set(['secret']), 'an instance of Set'],
  ['a RegExp', /secret/, 'an instance of RegExp'],
  ['an Error', new Error('secret'), 'an instance of Error'],
  ['a Promise', Promise.resolve('secret'), 'an instance of Promise'],
  ['a boxed string', Object('secret'), 'an instance of String'],
  ['an ArrayBuffer', new ArrayBuffer(4), 'an instance of ArrayBuffer'],
  ['a DataView', new DataView(new ArrayBuffer(4)), 'an instance of DataView'],
  ['a Uint16Array', new Uint16Array(2), 'an instance of Uint16Array'],
  ['a Uint8ClampedArray', new Uint8ClampedArray(2), 'an instance of Uint8ClampedArray'],
  [
    'an instance whose own "constructor" is data',
    Object.assign(new Odd(), { constructor: { name: 'secret' } }),
    'an instance of Odd',
  ],
  ['an object that inherits from a plain one', Object.create({ secret: 1 }), 'a class instance'],
  ['one that inherits data', Object.create({ constructor: 'secret' }), 'a class instance'],
  [
    'an instance of a class without a name',
    new (class {
      x = 1;
    })(),
    'a class instance',
  ],
  [
    'one of a class with an odd name',
    new {
      'a secret': class {
        x = 1;
      },
    }['a secret'](),
    'a class instance',
  ],
  ['a cycle', cycle, 'a cycle', '.self.again[0]'],
];

const onlyDeeper: readonly Unstorable[] = [
  ['undefined in an array', [undefined], 'undefined', '[0]'],
  ['a hole in an array', new Array<unknown>(2), 'undefined', '[0]'],
  ['bytes in an object', { bytes: new Uint8Array(2) }, 'an instance of Uint8Array', '.bytes'],
  ['a Date after other elements', [[], { a: [1] }, new Date(0)], 'an instance of Date', '[2]'],
  ['a bigint after other properties', { a: { b: 1 }, count: 1n }, 'a bigint', '.count'],
  ['a function named toJSON', { toJSON: () => 'other' }, 'a function', '.toJSON'],
  ['a property with a symbol for a name', { [Symbol('secret')]: 1 }, 'a symbol'],
];

const unseen = ['secret@example.com', '7c9e6679-7425', 'a secret', 'naïve', '', 'x'.repeat(65)];

const refused = [...unstorable, ...onlyDeeper].map(
  ([name, value, what, inside = '']) => [name, value, what, inside] as const,
);

describe.each(refused)('%s', (_name, value, what, inside) => {
  const places: readonly [place: string, fields: (value: unknown) => Loose][] = [
    ['body', (each) => ({ body: each })],
    ['body.deep[0].er', (each) => ({ body: { deep: [{ er: each }] } })],
    ['tags[1]', (each) => ({ tags: ['sound', each] })],
    ['meta.location', (each) => ({ meta: { location: each } })],
    ['sections[1].title', (each) => ({ sections: [{ title: 'sound' }, { title: each }] })],
    ['sections[2].lines[1]', (each) => ({ sections: [{}, null, { lines: ['sound', each] }] })],
  ];

  it.each(places)('is refused at %s, and nothing is read or written', async (place, fields) => {
    const fresh = setup();
    const before = await contentsOf(fresh.memory);
    expect(
      await failure(encryptAny(fresh.encryptor, { ...KEY, title: 'sound', ...fields(value) })),
    ).toEqual({
      name: 'TypeError',
      message: `The value at "${place}${inside}" cannot be encrypted: JSON cannot hold ${what}`,
    });
    expect(await contentsOf(fresh.memory)).toEqual(before);
    expect(fresh.store.calls).toEqual({});
    expect(fresh.provider.calls).toEqual({});
  });

  it('is refused with enabled: false too, so that switching it on breaks nothing', async () => {
    const off = setup({ enabled: false });
    expect(await failure(encryptAny(off.encryptor, { ...KEY, body: value }))).toEqual({
      name: 'TypeError',
      message: `The value at "body${inside}" cannot be encrypted: JSON cannot hold ${what}`,
    });
  });
});

describe('the place of a refused value', () => {
  it.each(unseen)('does not show the name %j, which may be data', async (name) => {
    const body = { byName: { [name]: [{ when: new Date(0) }] } };
    expect(await failure(encryptAny(encryptor, { ...KEY, body }))).toEqual({
      name: 'TypeError',
      message:
        'The value at "body.byName.*[0].when" (* is a property) cannot be encrypted: JSON cannot hold an instance of Date',
    });
  });

  it('shows twenty steps', async () => {
    const deeper = (levels: number): unknown => (levels > 0 ? { a: deeper(levels - 1) } : 1n);
    const refusalOf = async (levels: number): Promise<unknown> =>
      (await failure(encryptAny(encryptor, { ...KEY, body: deeper(levels) }))).message;
    const message = (steps: string): string =>
      `The value at "body${steps}" cannot be encrypted: JSON cannot hold a bigint`;
    expect(await refusalOf(20)).toBe(message('.a'.repeat(20)));
    expect(await refusalOf(21)).toBe(message(`${'.a'.repeat(20)}…`));
  });

  it('is the declared path for a synchronous seal, which knows no index', async () => {
    const open = await encryptor.openDocument(note, KEY, { createDek: true });
    expect(failureOf(() => open.seal('tags[]', { when: new Date(0) }))).toEqual({
      name: 'TypeError',
      message:
        'The value at "tags[].when" cannot be encrypted: JSON cannot hold an instance of Date',
    });
  });
});

describe('undefined', () => {
  it('stays absent at a declared path and below it', async () => {
    const document = {
      ...KEY,
      title: undefined,
      meta: { location: undefined },
      sections: [{ title: undefined, lines: undefined }],
      body: { kept: 1, dropped: undefined },
    };
    const stored = await encryptAny(encryptor, document);
    const { body, ...rest } = document;
    expect(stored).toMatchObject(rest);
    expect(await decryptAny(encryptor, stored)).toStrictEqual({
      ...document,
      body: { kept: body.kept },
    });
  });

  it('is refused as an element of a declared array, which JSON would make null', async () => {
    for (const [index, tags] of [[undefined], ['a', , 'b']].entries()) {
      expect(await failure(encryptAny(encryptor, { ...KEY, tags }))).toEqual({
        name: 'TypeError',
        message: `The value at "tags[${String(index)}]" cannot be encrypted: JSON cannot hold undefined`,
      });
    }
  });

  it('is refused by a synchronous seal', async () => {
    const open = await encryptor.openDocument(note, KEY, { createDek: true });
    expect(failureOf(() => open.seal('body', undefined))).toEqual({
      name: 'TypeError',
      message: 'The value at "body" cannot be encrypted: JSON cannot hold undefined',
    });
  });
});

describe('a value that JSON can hold', () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 'core';
    for (let level = 0; level < levels; level += 1) value = level % 2 ? [value] : { value };
    return value;
  };

  const kept: readonly [string, unknown][] = [
    ['null', null],
    ['an empty string', ''],
    ['U+0000', 'a\u0000b'],
    ['emoji of 4 bytes', '🔑👩‍💻'],
    ['decomposed letters', 'cafe\u0301'],
    ['a byte order mark', '\ufefftext'],
    ['line separators', '\u2028\u2029'],
    ['2^53 + 2', 2 ** 53 + 2],
    ['the largest number', Number.MAX_VALUE],
    ['the smallest number', Number.MIN_VALUE],
    ['a text that was cut in the middle of an emoji', 'Great day 😀'.slice(0, 11)],
    ['a lone low surrogate', '\udc00x'],
    ['a pair the wrong way round', '\ude00\ud83d'],
    ['lone surrogates between whole pairs', '\ud83d😀\udc00😀\ud83d'],
    ['lone surrogates inside', { list: ['\ud83d', { deep: 'x\udfff' }] }],
    ['lone surrogates in names', { '\ud83d': 1, '\ud83d\udc00\udc00': { '\udc00': '\ud83d' } }],
    ['the escape of a surrogate', '\\ud83d'],
    ['odd names', { 'a.b': 1, 'a/b': 2, '~0': 3, 'x[0]': 4, '': 5, $ref: 6, length: 7 }],
    ['names of the prototype', { constructor: 1, toString: 2, hasOwnProperty: 3, toJSON: 4 }],
    ['100 levels', nested(100)],
    ['500 levels', nested(500)],
    ['10 000 elements', Array.from({ length: 10_000 }, (_each, index) => index)],
    ['2 MB', 'm'.repeat(2 * 1024 * 1024)],
    ['a frozen object', freezeDeep({ list: [{ a: 1 }] })],
    ['one object twice', [twice, { twice }]],
  ];

  it.each(kept)('comes back as it was: %s', async (_name, value) => {
    expect(await roundTrip(value)).toStrictEqual(value);
  });

  it('comes back as JSON has it: -0 is 0, and an integer past 2^53 is the nearest double', async () => {
    expect(await roundTrip(-0)).toBe(0);
    expect(await roundTrip([-0, { a: -0 }])).toStrictEqual([0, { a: 0 }]);
    expect(await roundTrip(Number('9007199254740993'))).toBe(9007199254740992);
  });

  it('comes back with an own property "__proto__", and pollutes nothing', async () => {
    const body = JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":1}}') as object;
    const opened = (await roundTrip(body)) as object;
    expect(JSON.stringify(opened)).toBe(JSON.stringify(body));
    expect(Object.getPrototypeOf(opened)).toBe(Object.prototype);
    expect(({} as Loose)['polluted']).toBeUndefined();
  });

  it('comes back as an ordinary one when it was made in another realm', async () => {
    const body = runInNewContext('({ list: [1, { a: null }] })') as unknown;
    expect(await roundTrip(body)).toStrictEqual({ list: [1, { a: null }] });
    const bytes = runInNewContext('Uint8Array.of(1, 2)') as unknown;
    expect(await roundTrip(bytes)).toStrictEqual(Uint8Array.of(1, 2));
  });

  it('comes back with an ordinary prototype when it had none', async () => {
    const body = Object.assign(Object.create(null) as Loose, { a: 1 });
    expect(await roundTrip(body)).toStrictEqual({ a: 1 });
  });

  it('is refused at 501 levels', async () => {
    expect(await failure(encryptAny(encryptor, { ...KEY, body: nested(501) }))).toEqual({
      name: 'TypeError',
      message: `The value at "body${'.value[0]'.repeat(10)}…" cannot be encrypted: JSON cannot hold more than 500 levels`,
    });
    expect(await failure(encryptAny(encryptor, { ...KEY, body: nested(100_000) }))).toMatchObject({
      name: 'TypeError',
    });
  });

  it('is refused as an array with properties beside its elements, which JSON would drop', async () => {
    const body = Object.assign([1], { note: 'lost' });
    expect(await failure(encryptAny(encryptor, { ...KEY, body }))).toMatchObject({
      name: 'TypeError',
    });
  });

  it('has each of its getters asked once, and what they answered is sealed', async () => {
    let asked = 0;
    const body = {
      get count(): unknown {
        asked += 1;
        return asked === 1 ? 'first' : Symbol('second');
      },
    };
    expect(await roundTrip(body)).toEqual({ count: 'first' });
    expect(asked).toBe(1);
  });

  it('is read through a Proxy once', async () => {
    const answers = [1, undefined, 3];
    const body = new Proxy({ a: 0 }, { get: () => answers.shift() });
    expect(await roundTrip(body)).toEqual({ a: 1 });
  });

  it('is not changed by a toJSON on a prototype', async () => {
    for (const prototype of [Object.prototype, Array.prototype] as object[]) {
      onTestFinished(() => void Reflect.deleteProperty(prototype, 'toJSON'));
      Object.defineProperty(prototype, 'toJSON', { value: () => 'other', configurable: true });
      const stored = await encryptAny(encryptor, {
        ...KEY,
        body: [1, { a: [2] }],
        title: { b: 3 },
      });
      Reflect.deleteProperty(prototype, 'toJSON');
      expect(await decryptAny(encryptor, stored)).toEqual({
        ...KEY,
        body: [1, { a: [2] }],
        title: { b: 3 },
      });
    }
  });
});

describe('bytes', () => {
  const backing = Uint8Array.from({ length: 64 }, (_each, index) => index);

  it.each([
    ['a Uint8Array', backing],
    ['an empty one', new Uint8Array(0)],
    ['a view with an offset', backing.subarray(7, 19)],
    ['a Buffer', Buffer.from(backing)],
    ['a Buffer of the pool', Buffer.from('pooled')],
    ['what is not UTF-8', Uint8Array.of(0xff, 0xfe, 0xc0, 0x80, 0)],
    ['a view of shared memory', new Uint8Array(new SharedArrayBuffer(8)).fill(9)],
  ])('come back as a Uint8Array of their own: %s', async (_name, bytes) => {
    const opened = (await roundTrip(bytes)) as Uint8Array;
    expect(Object.getPrototypeOf(opened)).toBe(Uint8Array.prototype);
    expect([...opened]).toEqual([...bytes]);
    expect(opened.buffer.byteLength).toBe(bytes.length);
  });

  it('are copied before they can change', async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const encrypting = encryptAny(encryptor, { ...KEY, body: bytes });
    bytes.fill(0);
    const opened = await decryptAny(encryptor, await encrypting);
    expect(opened['body']).toEqual(Uint8Array.of(1, 2, 3));
  });
});
