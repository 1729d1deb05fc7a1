import { describe, expect, it } from 'vitest';
import { EnvKeyProvider, registerDefinitions, StoreError } from '../../src/index.js';
import {
  alterDefinition,
  beside,
  defined,
  definitionIn,
  pathsIn,
  registered,
} from '../support/definition-records.js';
import { PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { failure, refused, tampered } from '../support/failure.js';
import { RECORD_KEY, RECORD_KEY_ID } from '../support/records.js';
import { ended, record } from '../support/rotations.js';

const UNDECLARED = (paths: string): object =>
  refused(
    'DEFINITION_MISMATCH',
    `The definitions record says that values of "notes" may be stored sealed under ${paths}, which this process cannot open: declare each such path in "former" of the definition, or in "fields"`,
  );

describe('a process that registers', () => {
  it('records its key and the paths that it seals, after the rotation record', async () => {
    const made = setup();
    const definition = defined(['tags[]', 'body', 'title', 'mood'], {
      stages: { title: 'opening', mood: 'sealing' },
      former: ['meta.location'],
    });
    await registerDefinitions(made.encryptor, [definition]);
    expect(await definitionIn(made)).toEqual({
      id: 'definition:notes',
      scopeId: `definition:${PRODUCT}`,
      type: 'definition',
      schema: 1,
      product: PRODUCT,
      collection: 'notes',
      key: ['workspaceId', 'id'],
      paths: ['body', 'mood', 'tags[]'],
      updatedAt: '2026-11-23T10:00:00.000Z',
    });
    expect(await record(made)).toMatchObject({ epoch: 1, state: 'complete' });
  });

  it('adds its paths to those that are there, and writes nothing where none is missing', async () => {
    const before = await registered(['body']);
    const next = beside(before);
    next.clock.advance(1_000);
    await registerDefinitions(next.encryptor, [defined(['title'], { former: ['body'] })]);
    expect(await definitionIn(before)).toMatchObject({
      paths: ['body', 'title'],
      updatedAt: '2026-11-23T10:00:01.000Z',
    });
    next.store.reset();
    await registerDefinitions(next.encryptor, [defined(['title', 'body'])]);
    expect(next.store.calls).toEqual({ getDefinition: 1 });
  });

  it.each([
    ['only opens', {}, { stages: { body: 'opening' } }],
    ['does not encrypt', { enabled: false }, {}],
  ])('adds nothing where it %s', async (_what, options, shape) => {
    const made = setup(options);
    await registerDefinitions(made.encryptor, [defined(['body'], shape)]);
    expect(made.store.calls).toEqual({ getDefinition: 1 });
    const other = await registered(['title']);
    const off = beside(other, options);
    expect(await failure(registerDefinitions(off.encryptor, [defined(['body'], shape)]))).toEqual(
      UNDECLARED('"title"'),
    );
  });

  it('writes and reads the record with its mac', async () => {
    const made = await registered(['body'], { recordKey: RECORD_KEY });
    expect(await definitionIn(made)).toMatchObject({ macKeyId: RECORD_KEY_ID });
    const next = beside(made, { recordKey: RECORD_KEY });
    await registerDefinitions(next.encryptor, [defined(['body', 'title'])]);
    expect(await definitionIn(made)).toMatchObject({ macKeyId: RECORD_KEY_ID });
    await alterDefinition(made, { paths: [] });
    expect(await failure(registerDefinitions(next.encryptor, [defined(['body'])]))).toEqual(
      tampered(
        'The definitions record of "notes" failed authentication under the record key: it was changed, or moved from another place; restore it from a backup',
      ),
    );
    const keyless = beside(made);
    expect(await failure(registerDefinitions(keyless.encryptor, [defined(['body'])]))).toEqual(
      refused(
        'ROW_UNSUPPORTED',
        'The definitions record of "notes" has a mac, and this process has no record key to write it with: pass "recordKey" (FIELD_ENCRYPT_RECORD_KEY) as the other processes do',
      ),
    );
  });

  it('may have several definitions of a collection, in one call or in several', async () => {
    const made = setup();
    await registerDefinitions(made.encryptor, [defined(['body']), defined(['title'])]);
    expect(await pathsIn(made)).toEqual(['body', 'title']);
    const next = beside(made);
    expect(await failure(registerDefinitions(next.encryptor, [defined(['body'])]))).toEqual(
      UNDECLARED('"title"'),
    );
    await registerDefinitions(next.encryptor, [defined(['body']), defined(['title'])]);
    await registerDefinitions(next.encryptor, [defined(['mood'])]);
    expect(await pathsIn(made)).toEqual(['body', 'mood', 'title']);
  });
});

describe('a process that cannot open what may be stored', () => {
  it('is refused with every problem, and nothing is written for any collection', async () => {
    const made = await registered(['body', 'tags[]', 'titel']);
    const other = defined(['name'], { collection: 'people', key: ['id'] });
    await registerDefinitions(made.encryptor, [other]);
    const old = beside(made);
    const definitions = [
      defined(['text'], { collection: 'fresh' }),
      defined(['body', 'mood'], { former: ['titel'] }),
      defined(['name'], { collection: 'people', key: ['name2', 'id'] }),
    ];
    expect(await failure(registerDefinitions(old.encryptor, definitions))).toEqual(
      refused(
        'DEFINITION_MISMATCH',
        [
          'Definitions of this process do not fit what may be stored:',
          'The definitions record says that values of "notes" may be stored sealed under "tags[]", which this process cannot open: declare each such path in "former" of the definition, or in "fields"',
          'The definitions record of "people" has the key ["id"], and this process declares ["name2", "id"]: declare the key of the record; to change the key, move the documents to a collection of another name with moveDocuments',
        ].join('\n- '),
      ),
    );
    expect(old.store.calls).toEqual({ getDefinition: 3 });
    expect(await pathsIn(made)).toEqual(['body', 'tags[]', 'titel']);
    expect(await definitionIn(made, 'fresh')).toBeUndefined();
  });

  it.each([
    ['other names', ['workspaceId', 'no'], '["workspaceId", "no"]'],
    ['another order', ['id', 'workspaceId'], '["id", "workspaceId"]'],
    ['a part less', ['workspaceId'], '["workspaceId"]'],
  ])('is refused for a key with %s', async (_what, key, text) => {
    const made = await registered(['body']);
    const next = beside(made);
    expect(
      await failure(registerDefinitions(next.encryptor, [defined(['body'], { key })])),
    ).toMatchObject({
      message: `The definitions record of "notes" has the key ["workspaceId", "id"], and this process declares ${text}: declare the key of the record; to change the key, move the documents to a collection of another name with moveDocuments`,
    });
  });

  it('is refused where the path came between its read and its write', async () => {
    const made = await registered(['body']);
    const slow = beside(made);
    slow.store.before = async (method) => {
      if (method !== 'replaceDefinition') return;
      slow.store.before = () => undefined;
      await registerDefinitions(made.encryptor, [defined(['mood'])]);
    };
    const registering = registerDefinitions(slow.encryptor, [defined(['body', 'title'])]);
    expect(await failure(ended(registering, slow.clock))).toEqual(UNDECLARED('"mood"'));
    expect(await pathsIn(made)).toEqual(['body', 'mood']);
  });

  it('is refused where its answer was lost, and another path came on top', async () => {
    const made = await registered(['body']);
    const slow = beside(made);
    slow.store.after = async (method, result) => {
      if (method !== 'replaceDefinition') return result;
      await registerDefinitions(beside(made).encryptor, [defined(['body', 'title', 'mood'])]);
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const registering = registerDefinitions(slow.encryptor, [defined(['body', 'title'])]);
    expect(await failure(registering)).toEqual(UNDECLARED('"mood"'));
  });
});

describe('insecureIgnoreDefinitionRecord', () => {
  const ignoring = { insecureIgnoreDefinitionRecord: true };

  it('still starts the process, and records what it seals', async () => {
    const made = await registered(['body']);
    const old = beside(made);
    await registerDefinitions(old.encryptor, [defined(['title'])], ignoring);
    expect(await pathsIn(made)).toEqual(['body', 'title']);
  });

  it('leaves the record of another key as it is', async () => {
    const made = await registered(['body']);
    const before = await definitionIn(made);
    const other = defined(['title'], { key: ['id'] });
    await registerDefinitions(beside(made).encryptor, [other], ignoring);
    expect(await definitionIn(made)).toEqual(before);
  });

  it.each([
    ['altered', { paths: ['b', 'a'] }, {}, 'TAMPERED'],
    ['of a later version', { schema: 2 }, {}, 'ROW_UNSUPPORTED'],
    ['not authentic', { paths: [] }, { recordKey: RECORD_KEY }, 'TAMPERED'],
    [
      'under another key',
      { macKeyId: 'abcdef0123456789' },
      { recordKey: RECORD_KEY },
      'RECORD_KEY_UNKNOWN',
    ],
  ])('starts over a record that is %s, and leaves it', async (_what, change, options, code) => {
    const made = await registered(['body'], options);
    await alterDefinition(made, change);
    const before = await definitionIn(made);
    const next = beside(made, options);
    const definitions = [defined(['body', 'title']), defined(['name'], { collection: 'people' })];
    expect(await failure(registerDefinitions(next.encryptor, definitions))).toMatchObject({ code });
    await registerDefinitions(next.encryptor, definitions, ignoring);
    expect(await definitionIn(made)).toEqual(before);
    expect(await pathsIn(made, 'people')).toEqual(['name']);
  });

  it('is no answer to a failed read, after which nothing is known', async () => {
    const made = await registered(['body']);
    const next = beside(made);
    const outage = new StoreError('STORE_UNAVAILABLE', 'down');
    next.store.before = () => Promise.reject(outage);
    await expect(registerDefinitions(next.encryptor, [defined(['title'])], ignoring)).rejects.toBe(
      outage,
    );
  });
});

describe('a registration beside others', () => {
  it('adds the paths of all, in any order', async () => {
    const made = setup();
    const paths = ['a', 'b', 'c', 'd'];
    const all = paths.map(async (path) =>
      registerDefinitions(beside(made).encryptor, [
        defined([path], { former: paths.filter((each) => each !== path) }),
      ]),
    );
    await ended(Promise.all(all), made.clock);
    expect(await pathsIn(made)).toEqual(paths);
  });

  it.each(['createDefinition', 'replaceDefinition'])(
    'recognises its %s whose answer was lost',
    async (lost) => {
      const made = lost === 'createDefinition' ? setup() : await registered(['body']);
      made.store.after = (method, result) => {
        if (method !== lost) return result;
        throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
      };
      await registerDefinitions(made.encryptor, [defined(['body', 'title'])]);
      expect(made.store.calls[lost]).toBe(1);
      expect(await pathsIn(made)).toEqual(['body', 'title']);
    },
  );

  it('gives up where another write is always first, and passes on a write that failed', async () => {
    const made = await registered(['body']);
    const next = beside(made);
    next.store.before = async (method) => {
      if (method === 'replaceDefinition') await alterDefinition(made, {});
    };
    const adding = registerDefinitions(next.encryptor, [defined(['body', 'title'])]);
    expect(await failure(ended(adding, made.clock))).toMatchObject({
      code: 'CONTENDED',
      message: expect.stringMatching(
        /^Adding the paths of "notes" to its definitions record .*8/,
      ) as string,
    });
    const outage = new StoreError('STORE_UNAVAILABLE', 'down');
    next.store.before = (method) =>
      method === 'replaceDefinition' ? Promise.reject(outage) : undefined;
    await expect(registerDefinitions(next.encryptor, [defined(['body', 'title'])])).rejects.toBe(
      outage,
    );
  });
});

describe('what registerDefinitions refuses', () => {
  const from = (definitions: unknown): Promise<unknown> =>
    failure(registerDefinitions(setup().encryptor, definitions as never));

  it('is an empty list, or something else than definitions', async () => {
    const message = '"definitions" expected a list with at least one definition';
    expect(await from([])).toEqual({ name: 'TypeError', message });
    expect(await from({})).toEqual({ name: 'TypeError', message });
    expect(await from([defined(['body']), {}])).toEqual({
      name: 'TypeError',
      message: '"definitions[1]" expected a definition made by defineDocument, got an object',
    });
  });

  it('is definitions of one collection with different keys, also from an earlier call', async () => {
    const [one, other] = [defined(['body']), defined(['title'], { key: ['id'] })];
    const refusal = {
      name: 'RangeError',
      message:
        'Two definitions of "notes" have different keys, ["workspaceId", "id"] and ["id"]: one collection has one key',
    };
    expect(await from([one, other])).toEqual(refusal);
    const made: Setup = await registered(['body']);
    expect(await failure(registerDefinitions(made.encryptor, [other]))).toEqual(refusal);
  });

  it('is a product whose rotation record was lost, and a weak MEK for a new one', async () => {
    const made = await registered(['body']);
    await made.encryptor.encryptDocument(defined(['body']), {
      ...{ workspaceId: 'w', id: '1', body: 'text' },
    } as never);
    const next = beside(made);
    next.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    expect(
      await failure(registerDefinitions(next.encryptor, [defined(['body', 'title'])])),
    ).toMatchObject({ code: 'ROTATION_RECORD_MISSING' });
    expect(await pathsIn(made)).toEqual(['body']);
    const weak = setup({ keyProviders: [new EnvKeyProvider({ key: '00'.repeat(32) })] });
    expect(await failure(registerDefinitions(weak.encryptor, [defined(['body'])]))).toMatchObject({
      code: 'KEY_WEAK',
    });
    expect(await definitionIn(weak)).toBeUndefined();
  });
});
