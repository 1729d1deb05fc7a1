import { describe, expect, it } from 'vitest';
import {
  authenticateRecords,
  importDekRows,
  KeyProviderError,
  StoreError,
  type DekStore,
} from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { scopeIdIn } from '../../src/format/key-scope.js';
import { contentsOf, KEY, note, PRODUCT, setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import {
  alterIn,
  copied,
  importRows,
  lose,
  outcomesIn,
  restored,
  rowIn,
  type Restored,
} from '../support/importing.js';
import { PREVIOUS_RECORD_KEY, RECORD_KEY, RECORD_KEY_ID } from '../support/records.js';
import { alterRecord, rewrap, versionOf, withKeys } from '../support/rotations.js';
import { tombstone } from '../support/rows.js';

/** One row that is lost, and its copy. */
async function oneLost(made = setup()): Promise<Restored & { readonly dekId: string }> {
  const world = await restored(1, made);
  const [dekId = ''] = world.dekIds;
  await lose(made, dekId);
  return { ...world, dekId };
}

describe('a damaged row of the store', () => {
  async function damagedRow(): ReturnType<typeof oneLost> {
    const made = setup();
    const world = await restored(1, made);
    const [dekId = ''] = world.dekIds;
    await alterIn(made.memory, dekId, { createdAt: 'yesterday' });
    return { ...world, dekId };
  }

  it('is skipped where the copy has the row, and it opens', async () => {
    const { copy, operator, dekId } = await damagedRow();
    const { events } = await importRows(operator, { from: copy, dekIds: [dekId] });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'skipped unreadable' });
  });

  it('is a failure where the copy has no such row, so that it is not deleted for nothing', async () => {
    const { copy, operator, dekId } = await damagedRow();
    await lose({ memory: copy }, dekId);
    const { events } = await importRows(operator, { from: copy, dekIds: [dekId] });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'failed DEK_NOT_FOUND' });
  });

  it.each([
    ['is damaged too', { createdAt: 'yesterday' }, 'TAMPERED'],
    ['does not open', { wrappedDek: 'A'.repeat(54) }, 'TAMPERED'],
    [
      'has a mac that no key checks',
      { mac: 'A'.repeat(43), macKeyId: '0'.repeat(16) },
      'ROW_UNSUPPORTED',
    ],
  ])('is a failure where the row of the copy %s', async (_how, change, code) => {
    const { copy, operator, dekId } = await damagedRow();
    await alterIn(copy, dekId, change);
    for (const options of [{}, { dekIds: [dekId] }]) {
      const { events } = await importRows(operator, { from: copy, ...options });
      expect(outcomesIn(events)).toEqual({ [dekId]: `failed ${code}` });
    }
  });
});

describe('a row of the copy is refused, and nothing is written,', () => {
  const forged = `${'0'.repeat(32)}.1`;
  it.each([
    ['where it was altered', { createdAt: 'yesterday' }, 'TAMPERED'],
    ['where a later version wrote it', { state: 'frozen' }, 'ROW_UNSUPPORTED'],
    ['where its wrap holds another DEK', { commitment: 'A'.repeat(43) }, 'TAMPERED'],
    ['where its MEK did not make the wrap', { wrappedDek: 'A'.repeat(54) }, 'TAMPERED'],
    ['where its MEK version is not configured', { mekVersion: 'env-1' }, 'MEK_VERSION_UNKNOWN'],
    ['where no provider has its MEK', { keyProvider: 'akv' }, 'KEY_PROVIDER_NOT_CONFIGURED'],
    [
      'where it has a mac that no key checks',
      { mac: 'A'.repeat(43), macKeyId: '0'.repeat(16) },
      'ROW_UNSUPPORTED',
    ],
    ['where it is of a later epoch', { epoch: 2 }, 'ROTATION_RECORD_BEHIND'],
  ])('%s', async (_when, change, code) => {
    const { made, dekIds, copy, operator, dekId } = await oneLost();
    await alterIn(copy, dekId, change);
    const before = await contentsOf(made.memory);
    for (const options of [{}, { dekIds }]) {
      const { events, summary } = await importRows(operator, { from: copy, ...options });
      expect(outcomesIn(events)).toEqual({ [dekId]: `failed ${code}` });
      expect(summary).toMatchObject({ complete: false, failed: 1, changed: 0 });
    }
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('where it was copied under another id', async () => {
    const { made, copy, operator, dekId } = await oneLost();
    const row = (await rowIn(copy, dekId)) as never;
    const other: Partial<DekStore> = {
      getMany: () => Promise.resolve(new Map([[forged, { value: row, etag: '"1"' }]])),
    };
    const from = Object.assign(new MemoryDekStore(), other);
    const { events } = await importRows(operator, { from, dekIds: [forged] });
    expect(events.find(({ type }) => type === 'failed')).toMatchObject({
      error: { message: `DEK row ${forged} was altered (id): restore it from a backup` },
    });
    expect(await rowIn(made.memory, dekId)).toBeUndefined();
  });

  it('where its generation is higher than is credible', async () => {
    const { made, copy, operator, dekId } = await oneLost();
    const forged = tombstone(['notes', 'ws-1', 'note-0'], 2 ** 21);
    await copy.create(forged);
    const { id } = forged;
    expect(scopeIdIn(id)).toBe(scopeIdIn(dekId));
    const { events } = await importRows(operator, { from: copy, dekIds: [id] });
    expect(outcomesIn(events)).toEqual({ [id]: 'failed TAMPERED' });
    expect(await rowIn(made.memory, id)).toBeUndefined();
  });

  it('where the copy does not have it', async () => {
    const { made, copy, operator, dekId } = await oneLost();
    const before = await contentsOf(made.memory);
    await lose({ ...made, memory: copy }, dekId);
    const { events } = await importRows(operator, { from: copy, dekIds: [dekId] });
    expect(events.find(({ type }) => type === 'failed')).toMatchObject({
      error: {
        code: 'DEK_NOT_FOUND',
        dekId,
        message: `DEK ${dekId} is not in the copy that "from" reads: pass a copy from a time when the row existed`,
      },
    });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it.each(['MEK_DISABLED', 'KEY_PROVIDER_UNAVAILABLE'] as const)(
    'where its vault answers %s; a later run continues',
    async (code) => {
      const { made, copy, operator, dekId } = await oneLost();
      operator.provider.before = () => {
        throw new KeyProviderError(code, 'as the vault said');
      };
      const { events } = await importRows(operator, { from: copy });
      expect(outcomesIn(events)).toEqual({ [dekId]: `failed ${code}` });
      expect(await rowIn(made.memory, dekId)).toBeUndefined();
      operator.provider.before = () => undefined;
      expect((await importRows(operator, { from: copy })).summary).toMatchObject({ changed: 1 });
    },
  );
});

describe('with authenticated records', () => {
  const recordKey = RECORD_KEY;

  async function lostUnderKey(): Promise<Restored & { readonly dekId: string }> {
    const memory = new MemoryDekStore();
    const made = setup({ memory, dekStore: memory, recordKey });
    const world = await oneLost(made);
    return { ...world, operator: withKeys(made, ['a'], { dekStore: memory, recordKey }) };
  }

  it('the copy is checked with the same keys, and the row gets a new mac', async () => {
    const { made, copy, dekId } = await lostUnderKey();
    await alterRecordEpoch(made.memory);
    const operator = withKeys(made, ['a'], { dekStore: made.memory, recordKey });
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'changed active' });
    const row = await rowIn(made.memory, dekId);
    expect(row).toMatchObject({ epoch: 7, macKeyId: RECORD_KEY_ID });
    expect(row?.['mac']).not.toBe((await rowIn(copy, dekId))?.['mac']);
    const seen = await authenticateRecords(made.memory, { recordKey }).get(dekId);
    expect(seen).toMatchObject({ authenticatedBy: RECORD_KEY_ID });
  });

  it('a copy under an earlier key is passed with that key', async () => {
    const { made, copy, operator, dekId } = await lostUnderKey();
    const old = authenticateRecords(new MemoryDekStore(), { recordKey: PREVIOUS_RECORD_KEY });
    const { mac, macKeyId, ...row } = (await rowIn(copy, dekId)) ?? {};
    expect([mac, macKeyId]).toEqual([expect.any(String), RECORD_KEY_ID]);
    await old.create(row as never);
    await importRows(operator, { from: old });
    expect(await rowIn(made.memory, dekId)).toMatchObject({ macKeyId: RECORD_KEY_ID });
  });

  it.each([
    ['with a false mac', { mac: 'A'.repeat(43) }, 'TAMPERED'],
    ['under an unknown key', { macKeyId: '0'.repeat(16) }, 'RECORD_KEY_UNKNOWN'],
  ])('a row %s is not imported', async (_how, change, code) => {
    const { made, copy, operator, dekId } = await lostUnderKey();
    await alterIn(copy, dekId, change);
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: `failed ${code}` });
    expect(await rowIn(made.memory, dekId)).toBeUndefined();
  });

  it('a row from before there was a key is imported only where the caller accepts it', async () => {
    const { made, copy, operator, dekId } = await lostUnderKey();
    const from = new MemoryDekStore();
    const { mac, macKeyId, ...row } = (await rowIn(copy, dekId)) ?? {};
    expect([mac, macKeyId]).toEqual([expect.any(String), RECORD_KEY_ID]);
    await from.create(row as never);
    const { events } = await importRows(operator, { from });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'failed TAMPERED' });
    const accepting = authenticateRecords(from, {
      recordKey,
      insecureAcceptUnauthenticatedRecords: true,
    });
    await importRows(operator, { from: accepting });
    expect(await rowIn(made.memory, dekId)).toMatchObject({ macKeyId: RECORD_KEY_ID });
  });

  async function alterRecordEpoch(memory: MemoryDekStore): Promise<void> {
    const view = authenticateRecords(memory, { recordKey });
    const item = await view.getItem(`rotation:${PRODUCT}`, 'rotation');
    await view.replaceItem({ ...(item?.value as object), epoch: 7 } as never, item?.etag ?? '');
  }
});

describe('what the store does meanwhile', () => {
  it('a create that is written and not answered counts as written', async () => {
    const { copy, operator, dekId } = await oneLost();
    operator.store.after = (method, result) => {
      if (method !== 'create') return result;
      operator.store.after = (_method, later) => later;
      throw new StoreError('STORE_UNAVAILABLE', 'the answer was lost');
    };
    const { events, summary } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'changed active' });
    expect(summary).toMatchObject({ complete: true, changed: 1 });
  });

  it('a create that fails is a failure of the row', async () => {
    const { made, copy, operator, dekId } = await oneLost();
    operator.store.before = (method) => {
      if (method === 'create') throw new StoreError('STORE_UNAVAILABLE', 'down');
    };
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'failed STORE_UNAVAILABLE' });
    expect(await rowIn(made.memory, dekId)).toBeUndefined();
  });

  it('a shred of this process ends the import of its scope', async () => {
    const { made, copy, operator, dekId } = await oneLost();
    operator.provider.before = async () => {
      operator.provider.before = () => undefined;
      await operator.encryptor.shred(note, { ...KEY, id: 'note-0' });
    };
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'failed DEK_SHREDDED' });
    expect(await rowIn(made.memory, dekId)).toBeUndefined();
  });

  it('a shred of this process bars a create that is not answered yet', async () => {
    const { made, copy, operator, dekId } = await oneLost();
    operator.store.before = async (method) => {
      if (method !== 'create') return;
      operator.store.before = () => undefined;
      await operator.encryptor.shred(note, { ...KEY, id: 'note-0' });
    };
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'skipped shredded' });
    expect(await rowIn(made.memory, dekId)).toMatchObject({ state: 'shredded' });
  });

  it('all rows share one fresh copy of the record, and a read that took too long is repeated', async () => {
    const { made, dekIds, copy, operator } = await restored(3);
    for (const dekId of dekIds) await lose(made, dekId);
    await importRows(operator, { from: copy, dryRun: true });
    expect(operator.store.calls['getRotation']).toBe(1);
    operator.store.after = async (method, result) => {
      if (method !== 'getRotation') return result;
      operator.store.after = (_method, later) => later;
      await alterRecord(made, { epoch: 5 });
      made.clock.advance(30_000);
      return result;
    };
    made.clock.advance(30_000);
    operator.store.reset();
    await importRows(operator, { from: copy });
    expect(operator.store.calls).toMatchObject({ getRotation: 2, create: 3 });
    expect(operator.store.calls['replace']).toBeUndefined();
    for (const dekId of dekIds) expect(await rowIn(made.memory, dekId)).toMatchObject({ epoch: 5 });
  });

  it('the row follows a rotation that began while its create was not answered', async () => {
    const { made, copy, operator, dekId } = await oneLost();
    operator.store.after = async (method, result) => {
      if (method !== 'create') return result;
      operator.store.after = (_method, later) => later;
      await alterRecord(made, { epoch: 5 });
      made.clock.advance(30_000);
      return result;
    };
    await importRows(operator, { from: copy });
    expect(await rowIn(made.memory, dekId)).toEqual({ ...(await rowIn(copy, dekId)), epoch: 5 });
  });

  it.each([
    ['names another target: the row is wrapped for that one', 'a', 3],
    ['is the same: the row is wrapped once', 'b', 2],
  ] as const)(
    'the record, after a wrap that took longer than a fence, %s',
    async (_how, target, epoch) => {
      const { made, dekIds, copy } = await restored(1);
      const [dekId = ''] = dekIds;
      await rewrap(withKeys(made, ['b', 'a']));
      await lose(made, dekId);
      const operator = withKeys(made, ['b', 'a']);
      operator.provider.after = async (method, result) => {
        if (method !== 'wrapKey') return result;
        if (target === 'a') await alterRecord(made, { epoch, mekVersion: await versionOf('a') });
        made.clock.advance(30_000);
        return result;
      };
      operator.store.reset();
      operator.provider.reset();
      const { summary } = await importRows(operator, { from: copy });
      expect(summary).toMatchObject({ complete: true, changed: 1 });
      const row = await rowIn(made.memory, dekId);
      expect(row).toMatchObject({ epoch, mekVersion: await versionOf(target) });
      expect(operator.provider.calls['wrapKey']).toBe(1);
      expect(operator.store.calls['replace']).toBeUndefined();
    },
  );

  it('a copy of the record that is too old is read again before a create', async () => {
    const { made, copy, operator, dekId } = await oneLost();
    operator.provider.before = async () => {
      operator.provider.before = () => undefined;
      await alterRecord(made, { epoch: 5 });
      made.clock.advance(30_000);
    };
    operator.store.reset();
    await importRows(operator, { from: copy });
    expect(await rowIn(made.memory, dekId)).toMatchObject({ epoch: 5 });
    expect(operator.store.calls['replace']).toBeUndefined();
  });

  it('a row ahead of the record waits for a lagging read of the record', async () => {
    const { made, dekIds } = await restored(1);
    const [dekId = ''] = dekIds;
    await rewrap(withKeys(made, ['b', 'a']));
    const copy = await copied(made.memory);
    await lose(made, dekId);
    const operator = withKeys(made, ['b', 'a'], {
      dekStore: Object.assign(made.memory, { readLagMs: () => Promise.resolve(1_000) }),
    });
    const late = (await made.memory.getRotation(PRODUCT)) as { value: object };
    let reads = 0;
    operator.store.after = (method, result) => {
      if (method !== 'getRotation') return result;
      reads += 1;
      return reads === 1 ? { ...late, value: { ...late.value, epoch: 1 } } : result;
    };
    const { events } = await importRows(operator, { from: copy });
    expect(outcomesIn(events)).toEqual({ [dekId]: 'changed active' });
    expect(await rowIn(made.memory, dekId)).toMatchObject({ epoch: 2 });
  });
});

describe('the run is refused before anything is written', () => {
  it.each([
    ['the product', {}, `the product "${PRODUCT}"`],
    ['a scope', { scopes: ['0'.repeat(32)] }, `the scope ${'0'.repeat(32)}`],
  ])('where the copy has no row of %s', async (_what, options, name) => {
    const { made, copy, operator } = await oneLost();
    const from = 'scopes' in options ? copy : new MemoryDekStore();
    const before = await contentsOf(made.memory);
    const work = importDekRows(operator.encryptor, { from, ...options });
    expect(await rejection(work.next())).toMatchObject({
      code: 'DEK_NOT_FOUND',
      message: `The copy in "from" has no DEK row of ${name}, and nothing was written: pass a copy that has it`,
    });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('where the product has no rotation record', async () => {
    const { made, copy } = await restored(2);
    const item = await made.memory.getRotation(PRODUCT);
    await made.memory.deleteItem(`rotation:${PRODUCT}`, 'rotation', item?.etag ?? '');
    const operator = withKeys(made, ['a']);
    const before = await contentsOf(made.memory);
    const work = importDekRows(operator.encryptor, { from: copy });
    expect(await rejection(work.next())).toMatchObject({ code: 'ROTATION_RECORD_MISSING' });
    expect(await contentsOf(made.memory)).toEqual(before);
  });
});
