import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Envelope } from '../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  OTHER_MEK_HEX,
  sealed,
  setup,
  type Loose,
} from '../support/encryptor.js';
import { EnvKeyProvider } from '../../src/index.js';
import { failedField, failure, malformedField, refused, rejection } from '../support/failure.js';

const made = setup();
const { encryptor, memory } = made;
let envelope: Envelope;

beforeAll(async () => {
  envelope = await sealed(encryptor, 'hi!');
});

function read(body: unknown): Promise<Loose> {
  return decryptAny(encryptor, { ...KEY, body });
}

const PLAINTEXT = refused(
  'PLAINTEXT_REFUSED',
  'The declared field "body" holds plaintext, and mode "strict" refuses it: backfill the collection, or read in mode "migrate" until that is done',
);

describe('an envelope', () => {
  const wrongVersions = [0, -1, 1.5, '1', 2 ** 53, NaN, Infinity, null, true, undefined, [1], {}];

  it.each(wrongVersions)('with format version %s is malformed', async (_enc) => {
    expect(await failure(read({ ...envelope, _enc }))).toEqual(malformedField('body', '_enc'));
  });

  it.each([2, 3, 2 ** 31, 2 ** 53 - 1])('with format version %i is unsupported', async (_enc) => {
    expect(await failure(read({ ...envelope, _enc }))).toEqual(
      refused(
        'ENVELOPE_UNSUPPORTED',
        `The envelope at "body" has format version ${String(_enc)}: upgrade @bytelyst/field-encrypt to read it`,
      ),
    );
  });

  it.each(['dekId', 'mekVersion', 'ct'])('without %s is malformed', async (name) => {
    const rest = Object.fromEntries(Object.entries(envelope).filter(([each]) => each !== name));
    expect(await failure(read(rest))).toEqual(malformedField('body', 'its properties'));
  });

  it.each(['alg', 'iv', 'constructor', 'toJSON', '_etag', ''])(
    'with the property "%s" besides is malformed',
    async (name) => {
      expect(await failure(read({ ...envelope, [name]: 'x' }))).toEqual(
        malformedField('body', 'its properties'),
      );
    },
  );

  it('with an own property "__proto__" is malformed', async () => {
    const text = JSON.stringify(envelope).replace('{', '{"__proto__":{"ct":"x"},');
    expect(await failure(read(JSON.parse(text)))).toEqual(malformedField('body', 'its properties'));
  });

  it('that inherits its properties is malformed', async () => {
    const heir = Object.assign(Object.create(envelope) as object, { _enc: 1 });
    expect(await failure(read(heir))).toEqual(malformedField('body', 'its properties'));
  });

  const wrongTypes = [null, 1, true, [], ['x'], {}, undefined, 1n, Symbol('x')];

  const wrong = wrongTypes.flatMap((value) =>
    (['dekId', 'mekVersion', 'ct'] as const).map((name) => [value, name] as const),
  );

  it.each(wrong)('with %s for %s is malformed', async (value, name) => {
    expect(await failure(read({ ...envelope, [name]: value }))).toEqual(
      malformedField('body', name),
    );
  });

  const wrongMekVersions = ['', 'a b', 'a/b', 'v\n', 'é', "'--", 'x'.repeat(129), '{0}'];

  it.each(wrongMekVersions)('with the MEK version %j is malformed', async (mekVersion) => {
    expect(await failure(read({ ...envelope, mekVersion }))).toEqual(
      malformedField('body', 'mekVersion'),
    );
  });

  it.each(['a', 'x'.repeat(128), '..', '-'])(
    'opens under any MEK version hint: %j',
    async (hint) => {
      expect((await read({ ...envelope, mekVersion: hint }))['body']).toBe('hi!');
    },
  );

  it('is never taken for plaintext, in any mode', async () => {
    const stored = { ...KEY, body: { _enc: 'no', text: 'x' } };
    for (const options of [{ mode: 'migrate' as const }, { enabled: false }, {}]) {
      const other = setup({ beside: made, ...options });
      expect(await failure(decryptAny(other.encryptor, stored))).toEqual(
        malformedField('body', '_enc'),
      );
      expect(other.encryptor.plaintextReads).toBe(0);
    }
  });

  it.each([null, 0, 1, '', 'text', true, [], [1], {}, { enc: 1 }, { dekId: 'x', ct: 'y' }])(
    'is not what %j is: strict mode refuses it',
    async (value) => {
      expect(await failure(read(value))).toEqual(PLAINTEXT);
    },
  );
});

describe('a dekId', () => {
  const scope = (): string => envelope.dekId.slice(0, 32);
  const malformed: readonly [string, (sound: string) => string][] = [
    ['is empty', () => ''],
    ['is 1 MB long', (sound) => sound.repeat(30_000)],
    ['is a path', () => '../../rotation'],
    ['has a path at its end', (sound) => `${sound}/../x`],
    ['is in upper case', (sound) => sound.toUpperCase().replace('.1', '.A')],
    ['has a confusable for a digit', (sound) => sound.replace('.1', '.\uff11')],
    ['has a confusable for the dot', (sound) => sound.replace('.', '\u2024')],
    ['has a line feed at its end', (sound) => `${sound}\n`],
    ['has U+0000 at its end', (sound) => `${sound}\u0000`],
    ['is SQL', (sound) => `${sound}' OR '1'='1`],
    ['is a JSON pointer', () => '/~0~1'],
    ['is a wildcard', () => '*'],
    ['has generation 0', (sound) => sound.replace('.1', '.0')],
    ['has a leading zero', (sound) => sound.replace('.1', '.01')],
    ['has a negative generation', (sound) => sound.replace('.1', '.-1')],
    ['has a fraction', (sound) => `${sound}.5`],
    ['has a generation past 2^53', (sound) => sound.replace('.1', '.9007199254740992')],
    ['is "__proto__"', () => '__proto__'],
  ];

  it.each(malformed)('that %s is refused before any look-up', async (_what, change) => {
    const fresh = setup({ beside: made });
    const stored = { ...KEY, body: { ...envelope, dekId: change(envelope.dekId) } };
    expect(await failure(decryptAny(fresh.encryptor, stored))).toEqual(
      malformedField('body', 'dekId'),
    );
    expect(fresh.store.calls).toEqual({});
  });

  it('of another document, tenant or product is refused before any look-up', async () => {
    const others = [
      { ...KEY, id: 'note-2' },
      { ...KEY, workspaceId: 'ws-2' },
    ];
    for (const other of others) {
      const theirs = await encryptAny(encryptor, { ...other, body: 'theirs' });
      const fresh = setup({ beside: made });
      expect(await failure(decryptAny(fresh.encryptor, { ...KEY, body: theirs['body'] }))).toEqual(
        failedField('body', (theirs['body'] as Envelope).dekId),
      );
      expect(fresh.store.calls).toEqual({});
    }
    const product = setup({ beside: made, product: 'other' });
    const theirs = await encryptAny(product.encryptor, { ...KEY, body: 'theirs' });
    expect(await failure(read(theirs['body']))).toEqual(
      failedField('body', (theirs['body'] as Envelope).dekId),
    );
    expect(await failure(decryptAny(product.encryptor, { ...KEY, body: envelope }))).toEqual(
      failedField('body', envelope.dekId),
    );
  });

  it('of a generation that does not exist is reported as missing', async () => {
    const dekId = `${scope()}.7`;
    expect(await failure(read({ ...envelope, dekId }))).toEqual(
      refused(
        'DEK_NOT_FOUND',
        `DEK ${dekId} is not in the store: restore its row from a backup, and do not overwrite the document before the row is restored or accepted as lost`,
      ),
    );
  });
});

describe('an envelope of another environment', () => {
  it('with the same ids fails authentication', async () => {
    const other = setup({ keyProviders: [new EnvKeyProvider({ key: OTHER_MEK_HEX })] });
    const theirs = await sealed(other.encryptor, 'hi!');
    expect(theirs.dekId).toBe(envelope.dekId);
    expect(await failure(read(theirs))).toEqual(failedField('body', envelope.dekId));
  });
});

describe('an object that is not what it seems', () => {
  it('is read once, property by property', async () => {
    const reads: unknown[] = [];
    const watched = new Proxy(
      { ...envelope },
      {
        get(target, name) {
          reads.push(name);
          return Reflect.get(target, name) as unknown;
        },
      },
    );
    expect((await read(watched))['body']).toBe('hi!');
    expect(reads.toSorted()).toEqual(['_enc', 'ct', 'dekId', 'mekVersion']);
  });

  it('fails with its own error when a getter throws', async () => {
    const broken = { ...envelope };
    Object.defineProperty(broken, 'ct', {
      enumerable: true,
      get: () => {
        throw new Error('from the getter');
      },
    });
    expect(await failure(read(broken))).toEqual({ name: 'Error', message: 'from the getter' });
  });

  it('cannot swap an envelope for another between the check and the store', async () => {
    let reads = 0;
    const twoFaced = { ...envelope };
    Object.defineProperty(twoFaced, 'ct', {
      enumerable: true,
      get: () => ((reads += 1) === 1 ? envelope.ct : 'AAAA'),
    });
    const stored = await encryptAny(encryptor, { ...KEY, body: twoFaced });
    expect(JSON.parse(JSON.stringify(stored))).toEqual({ ...KEY, body: envelope });
  });

  it('cannot give one key to the check and another to the document', async () => {
    let reads = 0;
    const document: Loose = { ...KEY, body: envelope };
    Object.defineProperty(document, 'id', {
      enumerable: true,
      get: () => ((reads += 1) === 1 ? KEY.id : 'note-2'),
    });
    expect(await decryptAny(encryptor, document)).toEqual({ ...KEY, body: 'hi!' });
  });
});

describe('a polluted prototype', () => {
  function pollute(properties: Loose): void {
    onTestFinished(() => {
      for (const name of Object.keys(properties)) Reflect.deleteProperty(Object.prototype, name);
    });
    for (const [name, value] of Object.entries(properties)) {
      const descriptor = { value, configurable: true, writable: true };
      Object.defineProperty(Object.prototype, name, descriptor);
    }
  }

  it('makes no envelope of a plain value', async () => {
    pollute({ ...envelope });
    expect(await failure(read({}))).toEqual(PLAINTEXT);
    expect(await failure(read('text'))).toEqual(PLAINTEXT);
    const stored = await encryptAny(encryptor, { ...KEY, title: { a: 1 } });
    expect(await decryptAny(encryptor, stored)).toEqual({ ...KEY, title: { a: 1 } });
  });

  it('completes no malformed envelope', async () => {
    const { ct, ...rest } = envelope;
    pollute({ ct });
    expect(await failure(read(rest))).toEqual(malformedField('body', 'its properties'));
  });

  it('switches neither encryption off nor strict mode', async () => {
    pollute({ enabled: false, mode: 'migrate' });
    const other = setup({ beside: made });
    expect(other.encryptor.enabled).toBe(true);
    expect(other.encryptor.mode).toBe('strict');
    const stored = await encryptAny(other.encryptor, { ...KEY, body: 'text' });
    expect(JSON.stringify(stored)).not.toContain('text');
  });

  it('completes no DEK row that lacks a property', async () => {
    const item = await memory.get(envelope.dekId);
    const { commitment, ...rest } = item?.value as Loose;
    const fresh = setup({ beside: made });
    fresh.store.after = (_method, result) => ({ ...(result as object), value: rest });
    pollute({ commitment });
    expect(await failure(decryptAny(fresh.encryptor, { ...KEY, body: envelope }))).toMatchObject({
      code: 'TAMPERED',
    });
  });
});

describe('on write, a value that looks like an envelope', () => {
  const looks = refused(
    'ENVELOPE_REFUSED',
    'The value at "body" looks like an envelope but is not one of this document\'s own: no value may have a property named "_enc"',
  );

  const imitations: readonly unknown[] = [
    { _enc: 1 },
    { _enc: 'yes' },
    { _enc: undefined },
    { _enc: 1, dekId: 'x', mekVersion: 'y', ct: 'z' },
    Object.assign([], { _enc: 1 }),
  ];

  it.each(imitations)('is refused: %j', async (body) => {
    for (const options of [{}, { mode: 'migrate' as const }, { enabled: false }]) {
      const fresh = setup({ beside: made, ...options });
      const before = await contentsOf(memory);
      expect(await failure(encryptAny(fresh.encryptor, { ...KEY, title: 'x', body }))).toEqual(
        looks,
      );
      expect(fresh.store.calls).toEqual({});
      expect(await contentsOf(memory)).toEqual(before);
    }
  });

  it('is refused when it is an envelope of another field, and is no alarm of tampering', async () => {
    const before = await contentsOf(memory);
    const title = await encryptAny(encryptor, { ...KEY, title: 'x' });
    const error = await rejection(encryptAny(encryptor, { ...KEY, body: title['title'] }));
    expect(await failure(Promise.reject(error as Error))).toEqual(looks);
    expect(error).not.toHaveProperty('cause');
    expect(await contentsOf(memory)).toEqual(before);
  });

  it("is refused when a byte of this document's own envelope was changed", async () => {
    const ct = `${envelope.ct.slice(0, -8)}AAAAAAAA`;
    expect(await failure(encryptAny(encryptor, { ...KEY, body: { ...envelope, ct } }))).toEqual(
      looks,
    );
  });

  it('is refused without a cause whatever is wrong with its form', async () => {
    const wrong = [{ dekId: 'x' }, { mekVersion: '' }, { ct: 1 }, { more: 1 }, { _enc: 'x' }];
    for (const each of wrong) {
      const error = await rejection(
        encryptAny(encryptor, { ...KEY, body: { ...envelope, ...each } }),
      );
      expect(await failure(Promise.reject(error as Error))).toEqual(looks);
      expect(error).not.toHaveProperty('cause');
    }
  });

  it('keeps the cause where only a later version can tell', async () => {
    const error = await rejection(
      encryptAny(encryptor, { ...KEY, body: { ...envelope, _enc: 2 } }),
    );
    expect(error).toMatchObject({ ...looks, cause: { code: 'ENVELOPE_UNSUPPORTED' } });
  });

  it("is kept as it is when it is this document's own: nothing is encrypted twice", async () => {
    const stored = await encryptAny(encryptor, { ...KEY, body: 'hi!', tags: ['a', 'b'] });
    const again = await encryptAny(encryptor, stored);
    expect(again).toEqual(stored);
    expect(await decryptAny(encryptor, again)).toEqual({ ...KEY, body: 'hi!', tags: ['a', 'b'] });
  });
});
