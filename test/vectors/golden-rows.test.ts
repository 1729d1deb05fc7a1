import { readLeaseItem } from '../../src/store/dek-store.js';
import { createHash, createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isLive, parseDekRow, type LiveDekRow } from '../../src/format/dek-row.js';
import { unwrapDek } from '../../src/dek/dek-wraps.js';
import type { DekRow, KeyWrap, Lease } from '../../src/adapters.js';
import { DekCache, EnvKeyProvider } from '../../src/index.js';
import { ConfiguredProviders } from '../../src/provider/configured-providers.js';
import { leaseId, leaseScopeId } from '../../src/format/lease.js';
import { parseRotationRecord, type RotationRecord } from '../../src/format/rotation-record.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { ManualClock } from '../support/clock.js';
import { describeError, thrownBy } from '../support/failure.js';
import { readGolden } from '../support/golden.js';
import { RsaKeyProvider, rsaUnwrap } from '../support/rsa-key-provider.js';
import { tokenFor } from '../support/deks.js';

interface GoldenRow {
  readonly name: string;
  readonly dekHex?: string;
  readonly row: DekRow;
}

const golden = readGolden<{
  product: string;
  meks: { mekHex: string; mekVersion: string }[];
  rsaPrivateKeyPem: string;
  cases: GoldenRow[];
}>('dek-rows.json');

const [current, previous] = golden.meks.map(({ mekHex }) => mekHex) as [string, string];
const wraps = golden.cases.flatMap(({ row }): KeyWrap[] =>
  isLive(row) ? [row, ...(row.previousWrap ? [row.previousWrap] : [])] : [],
);
const akv = wraps.filter(({ keyProvider }) => keyProvider === 'akv');
const source = { product: golden.product, clock: new ManualClock() };
const keyProviders = [
  new EnvKeyProvider({ key: current, previousKeys: [previous] }),
  new RsaKeyProvider({
    privateKeyPem: golden.rsaPrivateKeyPem,
    mekName: akv[0]?.mekName as string,
    versions: akv.map(({ mekVersion }) => mekVersion),
  }),
];
const context = {
  ...source,
  providers: new ConfiguredProviders(keyProviders, source),
  dekStore: new MemoryDekStore(),
  dekCache: new DekCache(),
};
const live = golden.cases.filter((each): each is GoldenRow & { row: LiveDekRow; dekHex: string } =>
  isLive(each.row),
);

describe('golden DEK rows', () => {
  it.each(golden.cases)('$name parses to itself', ({ row }) => {
    expect(parseDekRow(row)).toEqual(row);
    expect(parseDekRow(row, row.id)).toEqual(row);
  });

  it.each(golden.cases)('$name parses without what a store adds', ({ row }) => {
    expect(parseDekRow({ ...row, _etag: '"1"', _ts: 1 }, row.id)).toEqual(row);
  });

  it.each(live)('$name unwraps to its DEK', async ({ row, dekHex }) => {
    const dek = await unwrapDek(context, row, tokenFor(row.id));
    const bytes = await dek.lend((lent) => Promise.resolve(lent.toString('hex')));
    expect(bytes).toBe(dekHex);
    expect(dek.commitment).toBe(row.commitment);
    expect(dek.id).toBe(row.id);
  });

  const rewrapped = live.filter(({ row }) => row.previousWrap);

  it.each(rewrapped)('$name unwraps from its previous wrap too', async ({ row, dekHex }) => {
    const dek = await unwrapDek(
      context,
      { ...row, ...(row.previousWrap as KeyWrap) },
      tokenFor(row.id),
    );
    const bytes = await dek.lend((lent) => Promise.resolve(lent.toString('hex')));
    expect(bytes).toBe(dekHex);
  });

  const recoverable = live.filter(({ row }) => row.recoveryWrap);

  it.each(recoverable)('$name opens with the recovery key', ({ row, dekHex }) => {
    const { rsaPrivateKeyPem } = golden;
    const wrapped = row.recoveryWrap?.wrappedDek as string;
    expect(rsaUnwrap(rsaPrivateKeyPem, wrapped)?.toString('hex')).toBe(dekHex);
    const spki = createPublicKey(rsaPrivateKeyPem).export({ type: 'spki', format: 'der' });
    const id = createHash('sha256').update(spki).digest('hex').slice(0, 16);
    expect(row.recoveryWrap?.recoveryKeyId).toBe(id);
  });

  it('cover every state, both algorithms, previous and recovery wraps, and macs', () => {
    const rows = golden.cases.map(({ row }) => row);
    expect(new Set(rows.map(({ state }) => state))).toEqual(
      new Set(['active', 'retired', 'shredded']),
    );
    expect(new Set(wraps.map(({ wrapAlgorithm }) => wrapAlgorithm))).toEqual(
      new Set(['A256KW', 'RSA-OAEP-256']),
    );
    expect(rewrapped.length).toBeGreaterThan(0);
    expect(recoverable.length).toBeGreaterThan(0);
    expect(rows.some(({ mac }) => mac !== undefined)).toBe(true);
  });
});

describe('unsupported golden rows', () => {
  const { cases } = readGolden<{ cases: GoldenRow[] }>('unsupported-rows.json');

  it.each(cases)('$name is ROW_UNSUPPORTED', ({ row }) => {
    const refusal = describeError(thrownBy(() => parseDekRow(row, row.id)));
    expect(refusal).toMatchObject({ name: 'FieldEncryptionError', code: 'ROW_UNSUPPORTED' });
    expect(refusal.message).toMatch(
      /which this version does not know: upgrade @bytelyst\/field-encrypt$/,
    );
  });
});

describe('golden rotation records', () => {
  const { cases } = readGolden<{ cases: { name: string; record: RotationRecord }[] }>(
    'rotation-records.json',
  );

  it.each(cases)('$name parses to itself', ({ record }) => {
    expect(parseRotationRecord(record, record.product)).toEqual(record);
    expect(parseRotationRecord({ ...record, _etag: '"1"' }, record.product)).toEqual(record);
  });

  it('cover every state', () => {
    expect(new Set(cases.map(({ record }) => record.state))).toEqual(
      new Set(['fencing', 'rewrapping', 'complete']),
    );
  });
});

describe('golden leases', () => {
  const { cases } = readGolden<{ cases: { name: string; lease: Lease }[] }>('leases.json');

  it.each(cases)('$name is stored where a lease is expected', async ({ lease }) => {
    const collection = lease.id.slice('lease:'.length);
    expect(leaseId(collection)).toBe(lease.id);
    expect(leaseScopeId(lease.product)).toBe(lease.scopeId);
    const store = new MemoryDekStore();
    await store.createItem(lease);
    expect((await readLeaseItem(store, lease.product, collection))?.value).toEqual(lease);
  });
});
