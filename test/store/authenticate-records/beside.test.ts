/** Processes with the record key beside processes that have none, or another. */
import { describe, expect, it } from 'vitest';
import type { ActiveDekRow, DekRow } from '../../../src/adapters.js';
import { authenticateRecords, resealRecords, takeCensus } from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { maintainRows, type NextRow } from '../../../src/maintenance/maintain-rows.js';
import { readRunOptions } from '../../../src/run/run-context.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Setup,
} from '../../support/encryptor.js';
import { describeError, failure, refused, rejection } from '../../support/failure.js';
import {
  addPlain,
  backfill,
  eventsOf,
  notes,
  reencrypt,
  sealedNotes,
  stored,
} from '../../support/migrations.js';
import {
  OTHER_RECORD_KEY,
  PREVIOUS_RECORD_KEY,
  PREVIOUS_RECORD_KEY_ID,
  RECORD_KEY,
  RECORD_KEY_ID,
} from '../../support/records.js';
import {
  alterRecord,
  envKeys,
  ofType,
  record,
  rewrap,
  rows,
  withKeys,
  writeNotes,
} from '../../support/rotations.js';

const required = { recordKey: RECORD_KEY };
const accepting = { ...required, insecureAcceptUnauthenticatedRecords: true };

function noKey(item: string): ReturnType<typeof refused> {
  return refused(
    'ROW_UNSUPPORTED',
    `${item} has a mac, and this process has no record key to write it with: pass "recordKey" (FIELD_ENCRYPT_RECORD_KEY) as the other processes do`,
  );
}

const RECORD_NAME = `The rotation record of "${PRODUCT}"`;

/** As while record authentication is being turned on: rows with a mac, under a record that has none. */
async function turningOn(): Promise<Setup> {
  const before = setup();
  await writeNotes(before, 1);
  await writeNotes(setup({ beside: before, ...accepting }), 3);
  const macs = (await rows(before)).map(({ macKeyId }) => macKeyId);
  expect(macs.filter((id) => id === RECORD_KEY_ID)).toHaveLength(2);
  expect(await record(before)).not.toHaveProperty('mac');
  return before;
}

describe('a process without the record key, where records have macs', () => {
  it('opens documents: a mac that is not checked protects nothing, and stops no process', async () => {
    const made = setup(required);
    const [stored] = await writeNotes(made, 1);
    expect(await decryptAny(setup({ beside: made }).encryptor, stored)).toMatchObject({
      body: 'of note-0',
    });
  });

  it('seals nothing, once the rotation record has one: it would seal under a planted DEK', async () => {
    const made = setup(required);
    const [stored] = await writeNotes(made, 1);
    const { encryptor } = setup({ beside: made });
    const before = await contentsOf(made.memory);
    const refusal = noKey(RECORD_NAME);
    expect(await failure(encryptAny(encryptor, { ...stored, body: 'more' }))).toEqual(refusal);
    expect(await failure(encryptAny(encryptor, { ...KEY, id: 'new', body: 'x' }))).toEqual(refusal);
    expect(await failure(encryptor.openDocument(note, { ...KEY, id: 'note-0' }))).toEqual(refusal);
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('is not ready, and says why', async () => {
    const made = setup(required);
    await writeNotes(made, 1);
    const readiness = await setup({ beside: made }).encryptor.checkReadiness();
    expect(readiness).toMatchObject({ ready: false, recordAuthentication: 'off' });
    expect(describeError(readiness.checks[0]?.error)).toEqual(noKey(RECORD_NAME));
  });

  it('begins no rotation, no migration and no dry run', async () => {
    const made = setup(required);
    await writeNotes(made, 2);
    const before = await contentsOf(made.memory);
    const operator = withKeys(made, ['b', 'a']);
    for (const dryRun of [false, true]) {
      expect(await failure(rewrap(operator, { dryRun }))).toEqual(noKey(RECORD_NAME));
    }
    const collection = notes();
    await addPlain(collection, 3);
    const { summary } = await backfill(operator, collection);
    expect(summary).toMatchObject({ complete: false, changed: 0, failed: 3 });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('changes no row that has one, while the rotation record has none', async () => {
    const before = await turningOn();
    const sealed = (await rows(before)).filter(({ mac }) => mac !== undefined);
    const result = await rewrap(withKeys(before, ['b', 'a']));
    expect(result.summary).toMatchObject({ complete: false, changed: 1, failed: 2 });
    for (const { dekId, error } of ofType(result, 'failed')) {
      expect(describeError(error)).toEqual(noKey(`DEK row ${dekId}`));
    }
    for (const { id, scope } of sealed) {
      const shredding = before.encryptor.shred(note, { ...KEY, id: String(scope.at(-1)) });
      expect(await failure(shredding)).toEqual(noKey(`DEK row ${id}`));
    }
    const left = (await rows(before)).filter(({ mac }) => mac !== undefined);
    expect(left).toEqual(sealed);
  });

  it('retires and shreds none of them in a re-encryption', async () => {
    const [made, collection] = await sealedNotes(1);
    // As a run that ended once its floor was stored: the one that goes on writes neither that nor the record.
    const createdBefore = new Date(made.clock.wallMs() + 500);
    const lost = new Error('the connection was lost');
    collection.probe.before = () => {
      throw lost;
    };
    expect(await rejection(reencrypt(made, collection, { createdBefore }))).toBe(lost);
    collection.probe.before = () => undefined;
    await reencrypt(setup({ beside: made, ...accepting }), collection, { createdBefore });
    expect(await record(made)).not.toHaveProperty('mac');
    const sealed = (await rows(made)).filter(({ mac }) => mac !== undefined);
    expect(sealed.map(({ state }) => state)).toEqual(['retired', 'active']);
    const migrated = await reencrypt(made, collection, { shred: true });
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, shredded: 0 });
    const [{ error } = {}] = eventsOf(migrated, 'failed');
    expect(describeError(error)).toEqual(noKey(`DEK row ${String(sealed[1]?.id)}`));
    const after = new Map((await rows(made)).map((row) => [row.id, row]));
    for (const row of sealed) expect(after.get(row.id)).toEqual(row);
  });

  it('begins no re-encryption once one was begun with the record key, which is in its item and the record', async () => {
    const [made, collection] = await sealedNotes(1);
    await reencrypt(setup({ beside: made, ...accepting }), collection);
    const item = 'The re-encryption item of "notes"';
    const before = [await rows(made), await record(made), await stored(collection, 'note-0')];
    for (const dryRun of [false, true]) {
      expect(await failure(reencrypt(made, collection, { dryRun }))).toEqual(
        noKey(dryRun ? item : RECORD_NAME),
      );
    }
    const after = [await rows(made), await record(made), await stored(collection, 'note-0')];
    expect(after).toEqual(before);
    await alterRecord(made, { mac: undefined, macKeyId: undefined });
    expect(await failure(reencrypt(made, collection))).toEqual(noKey(item));
  });

  it('changes none of them in a maintenance run, and says so in a dry run', async () => {
    const before = await turningOn();
    const untouched = await contentsOf(before.memory);
    const { encryptor } = before;
    const sealed = (await rows(before)).filter(({ mac }) => mac !== undefined);
    for (const dryRun of [true, false]) {
      const { request } = readRunOptions({ dryRun });
      // As `prunePreviousWraps` and others have it, whatever they change.
      const nextRow = (): NextRow => (row) => Promise.resolve(row.mac ? { ...row } : undefined);
      const failures: unknown[] = [];
      for await (const event of maintainRows({
        run: 'prunePreviousWraps',
        encryption: encryptor,
        request,
        nextRow,
      })) {
        if (event.type === 'failed') failures.push(describeError(event.error));
      }
      expect(failures).toEqual(sealed.map(({ id }) => noKey(`DEK row ${id}`)));
    }
    expect(await contentsOf(before.memory)).toEqual(untouched);
  });

  it('counts rows as they are', async () => {
    const made = setup(required);
    await writeNotes(made, 3);
    const { memory } = made;
    expect(await takeCensus({ product: PRODUCT, dekStore: memory })).toMatchObject({
      rows: 3,
      active: 3,
      unreadable: 0,
    });
  });
});

describe('a process with the record key, where records have no macs yet', () => {
  it('refuses them, and is not ready: it is unknown whether they were removed', async () => {
    const before = setup();
    const [stored] = await writeNotes(before, 1);
    const { encryptor } = setup({ beside: before, ...required });
    expect(await failure(decryptAny(encryptor, stored))).toMatchObject({ code: 'TAMPERED' });
    expect(await encryptor.checkReadiness()).toMatchObject({
      ready: false,
      recordAuthentication: 'required',
      checks: [{ ok: false, error: { code: 'TAMPERED' } }, { ok: true }],
    });
  });

  it('accepts them if that is allowed, and gives a mac to whatever it writes', async () => {
    const before = setup();
    const [stored] = await writeNotes(before, 2);
    const keyed = setup({ beside: before, ...accepting });
    expect(await decryptAny(keyed.encryptor, stored)).toMatchObject({ body: 'of note-0' });
    expect(await keyed.encryptor.checkReadiness()).toMatchObject({
      ready: true,
      recordAuthentication: 'optional',
    });
    await encryptAny(keyed.encryptor, { ...KEY, id: 'new', body: 'text' });
    await keyed.encryptor.shred(note, { ...KEY, id: 'note-1' });
    const operator = withKeys(before, ['b', 'a'], accepting);
    expect((await rewrap(operator)).summary).toMatchObject({ complete: true, changed: 2 });
    for (const each of [...(await rows(before)), await record(before)]) {
      expect(each.macKeyId).toBe(RECORD_KEY_ID);
    }
    const after = withKeys(before, ['b'], required);
    expect(await decryptAny(after.encryptor, stored)).toMatchObject({ body: 'of note-0' });
    expect(await after.encryptor.checkReadiness()).toMatchObject({
      ready: true,
      recordAuthentication: 'required',
    });
  });

  it('refuses a mac that is not true, also while it accepts none', async () => {
    const before = await turningOn();
    await alterRecord(before, { macKeyId: RECORD_KEY_ID, mac: 'A'.repeat(43) });
    const { encryptor } = setup({ beside: before, ...accepting });
    expect(await failure(encryptAny(encryptor, { ...KEY, body: 'x' }))).toMatchObject({
      code: 'TAMPERED',
    });
    await alterRecord(before, { macKeyId: undefined });
    expect(await failure(encryptAny(encryptor, { ...KEY, body: 'x' }))).toMatchObject({
      code: 'TAMPERED',
    });
  });
});

describe('a record key that is changed', () => {
  it('first verifies everywhere, then signs, and the one before is dropped after the reseal', async () => {
    const old = setup({ recordKey: PREVIOUS_RECORD_KEY });
    const [stored] = await writeNotes(old, 1);
    const next = setup({
      beside: old,
      recordKey: PREVIOUS_RECORD_KEY,
      previousRecordKeys: [RECORD_KEY],
    });
    const signing = setup({
      beside: old,
      recordKey: RECORD_KEY,
      previousRecordKeys: [PREVIOUS_RECORD_KEY],
    });
    const bySigning = await encryptAny(signing.encryptor, { ...KEY, id: 'new', body: 'text' });
    expect(await decryptAny(next.encryptor, bySigning)).toMatchObject({ body: 'text' });
    expect(await failure(decryptAny(old.encryptor, bySigning))).toMatchObject({
      code: 'RECORD_KEY_UNKNOWN',
    });
    // Each process signs with its own current key, whatever a row had before.
    const byNext = withKeys(old, ['b', 'a'], {
      recordKey: PREVIOUS_RECORD_KEY,
      previousRecordKeys: [RECORD_KEY],
    });
    await rewrap(byNext);
    const ids = (await rows(old)).map(({ macKeyId }) => macKeyId);
    expect(new Set(ids)).toEqual(new Set([PREVIOUS_RECORD_KEY_ID]));
    const operator = withKeys(old, ['b', 'a'], {
      recordKey: RECORD_KEY,
      previousRecordKeys: [PREVIOUS_RECORD_KEY],
    });
    for await (const event of resealRecords(operator.encryptor)) {
      if (event.type === 'finished') expect(event.summary.complete).toBe(true);
    }
    const after = withKeys(old, ['b'], required);
    expect(await decryptAny(after.encryptor, stored)).toMatchObject({ body: 'of note-0' });
    expect(await after.encryptor.checkReadiness()).toMatchObject({ ready: true });
  });

  it('and is missing somewhere is distinguished from tampering, and listed row by row', async () => {
    const made = setup(required);
    await writeNotes(made, 2);
    const { encryptor } = setup({ beside: made, recordKey: OTHER_RECORD_KEY });
    const { checks, ready } = await encryptor.checkReadiness();
    expect(ready).toBe(false);
    expect(describeError(checks[0]?.error)).toEqual(
      refused(
        'RECORD_KEY_UNKNOWN',
        `The rotation record of "notelett" has a mac under the record key ${RECORD_KEY_ID}, which is not configured: add that key to "previousRecordKeys"; if that key is not yours, another party wrote the record`,
      ),
    );
    const listed = await encryptor.dekStore.list({ product: PRODUCT });
    expect(listed.items.map(({ value, error }) => [value, error?.code])).toEqual([
      [undefined, 'RECORD_KEY_UNKNOWN'],
      [undefined, 'RECORD_KEY_UNKNOWN'],
    ]);
    const ids = ((await rows(made)) as DekRow[]).map(({ id }) => id);
    expect(listed.items.map(({ error }) => error?.dekId)).toEqual(ids);
  });
});

describe('a restored copy of the rows, as the source of a re-encryption', () => {
  it('is authenticated where it is wrapped, and a row forged in it opens nothing', async () => {
    const made = setup(required);
    const collection = notes();
    await addPlain(collection, 2);
    await backfill(made, collection);
    const copy = new MemoryDekStore();
    const [forged, sound] = (await rows(made)) as [ActiveDekRow, ActiveDekRow];
    // An old row under its own id is not detected; one that was altered is.
    await copy.create({ ...forged, createdAt: '2020-01-01T00:00:00.000Z' });
    await copy.create(sound);
    const dekStore = authenticateRecords(copy, required);
    const source = { keyProvider: envKeys('a'), dekStore };
    const migrated = await reencrypt(made, collection, { source });
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, changed: 1 });
    const [{ error } = {}] = eventsOf(migrated, 'failed');
    expect(error).toMatchObject({ code: 'TAMPERED', dekId: forged.id });
  });
});
