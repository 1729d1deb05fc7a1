import { describe, expect, it } from 'vitest';
import type { DekRow, RotationRecord } from '../../../src/adapters.js';
import {
  assertRetirable,
  authenticateRecords,
  createFieldEncryptor,
  EnvKeyProvider,
  initEncryption,
  prunePreviousWraps,
  takeCensus,
} from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  MEK_HEX,
  note,
  PRODUCT,
  sealed,
  setup,
  type Loose,
  type Setup,
  type SetupOptions,
} from '../../support/encryptor.js';
import { failure, failureOf, refused } from '../../support/failure.js';
import { RECORD_KEY } from '../../support/records.js';
import {
  alterRecord,
  alterRow,
  record,
  rewrap,
  rows,
  withKeys,
  writeNotes,
} from '../../support/rotations.js';

const FENCE_MS = 30_000;
const LAG_MS = 3_000;

type Kept = Awaited<ReturnType<MemoryDekStore['getRotation']>>;

const behind = (known: string, instead = '', least = 2): ReturnType<typeof refused> =>
  refused(
    'ROTATION_RECORD_BEHIND',
    `The rotation record of "notelett" has the epoch 1, below ${String(least)}, ${known}: nothing is sealed under it. Restore the newest item "rotation" of dek_store${instead}; if dek_store as a whole was restored, stop all writers and run adoptRestoredStore: docs/restore.md`,
  );
const SEEN = behind('which this process has read before');
const MINIMUM = behind('the "minimumEpoch" (FIELD_ENCRYPT_MINIMUM_EPOCH) of this process');

interface Attacked {
  /** Under the newer MEK, with the older configured. */
  readonly made: Setup;
  readonly stored: Loose;
  /** Puts the record back to the one from before the rotation. */
  readonly putBack: () => Promise<void>;
}

async function rotated(options: SetupOptions = {}): Promise<Attacked> {
  const before = setup(options);
  const memory = new Map<string, Kept>();
  const stored = await encryptAny(before.encryptor, { ...KEY, body: 'text' });
  memory.set('old', await before.memory.getRotation(PRODUCT));
  const made = withKeys(before, ['b', 'a'], options);
  await rewrap(withKeys(before, ['b', 'a'], options));
  const putBack = async (): Promise<void> => {
    const etag = (await before.memory.getRotation(PRODUCT))?.etag ?? '';
    await before.memory.replaceRotation(memory.get('old')?.value as RotationRecord, etag);
  };
  return { made, stored, putBack };
}

function another(made: Setup, id: string): Promise<Loose> {
  return encryptAny(made.encryptor, { ...KEY, id, body: 'text' });
}

describe.each([
  ['without a record key', {}],
  ['with a record key', { recordKey: RECORD_KEY }],
])('a rotation record that is put back, %s', (_what, options) => {
  it('is not followed by a process that has read the newer one', async () => {
    const { made, putBack } = await rotated(options);
    await another(made, 'by the new record');
    await putBack();
    made.clock.advance(FENCE_MS);
    const before = await contentsOf(made.memory);
    expect(await failure(another(made, 'new'))).toEqual(SEEN);
    expect(await failure(sealed(made.encryptor, 'more'))).toEqual(SEEN);
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('is not followed by a process that loaded a row of the newer one', async () => {
    const { made, stored, putBack } = await rotated(options);
    await putBack();
    expect(await decryptAny(made.encryptor, stored)).toEqual({ ...KEY, body: 'text' });
    const { dekId } = envelopeAt(stored, 'body');
    expect(await failure(another(made, 'new'))).toEqual(
      behind(
        `which DEK row ${dekId} has`,
        ', or that row if only the row was altered, and then restart the process',
      ),
    );
  });

  it('is not followed by a process that finds a row of the newer one in a scope', async () => {
    const { made, putBack } = await rotated(options);
    await putBack();
    expect((await failure(sealed(made.encryptor, 'more'))).code).toBe('ROTATION_RECORD_BEHIND');
    expect((await failure(another(made, 'new'))).code).toBe('ROTATION_RECORD_BEHIND');
  });

  it('makes the process unready, which says the epoch', async () => {
    const { made, putBack } = await rotated(options);
    expect(await made.encryptor.checkReadiness()).toMatchObject({ ready: true, epoch: 2 });
    await putBack();
    const { ready, epoch, checks } = await made.encryptor.checkReadiness();
    expect({ ready, epoch }).toEqual({ ready: false, epoch: 1 });
    expect(checks).toMatchObject([{ name: 'dek-store', ok: false }, { ok: true }]);
    expect(checks[0]?.error).toMatchObject({ code: SEEN.code, message: SEEN.message });
  });

  it('lets opening go on, also of a document that is held open', async () => {
    const { made, stored, putBack } = await rotated(options);
    await another(made, 'by the new record');
    await putBack();
    made.clock.advance(FENCE_MS);
    expect(await decryptAny(made.encryptor, stored)).toEqual({ ...KEY, body: 'text' });
    const open = await made.encryptor.openDocument(note, KEY);
    expect(open.open('body', stored['body'])).toBe('text');
    expect(failureOf(() => open.seal('body', 'more'))).toEqual(SEEN);
    const creating = made.encryptor.openDocument(note, KEY, { createDek: true });
    expect(await failure(creating)).toEqual(SEEN);
  });

  it('stops rotations and upkeep of that process', async () => {
    const { made, putBack } = await rotated(options);
    await made.encryptor.checkReadiness();
    await putBack();
    const before = await contentsOf(made.memory);
    const mekVersion = await made.keyProvider.currentVersion();
    expect(await failure(rewrap(made))).toEqual(SEEN);
    expect(await failure(rewrap(made, { dryRun: true }))).toEqual(SEEN);
    const pruning = prunePreviousWraps(made.encryptor, { rewrappedBefore: new Date(0) });
    expect(await failure(pruning.next())).toEqual(SEEN);
    const retiring = assertRetirable(made.encryptor, { mek: { mekVersion }, backupWindowMs: 0 });
    expect(await failure(retiring)).toEqual(SEEN);
    expect((await takeCensus(made.encryptor)).settled).toBe(false);
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('is followed again as soon as it is restored', async () => {
    const { made, putBack } = await rotated(options);
    await another(made, 'by the new record');
    const newest = await made.memory.getRotation(PRODUCT);
    await putBack();
    made.clock.advance(FENCE_MS);
    await failure(another(made, 'new'));
    const etag = (await made.memory.getRotation(PRODUCT))?.etag ?? '';
    await made.memory.replaceRotation(newest?.value as RotationRecord, etag);
    await another(made, 'new');
    expect((await made.encryptor.checkReadiness()).ready).toBe(true);
  });

  it('is not made anew where it is removed with every row', async () => {
    const { made } = await rotated(options);
    await made.encryptor.checkReadiness();
    made.store.after = (method, result) => {
      if (method === 'count') return 0;
      return method === 'getRotation' ? undefined : result;
    };
    made.clock.advance(FENCE_MS);
    expect(await failure(another(made, 'new'))).toEqual(
      refused(
        'ROTATION_RECORD_MISSING',
        'The product "notelett" has no rotation record, and an earlier read of this process shows that its epoch is 2 or above: restore the item "rotation" of dek_store from a backup before anything is written',
      ),
    );
  });
});

function withoutMac(record: unknown): object {
  const kept = Object.entries(record as object).filter(([name]) => !name.startsWith('mac'));
  return Object.fromEntries(kept);
}

describe('what one encryptor has seen', () => {
  it('is nothing to another one, which a start of the process would be', async () => {
    const { made, putBack } = await rotated();
    await another(made, 'by the new record');
    await putBack();
    const restarted = withKeys(made, ['b', 'a']);
    await another(restarted, 'new');
    expect((await restarted.encryptor.checkReadiness()).ready).toBe(true);
  });

  it('is passed to it by the runs that use it', async () => {
    const before = setup();
    await another(before, 'first');
    const old = await before.memory.getRotation(PRODUCT);
    const made = withKeys(before, ['b', 'a']);
    await rewrap(made);
    const etag = (await before.memory.getRotation(PRODUCT))?.etag ?? '';
    await before.memory.replaceRotation(old?.value as RotationRecord, etag);
    expect((await failure(another(made, 'new'))).code).toBe('ROTATION_RECORD_BEHIND');
  });

  it('is no forged row and no forged record, where there is a record key', async () => {
    const options = { recordKey: RECORD_KEY, insecureAcceptUnauthenticatedRecords: true };
    const made = setup(options);
    await writeNotes(made, 1);
    const [row] = await rows(made);
    const item = await made.memory.get(row?.id ?? '');
    await made.memory.replace({ ...withoutMac(row), epoch: 9 } as never, item?.etag ?? '');
    const rotation = await made.memory.getRotation(PRODUCT);
    const other = setup({ beside: made, ...options });
    await encryptAny(other.encryptor, { ...KEY, id: 'note-0', body: 'lists that row' });
    await another(other, 'new');
    const forgery = { ...withoutMac(rotation?.value), epoch: 9 } as never;
    await made.memory.replaceRotation(forgery, rotation?.etag ?? '');
    other.clock.advance(FENCE_MS);
    await another(other, 'by the forged record');
    const forged = await made.memory.getRotation(PRODUCT);
    await made.memory.replaceRotation(rotation?.value as RotationRecord, forged?.etag ?? '');
    other.clock.advance(FENCE_MS);
    await another(other, 'by the true record again');
  });

  it('stops a scope, too, whose row and record were read a moment before', async () => {
    const made = setup();
    const [stored] = await writeNotes(made, 2);
    const process = setup({ beside: made });
    await encryptAny(process.encryptor, { ...KEY, id: 'note-1', body: 'more' });
    await alterRow(made, envelopeAt(stored ?? {}, 'body').dekId, { epoch: 2 });
    await decryptAny(process.encryptor, stored);
    const sealing = encryptAny(process.encryptor, { ...KEY, id: 'note-1', body: 'even more' });
    expect((await failure(sealing)).code).toBe('ROTATION_RECORD_BEHIND');
  });

  it('is followed at once where a row is above the copy of the record, and the record is, too', async () => {
    const before = setup();
    const [stored] = await writeNotes(before, 1);
    const made = withKeys(before, ['b', 'a']);
    await another(made, 'reads the record');
    await alterRecord(before, { epoch: 2, mekVersion: await made.keyProvider.currentVersion() });
    await alterRow(before, envelopeAt(stored ?? {}, 'body').dekId, { epoch: 2 });
    made.store.reset();
    await encryptAny(made.encryptor, { ...KEY, id: 'note-0', body: 'lists the row' });
    expect(made.store.calls).toEqual({ listScope: 1, getRotation: 1 });
    const written = envelopeAt(await another(made, 'new'), 'body');
    expect((await made.memory.get(written.dekId))?.value).toMatchObject({ epoch: 2 });
  });
});

describe('a minimumEpoch', () => {
  it('refuses an older record from the first seal on, and opens everything', async () => {
    const { made, stored, putBack } = await rotated();
    await putBack();
    const pinned = withKeys(made, ['b', 'a'], { minimumEpoch: 2 });
    expect(await failure(another(pinned, 'new'))).toEqual(MINIMUM);
    expect(await decryptAny(pinned.encryptor, stored)).toEqual({ ...KEY, body: 'text' });
    const { ready, epoch, checks } = await pinned.encryptor.checkReadiness();
    expect({ ready, epoch }).toEqual({ ready: false, epoch: 1 });
    expect(checks[0]?.error).toMatchObject({ message: MINIMUM.message });
  });

  it.each([1, 2])('of %i lets a record of epoch 2 be followed', async (minimumEpoch) => {
    const { made } = await rotated();
    const pinned = withKeys(made, ['b', 'a'], { minimumEpoch });
    await another(pinned, 'new');
    expect(await pinned.encryptor.checkReadiness()).toMatchObject({ ready: true, epoch: 2 });
    expect(pinned.encryptor.minimumEpoch).toBe(minimumEpoch);
  });

  it('above 1 makes no record for a product that has none', async () => {
    const made = setup({ minimumEpoch: 2 });
    const missing = refused(
      'ROTATION_RECORD_MISSING',
      'The product "notelett" has no rotation record, and "minimumEpoch" (FIELD_ENCRYPT_MINIMUM_EPOCH) says that its epoch is 2 or above: restore the item "rotation" of dek_store from a backup before anything is written',
    );
    expect(await failure(another(made, 'new'))).toEqual(missing);
    expect(await failure(rewrap(made))).toEqual(missing);
    expect(await made.memory.getRotation(PRODUCT)).toBeUndefined();
    const { ready, checks } = await made.encryptor.checkReadiness();
    expect(ready).toBe(false);
    expect(checks[0]?.error).toMatchObject({ message: missing.message });
  });

  it('of 1 does as none does', async () => {
    const made = setup({ minimumEpoch: 1 });
    await another(made, 'new');
    expect(await record(made)).toMatchObject({ epoch: 1 });
  });

  it('counts in runs that are passed parts, too', async () => {
    const { made, putBack } = await rotated();
    await putBack();
    const { product, keyProviders, dekStore, clock } = made.encryptor;
    const parts = { product, keyProviders, dekStore, clock, minimumEpoch: 2 };
    const pruning = prunePreviousWraps(parts, { rewrappedBefore: new Date(0) });
    expect(await failure(pruning.next())).toEqual(MINIMUM);
    expect((await takeCensus(parts)).settled).toBe(false);
    expect((await takeCensus({ ...parts, minimumEpoch: 1 })).ahead).toBe(1);
  });

  it.each([0, -1, 1.5, 2 ** 53, '2', null])('of %s is refused', (minimumEpoch) => {
    expect(() => setup({ minimumEpoch: minimumEpoch as never })).toThrow(/"minimumEpoch" expected/);
  });

  it('comes from FIELD_ENCRYPT_MINIMUM_EPOCH', async () => {
    const env = {
      FIELD_ENCRYPT_ENABLED: 'true',
      FIELD_ENCRYPT_PRODUCT: PRODUCT,
      FIELD_ENCRYPT_KEY_PROVIDER: 'env',
      FIELD_ENCRYPT_KEY: MEK_HEX,
      FIELD_ENCRYPT_MINIMUM_EPOCH: '3',
    };
    const dekStore = new MemoryDekStore();
    const encryptor = await initEncryption({ dekStore, env });
    expect(encryptor.minimumEpoch).toBe(3);
    const bad = { ...env, FIELD_ENCRYPT_MINIMUM_EPOCH: '0' };
    expect(await failure(initEncryption({ dekStore, env: bad }))).toMatchObject({
      message:
        'Encryption is not configured:\n- FIELD_ENCRYPT_MINIMUM_EPOCH must be a whole number from 1 to 9007199254740991',
    });
  });
});

describe('where reads of the store may lag', () => {
  /** A store that answers with the older record for so long; counts the reads of it. */
  function lagging(made: Setup, old: Kept, untilMs: number): void {
    made.store.after = (method, result) => {
      if (method === 'readLagMs') return LAG_MS;
      return method === 'getRotation' && made.clock.monotonicMs() < untilMs ? old : result;
    };
    Object.assign(made.memory, { readLagMs: () => Promise.resolve(LAG_MS) });
  }

  async function told(lateMs: number): Promise<readonly [Setup, number]> {
    const before = setup();
    await another(before, 'first');
    const old = await before.memory.getRotation(PRODUCT);
    await rewrap(withKeys(before, ['b', 'a']));
    const made = withKeys(before, ['b', 'a']);
    await made.encryptor.checkReadiness();
    lagging(made, old, made.clock.monotonicMs() + FENCE_MS + lateMs);
    made.clock.advance(FENCE_MS);
    return [made, made.clock.monotonicMs()];
  }

  it('an older record is read again until it is the newer one', async () => {
    const [made] = await told(LAG_MS - 1);
    const writing = another(made, 'new');
    await made.clock.run(LAG_MS);
    await writing;
  });

  it('an older record is refused once the lag has passed, by one wait for all callers', async () => {
    const [made, startMs] = await told(100 * LAG_MS);
    made.store.reset();
    const writing = Array.from({ length: 50 }, (_each, at) => failure(another(made, String(at))));
    await made.clock.run(LAG_MS - 1);
    expect(made.clock.sleeping).toBe(1);
    await made.clock.run(1);
    for (const each of await Promise.all(writing)) expect(each).toEqual(SEEN);
    expect(made.clock.monotonicMs() - startMs).toBe(LAG_MS);
    expect(made.store.calls['getRotation']).toBeLessThanOrEqual(12);
    expect(await failure(another(made, 'later'))).toEqual(SEEN);
    expect(made.clock.sleeping).toBe(0);
  });
});

describe('an encryptor over an authenticated store that is passed by hand', () => {
  it('counts what is authentic', async () => {
    const dekStore = authenticateRecords(new MemoryDekStore(), { recordKey: RECORD_KEY });
    const keyProviders = [new EnvKeyProvider({ key: MEK_HEX })];
    const encryptor = createFieldEncryptor({ product: PRODUCT, dekStore, keyProviders });
    await sealed(encryptor, 'text');
    const { epoch } = await encryptor.checkReadiness();
    expect(epoch).toBe(1);
    await alterRow({ memory: dekStore } as never, (await listed(dekStore)) ?? '', { epoch: 5 });
    const other = createFieldEncryptor({ product: PRODUCT, dekStore, keyProviders });
    expect((await failure(sealed(other, 'more'))).code).toBe('ROTATION_RECORD_BEHIND');
  });
});

async function listed(dekStore: Pick<MemoryDekStore, 'list'>): Promise<string | undefined> {
  const { items } = await dekStore.list({ product: PRODUCT });
  return (items[0]?.value as DekRow | undefined)?.id;
}
