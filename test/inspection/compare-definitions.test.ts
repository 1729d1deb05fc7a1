import { describe, expect, it } from 'vitest';
import {
  compareDefinitions,
  defineDocument,
  registerDefinitions,
  StoreError,
  type AnyDefinition,
  type DefinitionComparison,
} from '../../src/index.js';
import {
  alterDefinition,
  beside,
  defined,
  definitionIn,
  registered,
} from '../support/definition-records.js';
import { PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { failure, rejection } from '../support/failure.js';
import { writeNotes } from '../support/rotations.js';

const KEY_NAMES = ['workspaceId', 'id'];

async function compared(
  { encryptor }: Setup,
  ...definitions: readonly AnyDefinition[]
): Promise<DefinitionComparison | undefined> {
  const [first, ...others] = await compareDefinitions(encryptor, definitions);
  expect(others).toEqual([]);
  return first;
}

describe('definitions compared with the record', () => {
  it('agree after they were registered', async () => {
    const made = await registered(['title', 'body']);
    const record = await definitionIn(made);
    made.store.reset();
    expect(await compared(made, defined(['title', 'body'], { former: ['titel'] }))).toEqual({
      collection: 'notes',
      recorded: { key: KEY_NAMES, paths: ['body', 'title'], updatedAt: record?.updatedAt },
      declared: { key: KEY_NAMES, sealed: ['title', 'body'], covered: ['title', 'body', 'titel'] },
      keyDiffers: false,
      uncovered: [],
      unrecorded: [],
      forgettable: [],
    });
    expect(made.store.calls).toEqual({ getDefinition: 1 });
  });

  it('name the paths that they do not cover, lack in the record, and no longer seal', async () => {
    const made = await registered(['titel', 'body', 'mood', 'city']);
    const definition = defined(['body', 'title', 'mood', 'place'], {
      stages: { mood: 'opening', title: 'sealing', place: 'opening' },
      former: ['city'],
    });
    const comparison = await compared(made, definition);
    expect(comparison).toMatchObject({
      declared: { sealed: ['body', 'title'] },
      uncovered: ['titel'],
      unrecorded: ['title'],
      forgettable: ['city', 'mood'],
    });
    const refusal = await rejection(registerDefinitions(beside(made).encryptor, [definition]));
    expect(comparison?.problem).toBe((refusal as Error).message);
  });

  it('count together for a collection, in the order of the definitions', async () => {
    const made = await registered(['title', 'body']);
    await registerDefinitions(made.encryptor, [defined(['text'], { collection: 'tasks' })]);
    const comparisons = await compareDefinitions(made.encryptor, [
      defined(['text'], { collection: 'tasks' }),
      defined(['title']),
      defined(['body']),
    ]);
    expect(comparisons).toMatchObject([
      { collection: 'tasks', recorded: { paths: ['text'] }, uncovered: [] },
      { collection: 'notes', declared: { sealed: ['title', 'body'] }, uncovered: [] },
    ]);
  });

  it('of another key are of documents at other places', async () => {
    const made = await registered(['title', 'mood']);
    const comparison = await compared(made, defined(['body'], { key: ['id'], former: ['mood'] }));
    expect(comparison).toMatchObject({
      recorded: { key: KEY_NAMES, paths: ['mood', 'title'] },
      declared: { key: ['id'] },
      keyDiffers: true,
      ...{ uncovered: [], unrecorded: [], forgettable: [] },
      problem: expect.stringContaining('has the key ["workspaceId", "id"]') as unknown,
    });
  });

  it('are all unrecorded where there is no record', async () => {
    const made = setup();
    await writeNotes(made, 1);
    const comparison = await compared(
      made,
      defined(['body', 'mood'], { stages: { mood: 'opening' } }),
    );
    expect(comparison).toEqual({
      collection: 'notes',
      declared: { key: KEY_NAMES, sealed: ['body'], covered: ['body', 'mood'] },
      keyDiffers: false,
      ...{ uncovered: [], unrecorded: ['body'], forgettable: [] },
    });
    expect(await definitionIn(made)).toBeUndefined();
  });

  it('need no provider, and are not kept for later comparisons', async () => {
    const made = await registered(['title']);
    const encryption = { product: PRODUCT, dekStore: made.dekStore };
    await compareDefinitions(encryption, [defined(['title'])]);
    expect(await compareDefinitions(encryption, [defined(['body'])])).toMatchObject([
      { declared: { sealed: ['body'] }, uncovered: ['title'] },
    ]);
    expect(await compared(made, defined(['body']))).toMatchObject({ uncovered: ['title'] });
  });
});

describe('a comparison of definitions', () => {
  it('rejects for a record that cannot be read, and for a failed read', async () => {
    const made = await registered(['title']);
    await alterDefinition(made, { paths: ['b', 'a'] });
    expect(await failure(compareDefinitions(made.encryptor, [defined(['title'])]))).toEqual({
      ...{ name: 'TamperedError', code: 'TAMPERED' },
      message: 'The definitions record of "notes" was altered (paths): restore it from a backup',
    });
    made.store.before = () => {
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const failed = rejection(compareDefinitions(made.encryptor, [defined(['title'])]));
    expect(await failed).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('refuses a product that the store does not know, unless it may be empty', async () => {
    const made = await registered(['title']);
    const misspelt = { product: 'notelet', dekStore: made.dekStore };
    const definitions = [defined(['title'])];
    expect(await rejection(compareDefinitions(misspelt, definitions))).toMatchObject({
      code: 'PRODUCT_EMPTY',
    });
    expect(await compareDefinitions(misspelt, definitions, { allowEmpty: true })).toMatchObject([
      { unrecorded: ['title'] },
    ]);
  });

  it('refuses invalid arguments before anything is read', async () => {
    const { encryptor, dekStore, store } = setup();
    const note = defined(['body']);
    expect(await failure(compareDefinitions(encryptor, []))).toEqual({
      name: 'TypeError',
      message: '"definitions" expected a list with at least one definition',
    });
    expect(await failure(compareDefinitions(encryptor, [note, {} as never]))).toEqual({
      name: 'TypeError',
      message: '"definitions[1]" expected a definition made by defineDocument, got an object',
    });
    const other = defineDocument<{ id: string; body: string }>()({
      ...{ collection: 'notes', key: ['id'], fields: ['body'] },
    });
    expect(await failure(compareDefinitions(encryptor, [note, other]))).toEqual({
      name: 'RangeError',
      message:
        'Two definitions of "notes" have different keys, ["workspaceId", "id"] and ["id"]: one collection has one key',
    });
    expect(await failure(compareDefinitions({ product: '', dekStore }, [note]))).toMatchObject({
      name: 'TypeError',
    });
    expect(await failure(compareDefinitions(encryptor, [note], { shard: 1 } as never))).toEqual({
      name: 'RangeError',
      message: '"shard" is no option: expected allowEmpty, signal',
    });
    expect(store.calls).toEqual({});
  });
});
