import { describe, expect, it } from 'vitest';
import {
  findStrayEnvelopes,
  type AnyDefinition,
  type StrayEnvelopesEvent,
} from '../../src/index.js';
import { defined } from '../support/definition-records.js';
import {
  contentsOf,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  PRODUCT,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { describeError, failure, rejection } from '../support/failure.js';
import { addPlain, backfill, notes, put, stored, type Notes } from '../support/migrations.js';

const WHOLE = { product: PRODUCT, collection: 'notes' };

async function found(
  { encryptor }: Setup,
  { store }: Notes,
  definition: AnyDefinition = note,
): Promise<readonly StrayEnvelopesEvent[]> {
  const events: StrayEnvelopesEvent[] = [];
  for await (const event of findStrayEnvelopes(encryptor, definition, store)) events.push(event);
  return events;
}

/** A sealed document with copies of its own envelope elsewhere. */
async function withStrays(
  made: Setup,
  collection: Notes,
  id: string,
  strays: (envelope: object) => Loose,
): Promise<string> {
  const document = await encryptAny(made.encryptor, { ...KEY, id, body: `of ${id}` });
  const envelope = envelopeAt(document, 'body');
  await put(collection, { ...document, ...strays(envelope) });
  return envelope.dekId;
}

describe('a search for stray envelopes', () => {
  it('names their places and DEKs, and counts the documents', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    await backfill(made, collection);
    const dekId = await withStrays(made, collection, 'strayed', (envelope) => ({
      old: envelope,
      history: [{ body: envelope }, { body: envelope }],
      title: { inner: envelope },
    }));
    const [event, finished, ...others] = await found(made, collection);
    expect(event).toMatchObject({
      ...{ type: 'stray', key: { ...KEY, id: 'strayed' } },
      counts: { affected: 1, failed: 0, strays: 4 },
    });
    const envelopes = event?.type === 'stray' ? event.envelopes : [];
    expect(new Set(envelopes)).toEqual(
      new Set(['old', 'history[].body', 'title.inner'].map((path) => ({ path, dekId }))),
    );
    expect(envelopes).toHaveLength(3);
    expect(finished).toEqual({
      type: 'finished',
      summary: { ...WHOLE, scanned: 3, sound: 2, affected: 1, failed: 0, strays: 4 },
    });
    expect(others).toEqual([]);
  });

  it('finds what an earlier definition sealed, until the path is declared as a former one', async () => {
    const [made, collection] = [setup(), notes()];
    const before = defined(['titel', 'body']);
    await put(
      collection,
      await encryptAny(made.encryptor, { ...KEY, titel: 'x', body: 'y' }, before),
    );
    const [event] = await found(made, collection, defined(['title', 'body']));
    expect(event).toMatchObject({ type: 'stray', envelopes: [{ path: 'titel' }] });
    for (const now of [before, defined(['title', 'body'], { former: ['titel'] })]) {
      expect(await found(made, collection, now)).toMatchObject([
        { type: 'finished', summary: { sound: 1, affected: 0 } },
      ]);
    }
  });

  it('takes envelopes of other documents, and malformed ones, for data', async () => {
    const [made, collection] = [setup(), notes()];
    const other = await encryptAny(made.encryptor, { ...KEY, id: 'other', body: 'x' });
    await withStrays(made, collection, 'sound', (envelope) => ({
      quoted: other['body'],
      sent: { ...envelope, ct: 7 },
    }));
    expect(await found(made, collection)).toMatchObject([{ summary: { sound: 1, strays: 0 } }]);
  });

  it('names a document that cannot be checked, and goes on', async () => {
    const [made, collection] = [setup(), notes()];
    await withStrays(made, collection, 'a', () => ({ title: { _enc: 'malformed' } }));
    const dekId = await withStrays(made, collection, 'b', (envelope) => ({ old: envelope }));
    const events = await found(made, collection);
    expect(events).toMatchObject([
      { type: 'failed', key: { ...KEY, id: 'a' }, counts: { failed: 1 } },
      { type: 'stray', key: { ...KEY, id: 'b' }, envelopes: [{ path: 'old', dekId }] },
      { type: 'finished', summary: { scanned: 2, sound: 0, affected: 1, failed: 1 } },
    ]);
    const [failed] = events;
    expect(failed?.type === 'failed' && describeError(failed.error)).toMatchObject({
      code: 'TAMPERED',
    });
  });

  it('names a hundred places of a document, and counts them all', async () => {
    const [made, collection] = [setup(), notes()];
    await withStrays(made, collection, 'a', (envelope) =>
      Object.fromEntries(Array.from({ length: 150 }, (_each, at) => [`p${String(at)}`, envelope])),
    );
    const [event] = await found(made, collection);
    expect(event?.type === 'stray' && event.envelopes).toHaveLength(100);
    expect(event).toMatchObject({ counts: { strays: 150 } });
  });

  it('goes through every page, needs no key, and writes nothing', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 250);
    await backfill(made, collection);
    const before = [await contentsOf(made.memory), await stored(collection, 'note-7')];
    for (const probe of [made.store, made.provider, collection.probe]) probe.reset();
    const events = await found(made, collection);
    expect(events).toMatchObject([{ summary: { scanned: 250, sound: 250 } }]);
    expect(made.store.calls).toEqual({ count: 1 });
    expect(made.provider.calls).toEqual({});
    expect(Object.keys(collection.probe.calls)).toEqual(['list']);
    expect([await contentsOf(made.memory), await stored(collection, 'note-7')]).toEqual(before);
  });

  it('begins with the first pull, ends when the signal says so, and refuses an unknown product', async () => {
    const [made, collection] = [setup(), notes()];
    const controller = new AbortController();
    const { signal } = controller;
    const searching = findStrayEnvelopes(made.encryptor, note, collection.store, { signal });
    expect(collection.probe.calls).toEqual({});
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await rejection(searching.next())).toBe(reason);
    expect(await rejection(found(made, collection))).toMatchObject({ code: 'PRODUCT_EMPTY' });
  });

  it('refuses invalid arguments', async () => {
    const [{ encryptor, dekStore }, collection] = [setup(), notes()];
    const search = (...args: readonly unknown[]): Promise<unknown> =>
      (findStrayEnvelopes as (...all: readonly unknown[]) => AsyncGenerator)(...args).next();
    expect(await failure(search(encryptor, note, dekStore))).toEqual({
      name: 'TypeError',
      message: '"documentStore" expected a document store with list, got a DEK store',
    });
    expect(await failure(search(encryptor, {}, collection.store))).toEqual({
      name: 'TypeError',
      message: '"definition" expected a definition made by defineDocument, got an object',
    });
    expect(await failure(search(encryptor, note, collection.store, { limit: 1 }))).toEqual({
      name: 'RangeError',
      message: '"limit" is no option: expected concurrency, allowEmpty, signal',
    });
  });
});
