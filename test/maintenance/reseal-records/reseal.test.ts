import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import {
  authenticateRecords,
  createFieldEncryptor,
  resealRecords,
  type MaintenanceEvent,
} from '../../../src/index.js';
import { injectFaults } from '../../../src/testing/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  PRODUCT,
  setup,
} from '../../support/encryptor.js';
import { failedRow, failure, tampered } from '../../support/failure.js';
import {
  PREVIOUS_RECORD_KEY,
  PREVIOUS_RECORD_KEY_ID,
  RECORD_KEY_ID,
} from '../../support/records.js';
import {
  accepting,
  changed,
  failures,
  keyIds,
  readsAll,
  required,
  reseal,
  seeded,
  withoutMac,
} from '../../support/resealing.js';
import {
  alterRecord,
  alterRow,
  record,
  rewrap,
  rows,
  withKeys,
  writeNotes,
} from '../../support/rotations.js';

describe('resealRecords', () => {
  it('brings every row and the rotation record under a record key that is new, and nothing else', async () => {
    const [before, stored] = await seeded();
    const unsealed = await rows(before);
    const operator = setup({ beside: before, ...accepting });
    const { summary, events } = await reseal(operator);
    expect(summary).toEqual({
      run: 'resealRecords',
      durationMs: 0,
      product: PRODUCT,
      dryRun: false,
      complete: true,
      passes: 2,
      failures: {},
      changed: 4,
      scanned: 4,
      unchanged: 4,
      skipped: 0,
      failed: 0,
      wouldChange: 0,
    });
    expect(events[0]).toEqual({ type: 'begun', run: 'resealRecords', product: PRODUCT });
    expect(await keyIds(before)).toEqual([RECORD_KEY_ID]);
    expect((await rows(before)).map(withoutMac)).toEqual(unsealed.map(withoutMac));
    await readsAll(setup({ beside: before, ...required }), stored);
  });

  it('brings them under a record key that changed, without asking the MEK', async () => {
    const [before, stored] = await seeded({ recordKey: PREVIOUS_RECORD_KEY });
    expect(await keyIds(before)).toEqual([PREVIOUS_RECORD_KEY_ID]);
    const operator = setup({ beside: before, ...changed });
    await readsAll(setup({ beside: before, ...changed }), stored);
    expect((await reseal(operator)).summary).toMatchObject({ complete: true, changed: 4 });
    expect(operator.provider.calls).toEqual({});
    expect(await keyIds(before)).toEqual([RECORD_KEY_ID]);
    await readsAll(setup({ beside: before, ...required }), stored);
  });

  it('writes nothing once it has finished', async () => {
    const [before] = await seeded();
    const operator = setup({ beside: before, ...accepting });
    await reseal(operator);
    const done = await contentsOf(before.memory);
    operator.provider.reset();
    expect((await reseal(operator)).summary).toMatchObject({
      complete: true,
      passes: 1,
      changed: 0,
      unchanged: 4,
    });
    expect(await contentsOf(before.memory)).toEqual(done);
    expect(operator.provider.calls).toEqual({});
  });

  it('opens every DEK without a mac in a dry run, and writes nothing', async () => {
    const [before] = await seeded();
    const untouched = await contentsOf(before.memory);
    const operator = setup({ beside: before, ...accepting });
    expect((await reseal(operator, { dryRun: true })).summary).toMatchObject({
      dryRun: true,
      complete: false,
      wouldChange: 4,
    });
    expect(operator.provider.calls).toEqual({ unwrapKey: 3 });
    expect(await contentsOf(before.memory)).toEqual(untouched);
  });

  it('seals the rotation record before any row', async () => {
    const [before] = await seeded();
    const operator = setup({ beside: before, ...accepting });
    const order: string[] = [];
    operator.store.before = (method) => {
      if (method.startsWith('replace')) order.push(method);
    };
    await reseal(operator);
    expect(order).toEqual(['replaceRotation', 'replace', 'replace', 'replace', 'replace']);
  });

  it('keeps epochs, in a rotation that is under way too', async () => {
    const [before, stored] = await seeded();
    const operator = withKeys(before, ['b', 'a'], accepting);
    await rewrap(operator);
    await alterRecord(before, { state: 'rewrapping', mac: undefined, macKeyId: undefined });
    const epochs = (await rows(before)).map(({ epoch }) => epoch);
    expect((await reseal(operator)).summary).toMatchObject({ complete: true });
    expect((await rows(before)).map(({ epoch }) => epoch)).toEqual(epochs);
    expect(await record(before)).toMatchObject({ state: 'rewrapping', epoch: 2 });
    expect((await rewrap(operator)).summary).toMatchObject({ complete: true, changed: 0 });
    await readsAll(withKeys(before, ['b'], required), stored);
  });

  it('does nothing for a product without rows, and says so', async () => {
    const made = setup(required);
    const { summary } = await reseal(made, { allowEmpty: true });
    expect(summary).toMatchObject({ complete: true, scanned: 0 });
    expect(await made.memory.getRotation(PRODUCT)).toBeUndefined();
  });

  it('works on parts that are passed by hand', async () => {
    const [before] = await seeded();
    const dekStore = authenticateRecords(before.memory, accepting);
    const parts = { product: PRODUCT, keyProviders: [before.keyProvider], dekStore };
    let last: MaintenanceEvent | undefined;
    for await (const event of resealRecords(parts)) last = event;
    expect(last).toMatchObject({ summary: { complete: true, changed: 4 } });
  });

  it('knows an authenticated store behind a proxy', async () => {
    const [before] = await seeded();
    const dekStore = injectFaults(authenticateRecords(before.memory, accepting), () => undefined);
    const { product, keyProviders } = before.encryptor;
    for await (const event of resealRecords({ product, keyProviders, dekStore })) {
      if (event.type === 'finished') expect(event.summary).toMatchObject({ complete: true });
    }
    expect(await keyIds(before)).toEqual([RECORD_KEY_ID]);
    const encryptor = createFieldEncryptor({ product, keyProviders, dekStore });
    expect(await encryptor.checkReadiness()).toMatchObject({ recordAuthentication: 'optional' });
  });

  it.each([
    ['an encryption without a record key', async () => (await seeded())[0].encryptor],
    [
      'a store that is not authenticated',
      () => {
        const { product, keyProviders } = setup(required).encryptor;
        return { product, keyProviders, dekStore: setup().memory };
      },
    ],
  ])('refuses %s', async (_what, make) => {
    const encryption = (await make()) as never;
    expect(await failure(resealRecords(encryption).next())).toEqual({
      name: 'TypeError',
      message:
        'resealRecords needs a record key: pass an encryptor that has a "recordKey", or a "dekStore" from authenticateRecords',
    });
  });

  it.each([
    [{ concurrency: 0 }, 'RangeError', '"concurrency" expected an integer from 1 to 1000, got 0'],
    [{ dryRun: 1 }, 'TypeError', '"dryRun" expected a boolean, got a number'],
    [
      { takeOver: true },
      'RangeError',
      '"takeOver" is no option: expected concurrency, dryRun, maxFailures, allowEmpty, maxVaultOpsPerSecond, reserveForTraffic, signal',
    ],
  ])('refuses the options %j before it reads', async (options, name, message) => {
    const made = setup(required);
    expect(await failure(resealRecords(made.encryptor, options as never).next())).toEqual({
      name,
      message,
    });
    expect(made.store.calls).toEqual({});
  });

  it('does nothing before it is pulled, and stops where its signal says', async () => {
    const [before, stored] = await seeded();
    const operator = setup({ beside: before, ...accepting });
    const controller = new AbortController();
    const resealing = resealRecords(operator.encryptor, {
      signal: controller.signal,
      concurrency: 1,
    });
    expect(operator.store.calls).toEqual({});
    const reason = new Error('enough');
    let written = 0;
    const running = (async () => {
      for await (const event of resealing) {
        if (event.type !== 'changed') continue;
        written += 1;
        controller.abort(reason);
      }
    })();
    await expect(running).rejects.toBe(reason);
    expect(written).toBe(1);
    await readsAll(setup({ beside: before, ...accepting }), stored);
    expect((await reseal(operator)).summary).toMatchObject({ complete: true, changed: 3 });
  });
});

describe('a row without a mac', () => {
  it('is not given one while records have to be authentic', async () => {
    const [before] = await seeded(required);
    const [row] = (await rows(before)) as [LiveDekRow];
    await alterRow(before, row.id, { mac: undefined, macKeyId: undefined });
    const resealed = await reseal(setup({ beside: before, ...required }));
    expect(resealed.summary).toMatchObject({ complete: false, failed: 1, unchanged: 3 });
    expect(failures(resealed)).toEqual([
      tampered(
        `DEK row ${row.id} has no mac: it was changed, or written without the record key; restore it from a backup, or run resealRecords if record authentication was turned on recently`,
      ),
    ]);
  });

  it('is not given one before its DEK was opened, and is the one that the row commits to', async () => {
    const [before] = await seeded();
    const [row] = ((await rows(before)) as LiveDekRow[]).filter(({ state }) => state === 'active');
    const id = row?.id ?? '';
    await alterRow(before, id, { commitment: Buffer.alloc(32, 1).toString('base64url') });
    const resealed = await reseal(setup({ beside: before, ...accepting }));
    expect(resealed.summary).toMatchObject({ complete: false, failed: 1, changed: 3 });
    expect(failures(resealed)).toContainEqual(failedRow(id));
    expect((await before.memory.get(id))?.value).not.toHaveProperty('mac');
  });

  it('is not given one where it holds another key than the one in use', async () => {
    const [before, [stored]] = await seeded();
    const operator = setup({ beside: before, ...accepting });
    await decryptAny(operator.encryptor, stored);
    const { dekId } = (stored as { body: { dekId: string } }).body;
    const elsewhere = setup();
    await writeNotes(elsewhere, 1);
    const [other] = (await rows(elsewhere)) as [LiveDekRow];
    expect(other.id).toBe(dekId);
    const { wrappedDek, commitment } = other;
    await alterRow(before, dekId, { wrappedDek, commitment });
    const resealed = await reseal(operator);
    expect(resealed.summary).toMatchObject({ complete: false, failed: 1 });
    expect(failures(resealed)).toContainEqual(
      tampered(
        `The commitment of DEK row ${dekId} has changed, and a DEK never changes: restore the row from a backup`,
      ),
    );
  });

  it('may still be planted: that it is intact does not show who made it', async () => {
    const [before] = await seeded();
    await encryptAny(before.encryptor, { ...KEY, id: 'planted', body: 'by a holder of the MEK' });
    expect((await reseal(setup({ beside: before, ...accepting }))).summary).toMatchObject({
      complete: true,
      changed: 5,
    });
  });
});
