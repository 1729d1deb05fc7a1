import { beforeAll, describe, expect, it } from 'vitest';
import type { RotationRecord } from '../../src/adapters.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
} from '../support/encryptor.js';
import { failure, refused, tampered, type Failure } from '../support/failure.js';

const made = setup();
let record: RotationRecord;

beforeAll(async () => {
  await encryptAny(made.encryptor, { ...KEY, body: 'text' });
  record = (await made.memory.getRotation(PRODUCT))?.value as RotationRecord;
});

/** How a process that finds this record refuses to seal; nothing is written. */
async function refusal(value: unknown): Promise<Failure> {
  const process = setup({ beside: made });
  process.store.after = (method, result) =>
    method === 'getRotation' ? { value, etag: '"1"' } : result;
  const before = await contentsOf(made.memory);
  const refused = await failure(encryptAny(process.encryptor, { ...KEY, id: 'new', body: 'text' }));
  const opened = process.encryptor.openDocument(note, { ...KEY, id: 'new' }, { createDek: true });
  expect(await failure(opened)).toEqual(refused);
  expect(await contentsOf(made.memory)).toEqual(before);
  for (const method of ['create', 'replace', 'createRotation', 'replaceRotation']) {
    expect(process.store.calls[method]).toBeUndefined();
  }
  expect(process.provider.calls).toEqual({});
  return refused;
}

const NAME = `The rotation record of "${PRODUCT}"`;

function altered(property: string): Failure {
  return tampered(`${NAME} was altered (${property}): restore it from a backup`);
}

function unsupported(what: string): Failure {
  return refused(
    'ROW_UNSUPPORTED',
    `${NAME} ${what}, which this version does not know: upgrade @bytelyst/field-encrypt`,
  );
}

describe('a rotation record', () => {
  it('of a new product is made once, with the first DEK', () => {
    expect(record).toEqual({
      id: 'rotation',
      scopeId: `rotation:${PRODUCT}`,
      type: 'rotation',
      schema: 1,
      product: PRODUCT,
      epoch: 1,
      keyProvider: 'env',
      mekName: 'env',
      mekVersion: 'env-2e78b39dca20f0b4',
      state: 'complete',
      fenceTtlMs: 30_000,
      generationFloor: 1,
      startedAt: '2026-11-23T10:00:00.000Z',
      completedAt: '2026-11-23T10:00:00.000Z',
      history: [],
    });
    expect(made.store.calls['createRotation']).toBe(1);
  });

  const required = ['id', 'scopeId', 'product', 'epoch', 'keyProvider', 'mekName', 'mekVersion'];

  it.each([...required, 'fenceTtlMs', 'generationFloor', 'startedAt', 'history'])(
    'without %s is refused',
    async (name) => {
      const rest = Object.fromEntries(Object.entries(record).filter(([each]) => each !== name));
      expect(await refusal(rest)).toEqual(altered(name));
    },
  );

  it.each(['type', 'schema', 'state'])('without %s is of no known kind', async (name) => {
    const rest = Object.fromEntries(Object.entries(record).filter(([each]) => each !== name));
    expect(await refusal(rest)).toEqual(unsupported(`has the ${name} undefined`));
  });

  const wrong: readonly [name: string, values: readonly unknown[]][] = [
    ['id', ['x', null]],
    ['scopeId', ['rotation:other', '', null]],
    ['product', ['other', '', null]],
    ['epoch', [0, -1, 1.5, '1', 2 ** 53, null]],
    ['keyProvider', ['', null]],
    ['mekName', ['', null]],
    ['mekVersion', ['', 'a b', null, 'x'.repeat(129)]],
    ['fenceTtlMs', [0, 999, 600_001, 1.5, '30000', null, NaN, Infinity]],
    ['drainTtlMs', [0, 999, 600_001, null]],
    ['generationFloor', [0, 1.5, null]],
    ['startedAt', ['', 'now', null, 0]],
    ['fencedAt', ['', null]],
    ['completedAt', ['', null]],
    ['history', [null, {}, Array.from({ length: 65 }, () => ({}))]],
    ['mac', ['AAAA', null]],
    ['macKeyId', ['', null]],
  ];

  it.each(wrong.flatMap(([name, values]) => values.map((value) => [name, value] as const)))(
    'with %s %j is refused',
    async (name, value) => {
      expect(await refusal({ ...record, [name]: value })).toEqual(altered(name));
    },
  );

  it('with half a mac is refused', async () => {
    expect(await refusal({ ...record, mac: 'A'.repeat(43) })).toEqual(altered('mac'));
    expect(await refusal({ ...record, macKeyId: 'a'.repeat(16) })).toEqual(altered('mac'));
  });

  it('with an altered entry in its history is refused', async () => {
    const { epoch, keyProvider, mekName, mekVersion, startedAt } = record;
    const entry = { epoch, keyProvider, mekName, mekVersion, startedAt };
    const name = 'An entry in the history of a rotation record';
    expect(await refusal({ ...record, history: [entry, { ...entry, epoch: 0 }] })).toEqual(
      tampered(`${name} was altered (epoch): restore it from a backup`),
    );
    expect(await refusal({ ...record, history: [{ ...entry, note: 'x' }] })).toEqual(
      refused(
        'ROW_UNSUPPORTED',
        `${name} has the property "note", which this version does not know: upgrade @bytelyst/field-encrypt`,
      ),
    );
  });

  it.each([
    ['a later schema', { schema: 2 }, 'has the schema 2'],
    ['a later state', { state: 'paused' }, 'has the state "paused"'],
    ['another type', { type: 'dek' }, 'has the type "dek"'],
    ['another property', { target: 'x' }, 'has the property "target"'],
  ])('with %s is unsupported', async (_what, change, what) => {
    expect(await refusal({ ...record, ...change })).toEqual(unsupported(what));
  });

  it.each([null, 'text', 1, [], undefined])('that is %j is refused', async (value) => {
    expect(await refusal(value)).toEqual(altered('its form'));
  });

  it('that names a provider that is not configured stops new DEKs', async () => {
    expect(await refusal({ ...record, keyProvider: 'akv' })).toEqual(
      refused(
        'KEY_PROVIDER_NOT_CONFIGURED',
        'No configured key provider has the id "akv" and the MEK "env": add it to "keyProviders"',
      ),
    );
  });

  it('that is absent does not stop reading', async () => {
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const process = setup({ beside: made });
    process.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    expect(await decryptAny(process.encryptor, stored)).toEqual({ ...KEY, body: 'text' });
  });

  it('that is absent does not stop reading field by field', async () => {
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const process = setup({ beside: made });
    process.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    const open = await process.encryptor.openDocument(note, KEY);
    expect(open.open('body', stored['body'])).toBe('text');
  });

  it('that is absent while the product has rows is never made anew', async () => {
    const process = setup({ beside: made });
    process.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    const before = await contentsOf(made.memory);
    for (const id of [KEY.id, 'new']) {
      expect(await failure(encryptAny(process.encryptor, { ...KEY, id, body: 'text' }))).toEqual(
        refused(
          'ROTATION_RECORD_MISSING',
          'The product "notelett" has DEK rows but no rotation record: restore the item "rotation" of dek_store from a backup before anything is written',
        ),
      );
    }
    expect(await contentsOf(made.memory)).toEqual(before);
    expect(process.store.calls['createRotation']).toBeUndefined();
    expect(process.store.calls['create']).toBeUndefined();
  });

  it('that another process made in the meantime is taken', async () => {
    const fresh = setup();
    let answers = 0;
    fresh.store.after = async (method, result) => {
      if (method !== 'getRotation' || answers++ > 0) return result;
      await fresh.memory.createItem({ ...record, epoch: 5, fenceTtlMs: 5_000 } as RotationRecord);
      return undefined;
    };
    const stored = await encryptAny(fresh.encryptor, { ...KEY, body: 'text' });
    const item = await fresh.memory.get((stored['body'] as { dekId: string }).dekId);
    expect(item?.value).toMatchObject({ epoch: 5, generation: 1 });
  });

  it('sets the floor of new generations', async () => {
    const fresh = setup();
    await fresh.memory.createItem({ ...record, generationFloor: 7 } as RotationRecord);
    const stored = await encryptAny(fresh.encryptor, { ...KEY, body: 'text' });
    expect(stored['body']).toMatchObject({ dekId: expect.stringMatching(/\.7$/) as string });
  });
});
