import { describe, expect, it } from 'vitest';
import type { DekRowPage } from '../../src/adapters.js';
import {
  FieldEncryptionError,
  findUnreadableRows,
  type UnreadableRowsEvent,
} from '../../src/index.js';
import { contentsOf, KEY, PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { alteredRow, describeError, failure, rejection } from '../support/failure.js';
import { alterRow, rows, writeNotes } from '../support/rotations.js';

async function found({ encryptor }: Setup): Promise<readonly UnreadableRowsEvent[]> {
  const events: UnreadableRowsEvent[] = [];
  for await (const event of findUnreadableRows(encryptor)) events.push(event);
  return events;
}

describe('a search for rows that cannot be read', () => {
  it('names each, with its scope and why, and counts the others', async () => {
    const made = setup();
    await writeNotes(made, 4);
    const [one, two] = await rows(made);
    await alterRow(made, one?.id ?? '', { schema: 2 });
    await alterRow(made, two?.id ?? '', { generation: 7 });
    const events = await found(made);
    expect(events).toMatchObject([
      {
        ...{ type: 'unreadable', dekId: one?.id, scope: one?.scope },
        ...{ error: { code: 'ROW_UNSUPPORTED' }, counts: { unreadable: 1 } },
      },
      {
        ...{ type: 'unreadable', dekId: two?.id, scope: two?.scope },
        ...{ error: { code: 'TAMPERED' }, counts: { unreadable: 2 } },
      },
      { type: 'finished' },
    ]);
    expect(events.at(-1)).toEqual({
      type: 'finished',
      summary: { product: PRODUCT, scanned: 4, readable: 2, unreadable: 2 },
    });
    const [, altered] = events;
    expect(altered?.type === 'unreadable' && describeError(altered.error)).toEqual(
      alteredRow(two?.id ?? '', 'generation'),
    );
  });

  it('names them all, page by page, and writes and unwraps nothing', async () => {
    const made = setup();
    await writeNotes(made, 250);
    for (const { id } of await rows(made)) await alterRow(made, id, { state: 'frozen' });
    const contents = await contentsOf(made.memory);
    made.store.reset();
    made.provider.reset();
    const events = await found(made);
    expect(events).toHaveLength(251);
    expect(made.store.calls).toEqual({ count: 1, list: 2 });
    expect(made.provider.calls).toEqual({});
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it.each([
    ['of another document', { scope: ['notes', 'ws-1', 'another'] }],
    ['that is no list', { scope: 'notes' }],
    ['with an empty part', { scope: ['notes', ''] }],
    ['with a part that is no text', { scope: ['notes', 7] }],
    ['that is a number', { scope: 7 }],
    ['without parts', { scope: [] }],
    ['of a kind that there is not', { scopeKind: 7 }],
    ['of another kind', { scopeKind: 'shared' }],
  ])('says nothing of a scope %s', async (_what, change) => {
    const made = setup();
    await writeNotes(made, 1);
    const [row] = await rows(made);
    await alterRow(made, row?.id ?? '', { ...change, schema: 2 });
    const [event] = await found(made);
    expect(event).toMatchObject({ type: 'unreadable', dekId: row?.id });
    expect(event).not.toHaveProperty('scope');
  });

  it('names what the store could not decode as far as that knows it', async () => {
    const made = setup();
    await writeNotes(made, 2);
    const error = new FieldEncryptionError('STORE_FAILED', 'no JSON', { dekId: 'f'.repeat(32) });
    made.store.after = (method, result) => {
      if (method !== 'list') return result;
      const page = result as DekRowPage;
      const broken = [
        { value: undefined, etag: 'x', error },
        { value: null, etag: 'y' },
        { value: 7, etag: 'z' },
      ];
      return { ...page, items: [...broken, ...page.items] };
    };
    expect(await found(made)).toMatchObject([
      { type: 'unreadable', dekId: 'f'.repeat(32), error },
      { type: 'unreadable', dekId: '(without a valid id)', error: { code: 'TAMPERED' } },
      { type: 'unreadable', dekId: '(without a valid id)', error: { code: 'TAMPERED' } },
      { type: 'finished', summary: { scanned: 5, readable: 2, unreadable: 3 } },
    ]);
  });

  it('begins with the first pull, and ends when the signal says so', async () => {
    const made = setup();
    await writeNotes(made, 1);
    made.store.reset();
    const controller = new AbortController();
    const { signal } = controller;
    const searching = findUnreadableRows(made.encryptor, { signal });
    expect(made.store.calls).toEqual({});
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await rejection(searching.next())).toBe(reason);
  });

  it('refuses invalid arguments', async () => {
    const { dekStore, encryptor } = setup();
    expect(await failure(findUnreadableRows({ product: '', dekStore }).next())).toEqual({
      name: 'TypeError',
      message: '"product" expected a non-empty string, got an empty one',
    });
    const misspelt = { concurency: 8 } as never;
    expect(await failure(findUnreadableRows(encryptor, misspelt).next())).toEqual({
      name: 'RangeError',
      message:
        '"concurency" is no option: expected concurrency, allowEmpty, signal; did you mean "concurrency"?',
    });
    const wrong = { signal: KEY } as never;
    expect(await failure(findUnreadableRows(encryptor, wrong).next())).toEqual({
      name: 'TypeError',
      message: '"signal" expected an AbortSignal, got an object',
    });
  });
});
