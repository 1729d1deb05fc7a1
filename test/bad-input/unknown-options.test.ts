import { describe, expect, it } from 'vitest';
import * as cosmos from '../../src/azure/cosmos/index.js';
import * as keyVault from '../../src/azure/key-vault/index.js';
import * as adapters from '../../src/adapters.js';
import * as core from '../../src/index.js';
import * as sqlite from '../../src/sqlite/index.js';
import * as testing from '../../src/testing/index.js';
import { KEY, note } from '../support/encryptor.js';
import { describeError, type Failure } from '../support/failure.js';
import { OPTION_BAGS, optionWorld, type OptionBag } from '../support/option-bags/index.js';
import { someOf } from '../support/lane.js';

/** Exports that take no options. */
const WITHOUT_OPTIONS = [
  'CONTRACT_DOCUMENT_KEY',
  'MemoryDekStore',
  'defaultCredential',
  'diagnosticsChannels',
  'isFieldEncryptionError',
  'systemClock',
];
const METHODS_WITHOUT_OPTIONS = ['constructor', 'definitionMismatches', 'plaintextReads'];

const BAGS = OPTION_BAGS.map((bag) => ({
  ...bag,
  name: bag.owner === undefined ? bag.of : `${bag.of}, ${bag.owner}`,
}));

/** Those that are options, and not a key or parts; and that have any. */
const OPTIONS = BAGS.filter(
  ({ owner, mayHoldMore, needed, optional }) =>
    owner !== 'key' && !mayHoldMore && needed.length + optional.length > 0,
);

/** Runs it to its end, whatever it is. */
async function whole(outcome: unknown): Promise<unknown> {
  const value = await outcome;
  if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) {
    return 'done';
  }
  const types: string[] = [];
  for await (const { type } of value as AsyncIterable<{ readonly type: string }>) types.push(type);
  return types.filter((type) => type !== 'fence' && type !== 'lease');
}

async function outcomeOf(
  bag: OptionBag,
  change: (needed: object) => unknown = (needed) => needed,
  around = <T>(work: () => Promise<T>): Promise<T> => work(),
): Promise<unknown> {
  const world = await optionWorld();
  const options = change(bag.needed(world)) as never;
  return around(async () => {
    const ended = whole(Promise.resolve().then(() => bag.use(options, world))).catch(describeError);
    const isOver = ended.then(() => true);
    while (!(await Promise.race([isOver, world.clock.run(60_000).then(() => false)])));
    return ended;
  });
}

function namesOf({ needed, optional }: OptionBag, world: Parameters<typeof needed>[0]): string[] {
  return [...Object.keys(needed(world)), ...optional];
}

describe('a misspelt option', () => {
  it.each(BAGS)('of $name is refused', async (bag) => {
    const { owner } = bag;
    const [known = ''] = namesOf(bag, await optionWorld());
    const [misspelt, path] = [`${known}X`, owner === undefined ? '' : `${owner}.`];
    const failure = await outcomeOf(bag, (needed) => {
      const { [known]: value = 1, ...others } = needed as Record<string, unknown>;
      return { ...others, [misspelt]: value };
    });
    const { message } = failure as Failure;
    expect(failure).toMatchObject({ name: 'RangeError' });
    if (bag.mayHoldMore) {
      expect(message).toBe(
        `"${String(owner)}" has no part "${misspelt}": did you mean "${known}"?`,
      );
      return;
    }
    expect(message).toContain(`"${path}${misspelt}" is no option: `);
    if (known !== '') expect(message).toMatch(`; did you mean "${path}${known}"?`);
  });

  it.each(BAGS)('of $name is the only reason: without it all is well', async (bag) => {
    const right = await outcomeOf(bag, (needed) => needed);
    const bare = await outcomeOf(bag, (needed) => Object.assign(Object.create(null), needed));
    expect(bare).toEqual(right);
    expect(JSON.stringify(right)).not.toContain('Error');
  });

  it.each(OPTIONS)('of $name does not hide on a prototype', async (bag) => {
    const [known = ''] = namesOf(bag, await optionWorld());
    const named = bag.owner === undefined ? known : `${bag.owner}.${known}`;
    const inherited = await outcomeOf(bag, (needed) => {
      const { [known]: value = 1, ...others } = needed as Record<string, unknown>;
      return Object.assign(Object.create({ [known]: value }) as object, others);
    });
    expect(inherited).toEqual({
      name: 'TypeError',
      message: `"${named}" is inherited: pass it as an own property`,
    });
  });
});

const NO_OBJECTS: readonly (readonly [options: unknown, got: string])[] = [
  [null, 'null'],
  [[], 'an array'],
  ['text', 'a string'],
  [7, 'a number'],
  [() => 1, 'a function'],
];

describe('what is no object', () => {
  it.each(BAGS.filter(({ owner }) => owner === undefined))(
    'stands for no options of $name',
    async (bag) => {
      for (const [options, got] of someOf(NO_OBJECTS, 2)) {
        expect(await outcomeOf(bag, () => options)).toEqual({
          name: 'TypeError',
          message: `"options" expected a plain object, got ${got}`,
        });
      }
    },
  );
});

describe('the table of what takes options', () => {
  it('knows every export', () => {
    const all = [core, adapters, sqlite, testing, cosmos, keyVault].flatMap((each) =>
      Object.keys(each),
    );
    const known = new Set([...WITHOUT_OPTIONS, ...OPTION_BAGS.map((bag) => bag.of)]);
    expect(all.filter((name) => !known.has(name))).toEqual([]);
  });

  it('knows every method of an encryptor', async () => {
    const { encryptor } = await optionWorld();
    const methods = methodsOf(Object.getPrototypeOf(encryptor) as object);
    const known = OPTION_BAGS.map((bag) => bag.of.replace('FieldEncryptor.', ''));
    const unknown = methods.filter((name) => !known.includes(name));
    expect([...new Set(unknown)].sort()).toEqual(METHODS_WITHOUT_OPTIONS);
  });
});

describe.each([
  ['DekStore', testing.MemoryDekStore, ['getRotation', 'replaceRotation']],
  ['DekStore', sqlite.SqliteDekStore, []],
  ['DekStore', cosmos.CosmosDekStore, ['readLagMs']],
  ['DocumentStore', testing.MemoryDocumentStore, []],
  ['DocumentStore', sqlite.SqliteDocumentStore, []],
  ['DocumentStore', cosmos.CosmosDocumentStore, []],
] as const)('the table of %s', (of, store, others) => {
  it(`knows every method of ${store.name}`, () => {
    const inTable = OPTION_BAGS.map((bag) => bag.of.replace(`${of}.`, ''));
    const known = [...inTable, ...others, 'constructor'];
    expect(methodsOf(store.prototype).filter((name) => !known.includes(name))).toEqual([]);
  });
});

/** Those that are inherited too, without what each store does in its own way. */
function methodsOf(prototype: object): readonly string[] {
  const above = Object.getPrototypeOf(prototype) as object;
  const own = Object.getOwnPropertyNames(prototype).filter((name) => !name.endsWith('Keyed'));
  return above === Object.prototype ? own : [...own, ...methodsOf(above)];
}

describe('a polluted prototype', () => {
  it.each(BAGS.filter(({ owner }) => owner !== 'subject'))(
    'switches nothing on in $name',
    async (bag) => {
      const clean = await outcomeOf(bag);
      for (const name of someOf(bag.optional)) {
        const around = <T>(work: () => Promise<T>): Promise<T> =>
          polluted(name, Symbol('poison'), work);
        expect([name, await outcomeOf(bag, undefined, around)]).toEqual([name, clean]);
      }
    },
  );

  it.each([
    ['enabled', false],
    ['mode', 'migrate'],
    ['insecureAcceptUnauthenticatedRecords', true],
    ['insecureAllowDisabledInProduction', true],
    ['recoveryKey', 'not a key'],
  ])('leaves an encryptor and its runs alone: %s', async (name, value) => {
    await polluted(name, value, async () => {
      const { encryptor, documents } = await optionWorld();
      expect(encryptor).toMatchObject({ enabled: true, mode: 'strict' });
      const plain = { ...KEY, id: '2', body: 'text' };
      expect((await encryptor.encryptDocument(note, plain)).body).toMatchObject({ _enc: 1 });
      await expect(encryptor.decryptDocument(note, plain)).rejects.toMatchObject({
        code: 'PLAINTEXT_REFUSED',
      });
      const { product, keyProviders, dekStore, clock } = encryptor;
      for (const encryption of [encryptor, { product, keyProviders, dekStore, clock }]) {
        const run = core.backfillDocuments(encryption, note, documents, {
          allowEmpty: true,
          dryRun: true,
        });
        expect(await whole(run)).toEqual(['begun', 'pass', 'unchanged', 'passed', 'finished']);
      }
    });
  });
});

async function polluted<T>(name: string, value: unknown, work: () => Promise<T>): Promise<T> {
  const descriptor = { value, configurable: true, writable: true, enumerable: false };
  Object.defineProperty(Object.prototype, name, descriptor);
  try {
    return await work();
  } finally {
    Reflect.deleteProperty(Object.prototype, name);
  }
}
