import { readLeaseItem } from '../../../src/store/dek-store.js';
import { describe, expect, it } from 'vitest';
import type { DekRow, StoredItem } from '../../../src/adapters.js';
import { definitionRecord } from '../../../src/format/definition-record.js';
import { StoreError } from '../../../src/index.js';
import { sampleLease } from '../../../src/testing/sample-items.js';
import {
  contentsOf,
  encryptAny,
  KEY,
  PRODUCT,
  setup,
  type Setup,
} from '../../support/encryptor.js';
import { failure, refused } from '../../support/failure.js';
import { OTHER_RECORD_KEY, PREVIOUS_RECORD_KEY, RECORD_KEY_ID } from '../../support/records.js';
import {
  accepting,
  changed,
  keyIds,
  readsAll,
  required,
  reseal,
  seeded,
} from '../../support/resealing.js';
import { alterRecord, alterRow, record, rewrap, withKeys } from '../../support/rotations.js';

describe('a rotation record', () => {
  it('that was forged ends the run, and nothing is written', async () => {
    const [before] = await seeded({ recordKey: PREVIOUS_RECORD_KEY });
    await alterRecord(before, { epoch: 7 });
    const untouched = await contentsOf(before.memory);
    const operator = setup({ beside: before, ...changed });
    expect(await failure(reseal(operator))).toMatchObject({ code: 'TAMPERED' });
    expect(await contentsOf(before.memory)).toEqual(untouched);
  });

  it('without a mac that names a MEK which is not here is given none', async () => {
    const [before] = await seeded();
    await alterRecord(before, { keyProvider: 'akv', mekName: 'evil' });
    const operator = setup({ beside: before, ...accepting });
    expect(await failure(reseal(operator))).toEqual(
      refused(
        'KEY_PROVIDER_NOT_CONFIGURED',
        'No configured key provider has the id "akv" and the MEK "evil": add it to "keyProviders"',
      ),
    );
    expect(await record(before)).not.toHaveProperty('mac');
  });

  it('that is gone while there are rows ends the run', async () => {
    const [before] = await seeded(required);
    const operator = setup({ beside: before, ...required });
    operator.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    expect(await failure(reseal(operator))).toMatchObject({ code: 'ROTATION_RECORD_MISSING' });
  });

  it('under a key that is not here ends the run', async () => {
    const [before] = await seeded({ recordKey: OTHER_RECORD_KEY });
    const operator = setup({ beside: before, ...changed });
    expect(await failure(reseal(operator))).toMatchObject({
      code: 'RECORD_KEY_UNKNOWN',
      message:
        'The rotation record of "notelett" has a mac under the record key e233d58284199758, which is not configured: add that key to "previousRecordKeys"; if that key is not yours, another party wrote the record',
    });
  });

  it('whose write lost its answer, or a race, is read again', async () => {
    for (const lose of ['answer', 'race'] as const) {
      const [before] = await seeded();
      const operator = setup({ beside: before, ...accepting });
      let writes = 0;
      operator.store.before = async (method) => {
        if (method !== 'replaceRotation' || lose !== 'race' || ++writes > 1) return;
        await alterRecord(before, {});
      };
      operator.store.after = (method, result) => {
        if (method !== 'replaceRotation' || lose !== 'answer' || ++writes > 1) return result;
        throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
      };
      expect((await reseal(operator)).summary).toMatchObject({ complete: true, changed: 4 });
      expect(await keyIds(before)).toEqual([RECORD_KEY_ID]);
      expect(operator.store.calls['replaceRotation']).toBe(lose === 'race' ? 2 : 1);
    }
  });

  it('is not written once the signal has aborted', async () => {
    const [before] = await seeded();
    const operator = setup({ beside: before, ...accepting });
    const [controller, reason] = [new AbortController(), new Error('enough')];
    operator.store.after = (method, result) => {
      if (method === 'getRotation') controller.abort(reason);
      return result;
    };
    await expect(reseal(operator, { signal: controller.signal })).rejects.toBe(reason);
    expect(await keyIds(before)).toEqual([undefined]);
  });

  it('whose write failed ends the run with its failure', async () => {
    const [before] = await seeded();
    const operator = setup({ beside: before, ...accepting });
    operator.store.before = (method) => {
      if (method === 'replaceRotation') throw new StoreError('STORE_UNAVAILABLE', 'no route');
    };
    expect(await failure(reseal(operator))).toMatchObject({ message: 'no route' });
    expect(await keyIds(before)).toEqual([undefined]);
  });
});

describe('an item of a re-encryption', () => {
  const item = {
    id: 'reencryption:notes',
    scopeId: `lease:${PRODUCT}`,
    type: 'reencryption',
    schema: 1,
    product: PRODUCT,
    collection: 'notes',
    createdBefore: '2026-01-01T00:00:00.000Z',
    generationFloor: 2,
    startedAt: '2026-01-01T00:00:00.000Z',
  };
  const read = async (made: Setup): Promise<StoredItem | undefined> =>
    made.memory.getItem(item.scopeId, item.id);

  it('gets a mac, as a row does, and a lease beside it none', async () => {
    const [before] = await seeded();
    await before.memory.createItem(item);
    const lease = await before.memory.createItem(sampleLease(PRODUCT));
    const operator = setup({ beside: before, ...accepting });
    await reseal(operator, { dryRun: true });
    expect((await read(before))?.value).toEqual(item);
    expect((await reseal(operator)).summary).toMatchObject({ complete: true });
    expect((await read(before))?.value).toMatchObject({ ...item, macKeyId: RECORD_KEY_ID });
    expect(await readLeaseItem(before.memory, PRODUCT, 'notes')).toEqual(lease);
    operator.store.reset();
    await reseal(operator);
    expect(operator.store.calls).not.toHaveProperty('replaceReencryption');
  });

  it('gets the mac of a record key that changed', async () => {
    const [before] = await seeded({ recordKey: PREVIOUS_RECORD_KEY });
    await before.encryptor.dekStore.createItem(item);
    await reseal(setup({ beside: before, ...changed }));
    expect((await read(before))?.value).toMatchObject({ ...item, macKeyId: RECORD_KEY_ID });
  });

  it('whose write lost its answer, or a race, is read again', async () => {
    for (const lose of ['answer', 'race']) {
      const [before] = await seeded();
      await before.memory.createItem(item);
      const operator = setup({ beside: before, ...accepting });
      let writes = 0;
      operator.store.before = async (method) => {
        if (method !== 'replaceReencryption' || lose !== 'race' || ++writes > 1) return;
        await before.memory.replaceItem(item, (await read(before))?.etag ?? '');
      };
      operator.store.after = (method, result) => {
        if (method !== 'replaceReencryption' || lose !== 'answer' || ++writes > 1) return result;
        throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
      };
      expect((await reseal(operator)).summary).toMatchObject({ complete: true });
      expect(operator.store.calls['replaceReencryption']).toBe(lose === 'race' ? 2 : 1);
      expect((await read(before))?.value).toMatchObject({ macKeyId: RECORD_KEY_ID });
    }
  });

  it.each([
    ['generationFloor', 'many', 'TAMPERED'],
    ['mac', 'A'.repeat(43), 'TAMPERED'],
    ['later', 1, 'ROW_UNSUPPORTED'],
  ])('that is not sound ends the run: %s %j', async (property, value, code) => {
    const [before] = await seeded();
    await before.memory.createItem(Object.assign({ ...item }, { [property]: value }));
    const operator = setup({ beside: before, ...accepting });
    expect(await failure(reseal(operator))).toMatchObject({ code });
  });

  it('of a type of a later version is given no mac by this one', async () => {
    const [before] = await seeded();
    const later = { scopeId: `member:${PRODUCT}`, id: 'proposal', type: 'proposal', schema: 1 };
    await before.memory.createItem(Object.assign(later, { product: PRODUCT }));
    expect(await failure(reseal(setup({ beside: before, ...accepting })))).toEqual({
      name: 'FieldEncryptionError',
      code: 'ROW_UNSUPPORTED',
      message: `The item "proposal" of "member:${PRODUCT}" has the type "proposal", which this version does not know: upgrade @bytelyst/field-encrypt`,
    });
  });
});

describe('a definitions record', () => {
  const item = definitionRecord({
    ...{ product: PRODUCT, collection: 'notes', key: ['id'], paths: ['body'] },
    updatedAt: '2026-01-01T00:00:00.000Z',
  });

  it('gets a mac, as a row does', async () => {
    const [before] = await seeded();
    await before.memory.createItem(item);
    const operator = setup({ beside: before, ...accepting });
    expect((await reseal(operator)).summary).toMatchObject({ complete: true });
    const stored = await before.memory.getItem(item.scopeId, item.id);
    expect(stored?.value).toMatchObject({ ...item, macKeyId: RECORD_KEY_ID });
  });

  it.each([
    ['paths', ['b', 'a'], 'TAMPERED'],
    ['collection', 'other', 'TAMPERED'],
    ['later', 1, 'ROW_UNSUPPORTED'],
  ])('that is not sound ends the run: %s %j', async (property, value, code) => {
    const [before] = await seeded();
    await before.memory.createItem({ ...item, [property]: value });
    const operator = setup({ beside: before, ...accepting });
    expect(await failure(reseal(operator))).toMatchObject({ code });
  });

  it('at a place of another item gets none', async () => {
    const [before] = await seeded();
    await before.memory.createItem({ ...item, scopeId: `lease:${PRODUCT}` });
    const operator = setup({ beside: before, ...accepting });
    expect(await failure(reseal(operator))).toMatchObject({ code: 'ROW_UNSUPPORTED' });
  });
});

describe('beside others', () => {
  it('a write that lost its answer counts once', async () => {
    const [before] = await seeded();
    const operator = setup({ beside: before, ...accepting });
    let writes = 0;
    operator.store.after = (method, result) => {
      if (method !== 'replace' || ++writes > 1) return result;
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    expect((await reseal(operator)).summary).toMatchObject({ complete: true, changed: 4 });
    expect(operator.store.calls['replace']).toBe(4);
  });

  it('a row that someone else writes first is read again, and its content kept', async () => {
    const [before, [stored]] = await seeded();
    const operator = setup({ beside: before, ...accepting });
    const { dekId } = (stored as { body: { dekId: string } }).body;
    const retired = { state: 'retired', retiredAt: '2026-11-28T00:00:00.000Z' };
    let disturbed = false;
    operator.store.before = async (method, [value]) => {
      if (disturbed || method !== 'replace' || (value as DekRow).id !== dekId) return;
      disturbed = true;
      await alterRow(before, dekId, retired);
    };
    expect((await reseal(operator)).summary).toMatchObject({ complete: true, changed: 4 });
    expect((await before.memory.get(dekId))?.value).toMatchObject({
      ...retired,
      macKeyId: RECORD_KEY_ID,
    });
  });

  it('two of them share the work, and a rewrap and writers go on', async () => {
    const [before, stored] = await seeded();
    const one = withKeys(before, ['b', 'a'], accepting);
    const other = setup({ beside: one, keyProviders: one.encryptor.keyProviders, ...accepting });
    const writer = setup({ beside: one, keyProviders: one.encryptor.keyProviders, ...accepting });
    const [first, second, , fresh] = await Promise.all([
      reseal(one, { concurrency: 2 }),
      reseal(other, { concurrency: 2 }),
      rewrap(setup({ beside: one, keyProviders: one.encryptor.keyProviders, ...accepting })),
      encryptAny(writer.encryptor, { ...KEY, id: 'fresh', body: 'text', tags: ['x', 'y'] }),
    ]);
    expect([first.summary.complete, second.summary.complete]).toEqual([true, true]);
    expect((await reseal(one)).summary).toMatchObject({ complete: true, failed: 0 });
    expect(await keyIds(before)).toEqual([RECORD_KEY_ID]);
    await readsAll(withKeys(before, ['b'], required), [...stored, fresh]);
  });
});

describe('a process that dies', () => {
  it('at any write, before or after it, leaves what the next run finishes', async () => {
    for (let dies = 1; dies <= 5; dies += 1) {
      for (const when of ['before', 'after'] as const) {
        const [before, stored] = await seeded();
        const mortal = setup({ beside: before, ...accepting });
        let writes = 0;
        let isDead = false;
        const die = (): never => {
          isDead = true;
          throw new StoreError('STORE_UNAVAILABLE', 'dead');
        };
        mortal.store.before = (method) => {
          if (isDead) die();
          if (method.startsWith('replace') && ++writes === dies && when === 'before') die();
        };
        mortal.store.after = (method, result) => {
          if (method.startsWith('replace') && writes === dies && when === 'after') die();
          return result;
        };
        const run = reseal(mortal, { concurrency: 1 });
        const end = await run.catch((error: unknown) => error);
        // Where the last scan had changed something before, the next one finds no store.
        expect(end).toMatchObject(
          end instanceof Error ? { message: 'dead' } : { summary: { complete: false } },
        );
        await readsAll(setup({ beside: before, ...accepting }), stored);
        const durable = when === 'after' ? dies : dies - 1;
        const { summary } = await reseal(setup({ beside: before, ...accepting }));
        // The first write was that of the rotation record.
        expect(summary).toMatchObject({ complete: true, changed: 4 - Math.max(durable - 1, 0) });
        expect(await keyIds(before)).toEqual([RECORD_KEY_ID]);
      }
    }
  });
});
