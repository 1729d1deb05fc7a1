import { beforeAll, describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../src/adapters.js';
import { EnvKeyProvider, type Envelope } from '../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  MEK_HEX,
  note,
  OTHER_MEK_HEX,
  sealed,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import {
  alteredRow,
  failedField,
  failedRow,
  failure,
  refused,
  rejection,
  tampered,
  type Failure,
} from '../support/failure.js';
import { activeRow } from '../support/rows.js';
import { perLane } from '../support/lane.js';

/** Which bits are flipped: in the fast lane a part, and of each byte another. */
const EVERY_BIT = perLane(9, 1);

const made = setup();
let envelope: Envelope;
let dekId: string;
let row: LiveDekRow;
let otherRow: LiveDekRow;

beforeAll(async () => {
  envelope = await sealed(made.encryptor, 'text');
  dekId = envelope.dekId;
  row = (await made.memory.get(dekId))?.value as LiveDekRow;
  const other = await encryptAny(made.encryptor, { ...KEY, id: 'note-2', body: 'text' });
  otherRow = (await made.memory.get((other['body'] as Envelope).dekId))?.value as LiveDekRow;
});

/** Another process, whose store answers with this in place of the document's row. */
function answering(value: unknown): Setup {
  const process = setup({ beside: made });
  process.store.after = (method, result) => {
    const item = { value, etag: '"1"' };
    if (method === 'get') return item;
    if (method === 'listScope') return [item];
    return method === 'getMany' ? new Map([[dekId, item]]) : result;
  };
  return process;
}

/** What reading a document says, and sealing in it; both write nothing. */
async function refusals(value: unknown): Promise<readonly [read: Failure, write: Failure]> {
  const before = await contentsOf(made.memory);
  const process = answering(value);
  const stored = { ...KEY, body: envelope };
  const read = await failure(decryptAny(process.encryptor, stored));
  const list = [stored, { ...stored, id: 'note-2' }];
  const [outcome] = await answering(value).encryptor.decryptDocuments(note, list);
  expect(outcome).toMatchObject({ ok: false, error: read });
  const write = await failure(encryptAny(answering(value).encryptor, { ...KEY, body: 'new' }));
  expect(await contentsOf(made.memory)).toEqual(before);
  for (const method of ['create', 'replace', 'createRotation', 'replaceRotation']) {
    expect(process.store.calls[method]).toBeUndefined();
  }
  return [read, write];
}

function unsupported(what: string): Failure {
  return refused(
    'ROW_UNSUPPORTED',
    `DEK row ${dekId} ${what}, which this version does not know: upgrade @bytelyst/field-encrypt`,
  );
}

describe('a DEK row', () => {
  const required = [
    'scopeId',
    'scopeKind',
    'scope',
    'product',
    'generation',
    'wrappedDek',
    'wrapAlgorithm',
    'keyProvider',
    'mekName',
    'mekVersion',
    'epoch',
    'commitment',
    'createdAt',
  ];

  it.each(required)('without %s is refused', async (name) => {
    const rest = Object.fromEntries(Object.entries(row).filter(([each]) => each !== name));
    expect(await refusals(rest)).toEqual([alteredRow(dekId, name), alteredRow(dekId, name)]);
  });

  it('without an id is refused', async () => {
    const { id, ...rest } = row;
    expect(id).toBe(dekId);
    expect(await refusals(rest)).toEqual([
      alteredRow(dekId, 'id'),
      alteredRow('(without a valid id)', 'id'),
    ]);
  });

  it.each(['type', 'schema', 'state'])('without %s is of no known kind', async (name) => {
    const rest = Object.fromEntries(Object.entries(row).filter(([each]) => each !== name));
    const refusal = unsupported(`has the ${name} undefined`);
    expect(await refusals(rest)).toEqual([refusal, refusal]);
  });

  it('has just these properties', () => {
    const names = ['id', 'type', 'schema', 'state', ...required];
    expect(Object.keys(row).toSorted()).toEqual(names.toSorted());
  });

  const wrong: readonly [name: string, values: readonly unknown[]][] = [
    ['scopeId', [null, 1, '', 'x', 'A'.repeat(32), `${'a'.repeat(32)}\n`, ['a'.repeat(32)]]],
    ['scopeKind', [null, 1, '', 'Document', 'toString']],
    ['scope', [null, '', 'notes', [], [''], [1], ['notes', null], {}, ['\ud800']]],
    ['product', [null, 1, '', '\ud800']],
    ['generation', [null, 0, -1, 1.5, '1', 2 ** 53, NaN, Infinity, true]],
    ['wrapAlgorithm', [null, 1, '', 'A128KW', 'RSA-OAEP', 'RSA1_5', 'a256kw', 'toString']],
    ['keyProvider', [null, 1, '', '\ud800']],
    ['mekName', [null, 1, '', '\ud800']],
    ['mekVersion', [null, 1, '', 'a b', 'https://evil.example/keys/x/1', 'x'.repeat(129), 'v\n']],
    ['epoch', [null, 0, -1, 1.5, '1', 2 ** 53, NaN]],
    ['commitment', [null, 1, '', 'AAAA', 'A'.repeat(44), 'A'.repeat(42), `${'A'.repeat(42)}B`]],
    ['createdAt', [null, 0, '', 'now', '2026-11-23', '2026-13-23T10:00:00.000Z']],
    ['createdAt', ['2026-11-23T10:00:00Z', '2026-11-23T10:00:00.000+01:00']],
    ['createdAt', ['2026-02-30T10:00:00.000Z', '2026-11-23T24:00:00.000Z']],
    ['rewrappedAt', [null, 0, '', 'now']],
    ['macKeyId', [null, 0, '', 'A'.repeat(16), 'a'.repeat(15)]],
    ['mac', [null, 0, '', 'AAAA']],
    ['wrappedDek', [null, 1, '', 'AAAA', 'x', '!', 'A'.repeat(53), 'A'.repeat(55), {}]],
  ];

  it.each(wrong.flatMap(([name, values]) => values.map((value) => [name, value] as const)))(
    'with %s %j is refused',
    async (name, value) => {
      const altered = { ...row, [name]: value };
      expect(await refusals(altered)).toEqual([alteredRow(dekId, name), alteredRow(dekId, name)]);
    },
  );

  const contradictory: readonly [what: string, property: string, change: () => Loose][] = [
    ['another scope', 'scope', () => ({ scope: ['notes', 'ws-2', 'note-1'] })],
    ['its scope cut elsewhere', 'scope', () => ({ scope: ['notes', 'ws-1note-1'] })],
    ['another kind of scope', 'scope', () => ({ scopeKind: 'shared' })],
    ['another product', 'scope', () => ({ product: 'other' })],
    ['another generation', 'generation', () => ({ generation: 2 })],
    ['a mac without a key id', 'mac', () => ({ mac: row.commitment })],
    ['a key id without a mac', 'mac', () => ({ macKeyId: 'a'.repeat(16) })],
    [
      'the wrap length of another algorithm',
      'wrappedDek',
      () => ({ wrapAlgorithm: 'RSA-OAEP-256' }),
    ],
    ['a previous wrap of no length', 'previousWrap', () => ({ previousWrap: previous('AAAA') })],
  ];

  function previous(wrappedDek: string): Loose {
    const { wrapAlgorithm, keyProvider, mekName, mekVersion, epoch } = row;
    return { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion, epoch };
  }

  it.each(contradictory)('with %s is refused', async (_what, property, change) => {
    const refusal = alteredRow(dekId, property);
    expect(await refusals({ ...row, ...change() })).toEqual([refusal, refusal]);
  });

  it.each([
    ['a later schema', { schema: 2 }, 'has the schema 2'],
    ['schema "1"', { schema: '1' }, 'has the schema "1"'],
    ['a later state', { state: 'paused' }, 'has the state "paused"'],
    ['a state that objects inherit', { state: 'toString' }, 'has the state "toString"'],
    ['a later type', { type: 'kek' }, 'has the type "kek"'],
    ['another property', { priority: 1 }, 'has the property "priority"'],
    ['a property of another state', { retiredAt: 1 }, 'has the property "retiredAt"'],
    ['a key id', { kekId: 'x' }, 'has the property "kekId"'],
    ['a property that objects inherit', { toString: 1 }, 'has the property "toString"'],
  ])('with %s is unsupported, not tampering', async (_what, change, what) => {
    const refusal = unsupported(what);
    expect(await refusals({ ...row, ...change })).toEqual([refusal, refusal]);
  });

  it('with a type that JSON cannot hold is unsupported too, and does not crash', async () => {
    const [read] = await refusals({ ...row, type: 1n });
    expect(read).toMatchObject({ code: 'ROW_UNSUPPORTED' });
  });

  it.each([
    ['null', null],
    ['text', 'row'],
    ['a number', 1],
    ['an array', [{}]],
    ['undefined', undefined],
  ])('that is %s is refused', async (_what, value) => {
    expect(await refusals(value)).toEqual([
      alteredRow(dekId, 'its form'),
      alteredRow('(without a valid id)', 'its form'),
    ]);
  });

  it('with altered nested wraps is refused, or unsupported where it has more', async () => {
    const sound = previous(row.wrappedDek);
    const nested = 'The previous wrap of a DEK row';
    const altered = (property: string): Failure =>
      tampered(`${nested} was altered (${property}): restore it from a backup`);
    const cases: readonly [unknown, Failure][] = [
      [null, altered('its form')],
      ['text', altered('its form')],
      [{}, altered('wrappedDek')],
      [{ ...sound, epoch: 0 }, altered('epoch')],
      [{ ...sound, mekVersion: '' }, altered('mekVersion')],
      [
        { ...sound, kekId: 'x' },
        refused(
          'ROW_UNSUPPORTED',
          `${nested} has the property "kekId", which this version does not know: upgrade @bytelyst/field-encrypt`,
        ),
      ],
    ];
    for (const [previousWrap, refusal] of cases) {
      expect(await refusals({ ...row, previousWrap })).toEqual([refusal, refusal]);
    }
    const recoveryWrap = { wrappedDek: 'AAAA', wrapAlgorithm: 'RSA-OAEP-256', recoveryKeyId: 'x' };
    const refusal = tampered(
      'The recovery wrap of a DEK row was altered (wrappedDek): restore it from a backup',
    );
    expect(await refusals({ ...row, recoveryWrap })).toEqual([refusal, refusal]);
  });
});

describe('a DEK row that another was copied over', () => {
  it('is refused whole: it names another id', async () => {
    expect(await refusals(otherRow)).toEqual([
      alteredRow(dekId, 'id'),
      alteredRow(otherRow.id, 'scopeId'),
    ]);
  });

  it('is refused under this id: its scope gives another', async () => {
    const copied = { ...otherRow, id: dekId, scopeId: row.scopeId };
    const refusal = alteredRow(dekId, 'scope');
    expect(await refusals(copied)).toEqual([refusal, refusal]);
  });

  it('is refused with wrap and commitment: the commitment names its dekId', async () => {
    const { wrappedDek, commitment } = otherRow;
    const refusal = failedRow(dekId);
    expect(await refusals({ ...row, wrappedDek, commitment })).toEqual([refusal, refusal]);
  });

  it('is refused with its wrap alone, and with its commitment alone', async () => {
    const { wrappedDek, commitment } = otherRow;
    const refusal = failedRow(dekId);
    expect(await refusals({ ...row, wrappedDek })).toEqual([refusal, refusal]);
    expect(await refusals({ ...row, commitment })).toEqual([refusal, refusal]);
  });

  it('is refused between generations of one document', async () => {
    const second = { ...row, id: `${row.scopeId}.2`, generation: 2 };
    const process = answering(second);
    const stored = { ...KEY, body: { ...envelope, dekId: second.id } };
    expect(await failure(decryptAny(process.encryptor, stored))).toEqual(failedRow(second.id));
  });
});

describe('a wrap', () => {
  it('does not open with any one bit flipped', async () => {
    const bytes = Buffer.from(row.wrappedDek, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += EVERY_BIT) {
      const copy = Uint8Array.from(bytes);
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      const wrappedDek = Buffer.from(copy).toString('base64url');
      const process = answering({ ...row, wrappedDek });
      const stored = { ...KEY, body: envelope };
      expect(await failure(decryptAny(process.encryptor, stored))).toEqual(failedRow(dekId));
      expect(process.dekCache.size).toBe(0);
    }
  });

  it('of another MEK is refused, with the reason as cause', async () => {
    const keyProvider = new EnvKeyProvider({ key: OTHER_MEK_HEX });
    const wrap = await keyProvider.wrapKey(Buffer.alloc(32, 1), {
      mekVersion: await keyProvider.currentVersion(),
    });
    const process = answering({ ...row, wrappedDek: wrap.wrappedDek });
    const error = await rejection(decryptAny(process.encryptor, { ...KEY, body: envelope }));
    expect(error).toMatchObject({ ...failedRow(dekId), dekId, retryable: false });
    expect((error as Error).cause).toMatchObject({
      name: 'KeyProviderError',
      code: 'WRAP_REJECTED',
      message: `The MEK env/env/${row.mekVersion} did not make this wrap, or the wrap was changed`,
    });
  });

  it('of a MEK version that is not configured names what to do', async () => {
    const refusal: Failure = {
      name: 'KeyProviderError',
      code: 'MEK_VERSION_UNKNOWN',
      message: `DEK ${dekId} is still wrapped by the MEK env/env/env-0000000000000000, which cannot be used: enable or configure that version again, then rewrap the remaining rows with rewrapAllDeks`,
    };
    expect(await refusals({ ...row, mekVersion: 'env-0000000000000000' })).toEqual([
      refusal,
      refusal,
    ]);
  });

  it.each([
    ['keyProvider', 'akv', 'akv', 'env'],
    ['mekName', 'https://evil.example', 'env', 'https://evil.example'],
  ])('whose %s is not configured is not sent anywhere', async (name, value, id, mek) => {
    const refusal = refused(
      'KEY_PROVIDER_NOT_CONFIGURED',
      `No configured key provider has the id "${id}" and the MEK "${mek}": add it to "keyProviders"`,
    );
    const process = answering({ ...row, [name]: value });
    expect(await failure(decryptAny(process.encryptor, { ...KEY, body: envelope }))).toEqual(
      refusal,
    );
    expect(process.provider.calls).toEqual({});
  });

  it('of a DEK that an attacker chose opens nothing that was sealed before', async () => {
    const keyProvider = new EnvKeyProvider({ key: MEK_HEX });
    const planted = await activeRow({
      parts: row.scope,
      generation: 1,
      dek: Buffer.alloc(32, 7),
      keyProvider,
      mekVersion: row.mekVersion,
    });
    expect(planted.id).toBe(dekId);
    const process = answering(planted);
    expect(await failure(decryptAny(process.encryptor, { ...KEY, body: envelope }))).toEqual(
      failedField('body', dekId),
    );
  });
});
