import { describe, expect, it } from 'vitest';
import {
  abandonDek,
  defineDocument,
  KeyProviderError,
  type AbandonDekOptions,
} from '../../src/index.js';
import { abandon, ALTERED, BROKEN_WRAP, damaged, refusalOf } from '../support/abandoning.js';
import { contentsOf, envelopeAt, KEY, note, PRODUCT, setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { alterIn, lose, rowIn } from '../support/importing.js';
import { OURS } from '../support/recovery.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { OTHER_PAIR, PAIR } from '../support/recovery-pairs.js';
import { RECORD_KEY } from '../support/records.js';
import {
  alterRecord,
  rewrap,
  rollBack,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const LOST = { keyProvider: 'env', mekName: 'env', mekVersion: await versionOf('a') };

describe('abandonDek is refused, and writes nothing,', () => {
  it('for a row that opens', async () => {
    const { made, dekId, operator } = await damaged({});
    const before = await contentsOf(made.memory);
    expect(await refusalOf(operator, dekId)).toBe('its row opens, so nothing is lost');
    // Naming its MEK as lost does not make it so.
    const refusal = await refusalOf(operator, dekId, { lostMek: LOST });
    expect(refusal).toBe('its row opens, so nothing is lost');
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it.each([
    'KEY_PROVIDER_DENIED',
    'KEY_PROVIDER_FAILED',
    'KEY_PROVIDER_THROTTLED',
    'KEY_PROVIDER_UNAVAILABLE',
    'MEK_DISABLED',
    'MEK_NOT_VALID_NOW',
    'MEK_UNSUPPORTED',
  ] as const)('while its MEK answers %s, whatever the caller calls lost', async (code) => {
    const { made, dekId, operator } = await damaged({});
    const before = await contentsOf(made.memory);
    operator.provider.before = () => {
      throw new KeyProviderError(code, 'as the vault said', { retryable: true });
    };
    for (const options of [{}, { lostMek: LOST }]) {
      const error = await rejection(abandon(operator, dekId, options));
      expect(error).toMatchObject({
        code: 'ABANDON_REFUSED',
        retryable: true,
        dekId,
        cause: { code },
        message: `DEK ${dekId} was not abandoned, and nothing was written: the MEK env/env/${LOST.mekVersion} did not answer (${code}): make it available; only if it was destroyed for good, leave it out and name it as "lostMek"`,
      });
    }
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it.each([
    ['MEK_VERSION_UNKNOWN', {}],
    ['MEK_VERSION_UNKNOWN', { lostMek: { ...LOST, mekVersion: 'env-0' } }],
    ['MEK_VERSION_UNKNOWN', { lostMek: { ...LOST, mekName: 'other' } }],
    ['MEK_VERSION_UNKNOWN', { lostMek: { ...LOST, keyProvider: 'akv' } }],
  ] as const)('for a MEK version that is %s here with %j', async (code, options) => {
    const { made, dekId } = await damaged({});
    const before = await contentsOf(made.memory);
    const refusal = await refusalOf(withKeys(made, ['b']), dekId, options);
    expect(refusal).toContain(`did not answer (${code})`);
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('for a MEK whose provider is not configured, unless it is named as lost', async () => {
    const { dekId, operator } = await damaged({ keyProvider: 'akv' });
    const refusal = await refusalOf(operator, dekId);
    expect(refusal).toContain('did not answer (KEY_PROVIDER_NOT_CONFIGURED)');
    const lostMek = { ...LOST, keyProvider: 'akv' };
    expect(await abandon(operator, dekId, { lostMek })).toMatchObject({ damage: 'lost-mek' });
  });

  it.each([{ state: 'frozen' }, { schema: 2 }, { type: 'kek' }, { rotatedBy: 'x' }])(
    'for a row of a later version: %j',
    async (change) => {
      const { made, dekId, operator } = await damaged({ ...BROKEN_WRAP, ...change });
      const before = await contentsOf(made.memory);
      for (const options of [{}, { lostMek: LOST }]) {
        const refusal = await refusalOf(operator, dekId, options);
        expect(refusal).toBe('its row was written by a later version: upgrade');
      }
      expect(await contentsOf(made.memory)).toEqual(before);
    },
  );

  it('for a row that does not exist, or is of another product', async () => {
    const { made, dekId, operator } = await damaged(ALTERED);
    await lose(made, dekId);
    expect(await rejection(abandon(operator, dekId))).toMatchObject({
      code: 'DEK_NOT_FOUND',
      message: `DEK ${dekId} is not in the store, so there is nothing to abandon: importDekRows brings a row back from a copy`,
    });
    const other = setup({ beside: made, product: 'notepad' });
    const [sealed = {}] = await writeNotes(other, 1);
    const theirs = envelopeAt(sealed, 'body').dekId;
    expect(await refusalOf(operator, theirs)).toBe(
      'its row names the product "notepad": pass that product, or "definition" and "key"',
    );
    await alterIn(made.memory, theirs, ALTERED);
    expect(await refusalOf(operator, theirs)).toBe(
      'its row names the product "notepad": pass that product, or "definition" and "key"',
    );
  });

  it('for an altered product, unless the row or the caller names the document', async () => {
    const { made, dekId, operator } = await damaged({ product: 'notepad' });
    expect(await abandon(operator, dekId)).toMatchObject({ damage: 'altered' });
    await alterIn(made.memory, dekId, { scope: ['x'] });
    expect(await refusalOf(operator, dekId)).toMatch(/^its row names the product "notepad"/);
    const options = { definition: note, key: { ...KEY, id: 'note-0' } };
    expect(await abandon(operator, dekId, options)).toMatchObject({ damage: 'altered' });
  });

  it('for a row with a mac that this process cannot check', async () => {
    const mac = { mac: 'A'.repeat(43), macKeyId: '0'.repeat(16) };
    const { made, dekId, operator } = await damaged({ ...BROKEN_WRAP, ...mac });
    const before = await contentsOf(made.memory);
    expect(await rejection(abandon(operator, dekId))).toMatchObject({ code: 'ROW_UNSUPPORTED' });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('where the rotation record is missing', async () => {
    const { made, dekId, operator } = await damaged(ALTERED);
    const item = await made.memory.getRotation(PRODUCT);
    await made.memory.deleteItem(`rotation:${PRODUCT}`, 'rotation', item?.etag ?? '');
    expect(await rejection(abandon(operator, dekId))).toMatchObject({
      code: 'ROTATION_RECORD_MISSING',
    });
    expect(await rowIn(made.memory, dekId)).toMatchObject(ALTERED);
  });

  it('where the record is older than the row', async () => {
    const { made, dekId, operator } = await damaged({ ...BROKEN_WRAP, epoch: 4 });
    const before = await contentsOf(made.memory);
    expect(await refusalOf(operator, dekId)).toBe(
      'its row is above the epoch of the rotation record: restore the newest item "rotation" first',
    );
    expect(await contentsOf(made.memory)).toEqual(before);
    const late = await made.memory.getRotation(PRODUCT);
    await alterRecord(made, { epoch: 4 });
    const lagging = Object.assign(made.memory, { readLagMs: () => Promise.resolve(1_000) });
    const reader = withKeys(made, ['a'], { dekStore: lagging });
    reader.store.after = (method, result) => {
      if (method !== 'getRotation') return result;
      reader.store.after = (_method, later) => later;
      return late;
    };
    expect(await abandon(reader, dekId)).toMatchObject({ damage: 'commitment-mismatch' });
    expect(await abandon(withKeys(made, ['a']), dekId)).toMatchObject({
      damage: 'commitment-mismatch',
    });
  });
});

describe('another wrap of the row', () => {
  it.each([
    [
      'a broken one',
      BROKEN_WRAP,
      'a rotation to another version, or rollbackRotation, repairs the row',
    ],
    [
      'an altered row',
      ALTERED,
      'restore the row from a backup, or correct its altered properties by hand',
    ],
  ] as const)('that opens keeps the DEK of %s', async (_what, change, repair) => {
    const { made, dekId } = await damaged({});
    const both = withKeys(made, ['b', 'a']);
    await rewrap(both);
    await alterIn(made.memory, dekId, change);
    expect(await refusalOf(both, dekId)).toBe(`its previous wrap opens: ${repair}`);
    // Its MEK may come back: not openable here is not lost.
    const refusal = await refusalOf(withKeys(made, ['b']), dekId);
    expect(refusal).toContain('did not answer (MEK_VERSION_UNKNOWN)');
    const found = await abandon(withKeys(made, ['b']), dekId, { lostMek: LOST });
    expect(found.abandoned).toBe(false);
  });

  it('that opens keeps the DEK under a false mac, and a rollback repairs it once the mac is removed', async () => {
    const memory = new MemoryDekStore();
    const options = { dekStore: memory, recordKey: RECORD_KEY };
    const { made, dekId } = await damaged({}, { memory, ...options });
    const both = withKeys(made, ['b', 'a'], options);
    await rewrap(both);
    await alterIn(memory, dekId, BROKEN_WRAP);
    expect(await refusalOf(both, dekId)).toBe(
      'its previous wrap opens: restore the row from a backup; where none has it, remove "mac" and "macKeyId" from it, and run rollbackRotation with "insecureAcceptUnauthenticatedRecords"',
    );
    expect((await rollBack(both, 'a')).summary).toMatchObject({ complete: false, failed: 1 });
    await alterIn(memory, dekId, { mac: undefined, macKeyId: undefined });
    const accepting = { ...options, insecureAcceptUnauthenticatedRecords: true };
    const repaired = await rollBack(withKeys(made, ['b', 'a'], accepting), 'a');
    expect(repaired.summary).toMatchObject({ complete: true });
    const strict = withKeys(made, ['a'], options);
    expect(await refusalOf(strict, dekId)).toBe('its row opens, so nothing is lost');
  });

  it('that is broken too does not', async () => {
    const { made, dekId } = await damaged({});
    const both = withKeys(made, ['b', 'a']);
    await rewrap(both);
    const row = await rowIn(made.memory, dekId);
    const previousWrap = { ...(row?.['previousWrap'] as object), ...BROKEN_WRAP };
    await alterIn(made.memory, dekId, { ...BROKEN_WRAP, previousWrap });
    expect(await abandon(both, dekId)).toMatchObject({ damage: 'commitment-mismatch' });
  });

  it('counts as open where the commitment is lost, and it opens', async () => {
    const { made, dekId } = await damaged({});
    const both = withKeys(made, ['b', 'a']);
    await rewrap(both);
    await alterIn(made.memory, dekId, { commitment: '' });
    expect(await refusalOf(both, dekId)).toMatch(/^its previous wrap opens/);
  });
});

describe('a recovery wrap', () => {
  const { privateKey } = PAIR;

  it.each([
    ['a broken row', BROKEN_WRAP],
    ['an altered row', ALTERED],
  ] as const)(
    'of %s needs its private key, and keeps the DEK where it opens',
    async (_what, change) => {
      const { made, dekId, operator } = await damaged(change, OURS);
      const before = await contentsOf(made.memory);
      const needsKey = `its row has a recovery wrap for the recovery key ${PAIR.id}: pass that key as "privateKey"`;
      expect(await refusalOf(operator, dekId)).toBe(needsKey);
      const other = { privateKey: OTHER_PAIR.privateKey };
      expect(await refusalOf(operator, dekId, other)).toBe(needsKey);
      expect(await refusalOf(operator, dekId, { privateKey })).toBe(
        'its recovery wrap opens: recover it with recoverDeks',
      );
      expect(await contentsOf(made.memory)).toEqual(before);
    },
  );

  it.each([
    ['does not open', (dek: string) => dek.replace(/^.{8}/, 'AAAAAAAA')],
    ['is another document’s', undefined],
  ])('that %s does not keep it', async (_how, change) => {
    const { made, stored, dekId, operator } = await damaged({}, OURS);
    const { dekId: other } = envelopeAt(stored[1] ?? {}, 'body');
    const own = (await rowIn(made.memory, dekId))?.['recoveryWrap'] as { wrappedDek: string };
    const recoveryWrap = change
      ? { ...own, wrappedDek: change(own.wrappedDek) }
      : (await rowIn(made.memory, other))?.['recoveryWrap'];
    await alterIn(made.memory, dekId, { ...BROKEN_WRAP, recoveryWrap });
    expect(await abandon(operator, dekId, { privateKey })).toMatchObject({
      damage: 'commitment-mismatch',
    });
  });

  it('whose own key is unreadable is tried with the passed key', async () => {
    const { made, dekId, operator } = await damaged({}, OURS);
    const own = (await rowIn(made.memory, dekId))?.['recoveryWrap'] as object;
    await alterIn(made.memory, dekId, { recoveryWrap: { ...own, recoveryKeyId: 'x' } });
    expect(await refusalOf(operator, dekId)).toBe(
      'its row has a recovery wrap: pass that key as "privateKey"',
    );
    expect(await refusalOf(operator, dekId, { privateKey })).toBe(
      'its recovery wrap opens: recover it with recoverDeks',
    );
    await alterIn(made.memory, dekId, { recoveryWrap: { ...own, wrappedDek: 7 } });
    expect(await abandon(operator, dekId, { privateKey })).toMatchObject({ damage: 'altered' });
  });
});

describe('a second read after the lag', () => {
  it('must show the same row', async () => {
    const { made, dekId } = await damaged(ALTERED);
    const dekStore = Object.assign(made.memory, { readLagMs: () => Promise.resolve(5_000) });
    const operator = withKeys(made, ['a'], { dekStore });
    const startMs = made.clock.monotonicMs();
    expect(await abandon(operator, dekId)).toMatchObject({ damage: 'altered' });
    expect(made.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(5_000);

    let reads = 0;
    operator.store.after = async (method, result) => {
      if (method !== 'getMany') return result;
      reads += 1;
      if (reads === 1) await alterIn(made.memory, dekId, { createdAt: 'tomorrow' });
      return result;
    };
    expect(await refusalOf(operator, dekId)).toBe('its row was written meanwhile: call again');
  });

  it('decides where the first one was of a row that is sound by now', async () => {
    const { made, dekId } = await damaged({});
    const operator = withKeys(made, ['a']);
    let reads = 0;
    operator.store.after = (method, result) => {
      if (method !== 'getMany') return result;
      reads += 1;
      const [[id, item] = []] = [...(result as Map<string, { value: object }>)];
      return reads > 1
        ? result
        : new Map([[id, { ...item, value: { ...item?.value, ...ALTERED } }]]);
    };
    expect(await refusalOf(operator, dekId)).toBe('its row opens, so nothing is lost');
  });
});

describe('a confirmed call', () => {
  it('examines the row again, and writes over exactly what was examined', async () => {
    const { made, dekId, operator } = await damaged(ALTERED);
    const { digest: confirm } = await abandon(operator, dekId);
    await alterIn(made.memory, dekId, { createdAt: 'tomorrow' });
    const before = await contentsOf(made.memory);
    expect(await refusalOf(operator, dekId, { confirm })).toBe(
      '"confirm" is the digest of another row: call without it, and look again',
    );
    await alterIn(made.memory, dekId, { createdAt: '2026-11-23T10:00:00.000Z' });
    expect(await refusalOf(operator, dekId, { confirm })).toBe('its row opens, so nothing is lost');
    expect(await contentsOf(made.memory)).not.toEqual(before);
    expect(await rowIn(made.memory, dekId)).toMatchObject({ state: 'active' });
  });

  it('is refused where another process writes the row first', async () => {
    const { made, dekId, operator } = await damaged(ALTERED);
    const { digest: confirm } = await abandon(operator, dekId);
    operator.store.before = async (method) => {
      if (method === 'replace') await alterIn(made.memory, dekId, ALTERED);
    };
    expect(await refusalOf(operator, dekId, { confirm })).toBe(
      'its row was written meanwhile: call again without "confirm"',
    );
    expect(await rowIn(made.memory, dekId)).toMatchObject(ALTERED);
  });
});

describe('what is refused before anything is read', () => {
  const other = defineDocument<{ id: string; body: string }>()({
    collection: 'others',
    key: ['id'],
    fields: ['body'],
  });

  it.each<[AbandonDekOptions, string]>([
    [{ confirm: 'x' }, '"confirm" expected the 64 hex digits of a digest, got another value'],
    [
      { lostMek: { mekVersion: 'x' } as never },
      '"lostMek.keyProvider" expected a non-empty string, got undefined',
    ],
    [
      { lostMek: { ...LOST, mekVersion: '?' } },
      '"lostMek.mekVersion" expected 1 to 128 letters, digits, ".", "_" or "-", got another text',
    ],
    [
      { lostMek: { ...LOST, vault: 'x' } as never },
      '"lostMek.vault" is no option: expected keyProvider, mekName, mekVersion',
    ],
    [{ key: KEY }, '"definition" expected a definition made by defineDocument, got undefined'],
    [{ definition: note }, '"key" expected a plain object, got undefined'],
    [
      { definition: note, key: { id: 'x' } },
      '"workspaceId" expected a non-empty string, got undefined',
    ],
    [{ passphrase: 'x' }, '"passphrase" without a "privateKey" opens nothing: pass the key too'],
    [
      { privateKey: 'x' },
      '"privateKey" must be the private recovery key as PEM, "-----BEGIN PRIVATE KEY-----"',
    ],
    [{ onWait: 1 as never }, '"onWait" expected a function, got a number'],
  ])('is %j', async (options, message) => {
    const { dekId, operator } = await damaged(ALTERED);
    const error = await rejection(abandonDek(operator.encryptor, dekId, options));
    expect(error).toMatchObject({ message });
    expect(operator.store.calls).toEqual({});
  });

  it('is a key of another document, and what is no dekId', async () => {
    const { dekId, operator } = await damaged(ALTERED);
    const options = { definition: other, key: { id: 'note-0' } };
    const error = await rejection(abandonDek(operator.encryptor, dekId, options));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toMatch(
      /^"definition" and "key" name the scope [0-9a-f]{32}, and DEK [0-9a-f]{32}\.1 is of another one: pass the document that names it$/,
    );
    expect(await rejection(abandonDek(operator.encryptor, 'note-0'))).toEqual(
      new TypeError('"dekId" expected a dekId, got another value'),
    );
    expect(operator.store.calls).toEqual({});
  });
});
