import { describe, expect, it } from 'vitest';
import { importDekRows, rewrapAllDeks, takeCensus } from '../../src/index.js';
import { scopeIdIn } from '../../src/format/key-scope.js';
import { contentsOf, decryptAny, encryptAny, KEY, note } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import {
  alterIn,
  copied,
  importRows,
  lose,
  outcomesIn,
  restored,
  rowIn,
} from '../support/importing.js';
import { alterRecord, rewrap, targetOf, versionOf, withKeys } from '../support/rotations.js';
import { tombstone } from '../support/rows.js';
import { runToEnd } from '../support/run-to-end.js';

describe('importDekRows', () => {
  it('brings the named row back, and leaves the others', async () => {
    const { made, stored, dekIds, copy, operator } = await restored();
    const [first = '', second = ''] = dekIds;
    await lose(made, first);
    await lose(made, second);
    const unread = await rejection(decryptAny(operator.encryptor, stored[0]));
    expect(unread).toMatchObject({ code: 'DEK_NOT_FOUND' });

    const { events, summary } = await importRows(operator, { from: copy, dekIds: [first, first] });
    expect(summary).toEqual({
      run: 'importDekRows',
      product: 'notelett',
      dryRun: false,
      durationMs: 0,
      complete: true,
      passes: 1,
      failures: {},
      scanned: 1,
      changed: 1,
      unchanged: 0,
      skipped: 0,
      failed: 0,
      wouldChange: 0,
    });
    expect(events.map(({ type }) => type)).toEqual([
      'begun',
      'pass',
      'changed',
      'passed',
      'finished',
    ]);
    expect(events[1]).toEqual({ type: 'pass', pass: 1, purpose: 'change', total: 1 });
    expect(outcomesIn(events)).toEqual({ [first]: 'changed active' });
    expect(await rowIn(made.memory, first)).toEqual(await rowIn(copy, first));
    expect(await rowIn(made.memory, second)).toBeUndefined();
    expect(await decryptAny(withKeys(made, ['a']).encryptor, stored[0])).toMatchObject({
      body: 'of note-0',
    });
  });

  it('brings back every row of a scope, or of the product, that is missing', async () => {
    const { made, dekIds, copy, operator } = await restored(4);
    for (const dekId of dekIds.slice(0, 3)) await lose(made, dekId);
    const [first = '', second = '', third = '', fourth = ''] = dekIds;
    const scopes = [scopeIdIn(second)];
    const some = await importRows(operator, { from: copy, dekIds: [first], scopes });
    expect(outcomesIn(some.events)).toEqual({
      [first]: 'changed active',
      [second]: 'changed active',
    });
    expect(some.events[1]).toMatchObject({ type: 'pass', total: 2 });
    const all = await importRows(operator, { from: copy });
    expect(outcomesIn(all.events)).toEqual({
      [first]: 'skipped present',
      [second]: 'skipped present',
      [third]: 'changed active',
      [fourth]: 'skipped present',
    });
    expect(all.summary).toMatchObject({ complete: true, scanned: 4, skipped: 3, changed: 1 });
  });

  it('reads a named row once where its scope is named too', async () => {
    const { made, dekIds, copy, operator } = await restored(1);
    const [dekId = ''] = dekIds;
    await lose(made, dekId);
    const { events } = await importRows(operator, {
      from: copy,
      dekIds,
      scopes: [scopeIdIn(dekId)],
    });
    expect(events.filter(({ type }) => type === 'changed' || type === 'skipped')).toHaveLength(1);
  });

  it('wraps the DEK under the target of the record, so that a complete rotation stays complete', async () => {
    const { made, stored, dekIds, copy } = await restored(2);
    const [dekId = ''] = dekIds;
    await rewrap(withKeys(made, ['b', 'a']));
    await lose(made, dekId);
    const operator = withKeys(made, ['b', 'a']);
    await importRows(operator, { from: copy, dekIds: [dekId] });
    const wrappedDek = (await rowIn(copy, dekId))?.['wrappedDek'];
    expect(await rowIn(made.memory, dekId)).toMatchObject({
      epoch: 2,
      mekVersion: await versionOf('b'),
      previousWrap: { wrappedDek, mekVersion: await versionOf('a'), epoch: 1 },
    });
    expect((await takeCensus(operator.encryptor)).settled).toBe(true);
    expect(await decryptAny(withKeys(made, ['b']).encryptor, stored[0])).toMatchObject({
      body: 'of note-0',
    });
    const target = await targetOf('b');
    const next = await runToEnd(rewrapAllDeks(operator.encryptor, { target }), made.clock);
    expect(next.summary).toMatchObject({ complete: true, changed: 0 });
  });

  it('creates nothing where the new wrap does not open', async () => {
    const { made, dekIds, copy } = await restored(2);
    const [dekId = ''] = dekIds;
    await rewrap(withKeys(made, ['b', 'a']));
    await lose(made, dekId);
    const operator = withKeys(made, ['b', 'a']);
    let wraps = 0;
    operator.provider.after = (method, result) => {
      if (method !== 'wrapKey') return result;
      wraps += 1;
      const { wrappedDek } = result as { readonly wrappedDek: string };
      const other = wrappedDek.startsWith('A') ? 'B' : 'A';
      return { ...(result as object), wrappedDek: other + wrappedDek.slice(1) };
    };
    const { summary } = await importRows(operator, { from: copy, dekIds: [dekId] });
    expect(summary).toMatchObject({ failed: 1, changed: 0, complete: false });
    expect(wraps).toBe(1);
    expect(await made.memory.get(dekId)).toBeUndefined();
  });

  it('writes nothing when it is run again, and nothing in a dry run', async () => {
    const { made, dekIds, copy, operator } = await restored(2);
    const [dekId = ''] = dekIds;
    await lose(made, dekId);
    const before = await contentsOf(made.memory);
    operator.provider.reset();
    const dry = await importRows(operator, { from: copy, dryRun: true });
    expect(dry.summary).toMatchObject({
      dryRun: true,
      complete: false,
      passes: 1,
      wouldChange: 1,
      skipped: 1,
      estimate: { items: 1 },
    });
    expect(outcomesIn(dry.events)[dekId]).toBe('would-change active');
    expect(operator.provider.calls).toEqual({ unwrapKey: 1 });
    expect(await contentsOf(made.memory)).toEqual(before);

    await importRows(operator, { from: copy });
    const once = await contentsOf(made.memory);
    const again = await importRows(operator, { from: copy });
    expect(again.summary).toMatchObject({ complete: true, passes: 1, changed: 0, skipped: 2 });
    expect(await contentsOf(made.memory)).toEqual(once);
  });

  it('changes nothing in the copy', async () => {
    const { made, dekIds, copy, operator } = await restored(2);
    for (const dekId of dekIds) await lose(made, dekId);
    const before = await contentsOf(copy);
    await importRows(operator, { from: copy });
    expect(await contentsOf(copy)).toEqual(before);
  });
});

describe('a row that the store has', () => {
  it('is never written over, whatever its state', async () => {
    const { made, dekIds, copy, operator } = await restored(4);
    const [present = '', shredded = '', unreadable = '', other = ''] = dekIds;
    await made.encryptor.shred(note, { ...KEY, id: 'note-1' });
    await alterIn(made.memory, unreadable, { createdAt: 'yesterday' });
    await lose(made, other);
    await encryptAny(withKeys(made, ['a']).encryptor, { ...KEY, id: 'note-3', body: 'new' });
    const before = await contentsOf(made.memory);
    for (const options of [{}, { dekIds }]) {
      const { events, summary } = await importRows(operator, { from: copy, ...options });
      expect(outcomesIn(events)).toEqual({
        [present]: 'skipped present',
        [shredded]: 'skipped shredded',
        [unreadable]: 'skipped unreadable',
        [other]: 'skipped other-dek',
      });
      expect(summary).toMatchObject({ complete: true, skipped: 4, changed: 0 });
    }
    // The copy of the unreadable one has to open.
    expect(operator.provider.calls).toEqual({ unwrapKey: 2 });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it.each([
    ['present', undefined],
    ['shredded', { ...KEY, id: 'note-0' }],
  ])('is skipped as %s where no read shows it yet', async (reason, toShred) => {
    const { made, dekIds, copy, operator } = await restored(1);
    const [dekId = ''] = dekIds;
    if (toShred) await made.encryptor.shred(note, toShred);
    const before = await contentsOf(made.memory);
    let hidden = 1;
    operator.store.after = (method, result) => {
      if (method === 'list') return { items: [] };
      if (method !== 'getMany' || hidden === 0) return result;
      hidden -= 1;
      return new Map();
    };
    const { events, summary } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: `skipped ${reason}` });
    expect(summary).toMatchObject({ complete: true, passes: 1, changed: 0 });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('is skipped where every read of a lagging store hides it', async () => {
    const { made, dekIds, copy, operator } = await restored(1);
    const before = await contentsOf(made.memory);
    operator.store.after = (method, result) => {
      if (method === 'getMany') return new Map();
      return method === 'list' ? { items: [] } : result;
    };
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekIds[0] ?? '']: 'skipped present' });
    expect(await contentsOf(made.memory)).toEqual(before);
  });
});

describe('a scope that went on without the row', () => {
  it('has the row retired where a later generation seals', async () => {
    const { made, stored, dekIds, copy, operator } = await restored(1);
    const [dekId = ''] = dekIds;
    await lose(made, dekId);
    await alterRecord(made, { generationFloor: 2 });
    await encryptAny(withKeys(made, ['a']).encryptor, { ...KEY, id: 'note-0', body: 'new' });
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'changed retired' });
    expect(await rowIn(made.memory, dekId)).toEqual({
      ...(await rowIn(copy, dekId)),
      state: 'retired',
      retiredAt: new Date(made.clock.wallMs()).toISOString(),
    });
    expect(await decryptAny(operator.encryptor, stored[0])).toMatchObject({ body: 'of note-0' });
  });

  it('was shredded since: the row is imported only where it is named', async () => {
    const { made, dekIds, copy, operator } = await restored(1);
    const [dekId = ''] = dekIds;
    await lose(made, dekId);
    await made.memory.create(tombstone(['notes', 'ws-1', 'note-0'], 2));
    const before = await contentsOf(made.memory);
    for (const options of [{}, { scopes: [scopeIdIn(dekId)] }]) {
      const { events } = await importRows(operator, { from: copy, ...options });
      expect(outcomesIn(events)).toEqual({ [dekId]: 'skipped shredded' });
    }
    expect(await contentsOf(made.memory)).toEqual(before);
    const named = await importRows(operator, { from: copy, dekIds });
    expect(outcomesIn(named.events)).toEqual({ [dekId]: 'changed active' });
  });

  it('receives a tombstone of the copy as a tombstone', async () => {
    const { made, dekIds, operator } = await restored(1);
    const [dekId = ''] = dekIds;
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    const copy = await copied(made.memory);
    await lose(made, dekId);
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'changed shredded' });
    expect(await rowIn(made.memory, dekId)).toEqual(await rowIn(copy, dekId));
    expect(operator.provider.calls).toEqual({});
  });
});

it('names no key, value or ciphertext in its events', async () => {
  const { made, dekIds, copy, operator } = await restored(2);
  const [dekId = '', other = ''] = dekIds;
  await lose(made, dekId);
  await lose(made, other);
  await alterIn(copy, other, { commitment: 'A'.repeat(43) });
  const { events } = await importRows(operator, { from: copy });
  const texts = JSON.stringify(events);
  const { wrappedDek, commitment } = (await rowIn(copy, dekId)) as Record<string, string>;
  for (const text of [wrappedDek, commitment]) expect(texts).not.toContain(text);
  const failed = events.find((event) => event.type === 'failed');
  expect(failed?.error).toMatchObject({
    message: `DEK row ${other} failed authentication: it was changed, or moved from another place; restore the row from a backup`,
  });
});

describe('what is refused before anything is read', () => {
  const scope = '6ba93ee4f21c83cde16a191438027014';
  it.each([
    [
      { from: undefined },
      '"from" expected a DEK store with getMany, list and count, got undefined',
    ],
    [{ dekIds: [] }, '"dekIds" expected at least one, got none'],
    [{ dekIds: 'x' }, '"dekIds" expected an array, got a string'],
    [{ dekIds: [`${scope}.1`, scope] }, '"dekIds[1]" expected a dekId, got another value'],
    [{ scopes: [] }, '"scopes" expected at least one, got none'],
    [
      { scopes: [`${scope}.1`] },
      '"scopes[0]" expected the 32 hex digits of a dekId before its dot, got another value',
    ],
  ])('is %j', async (options, message) => {
    const { copy, operator } = await restored(1);
    const all = { from: copy, ...options } as never;
    const error = await rejection(importDekRows(operator.encryptor, all).next());
    expect(error).toMatchObject({ message });
    expect(operator.store.calls).toEqual({});
  });

  it('is the store itself as its own copy', async () => {
    const { operator } = await restored(1);
    const work = importDekRows(operator.encryptor, { from: operator.encryptor.dekStore });
    expect(await rejection(work.next())).toEqual(
      new RangeError('"from" is the "dekStore" that rows are imported into: pass the copy'),
    );
  });
});
