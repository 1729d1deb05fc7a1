import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EnvKeyProvider, type DekStore, type KeyProvider } from '../../../src/index.js';
import { SqliteDekStore } from '../../../src/sqlite/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { note } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { VaultWorld, type Product } from './vault-world.js';

const ENV_KEY = 'bb8b6ecbbb7aab8e20564cca8d5e9de143425a06c318dab0c608799df59ecb43';

let a: VaultWorld;
let b: VaultWorld;

beforeAll(async () => {
  [a, b] = await Promise.all([VaultWorld.start(), VaultWorld.start()]);
});

afterAll(() => Promise.all([a.stop(), b.stop()]));

const STORES: readonly (readonly [string, () => DekStore])[] = [
  ['MemoryDekStore', () => new MemoryDekStore()],
  ['SqliteDekStore', () => new SqliteDekStore(new Database(':memory:'))],
];

interface Move {
  readonly from: KeyProvider;
  readonly to: KeyProvider;
}

/** A plain rewrap with both providers; afterwards the earlier one is needed no more. */
async function move({ memory, stored }: Product, { from, to }: Move): Promise<void> {
  const documents = JSON.stringify(stored);
  const mekVersion = await to.currentVersion();
  const target = { keyProvider: to.id, mekVersion };
  const { summary } = await a.rewrap(a.encryptor(memory, from, to), { target });
  expect(summary).toMatchObject({ complete: true, changed: stored.length, failed: 0 });
  for (const row of await a.rows(memory)) {
    const { id: keyProvider, mekName, wrapAlgorithm } = to;
    expect(row).toMatchObject({ keyProvider, mekName, wrapAlgorithm, mekVersion });
    const { id, mekName: earlier } = from;
    expect(row).toMatchObject({ previousWrap: { keyProvider: id, mekName: earlier } });
  }
  expect(JSON.stringify(await a.rows(memory))).not.toMatch(
    /https?:|localhost|vault\.azure|:\d{4,5}\b/,
  );
  expect(JSON.stringify(stored)).toBe(documents);
  await a.expectReadable({ memory, stored } as Product, to);
  const left = a.encryptor(memory, from);
  expect(await rejection(left.decryptDocument(note, stored[0] as never))).toMatchObject({
    code: 'KEY_PROVIDER_NOT_CONFIGURED',
  });
}

describe.each(STORES)('a product over %s', (_name, makeStore) => {
  it('moves from env keys to a vault, to another with the same key name, and back to env keys', async () => {
    const env = new EnvKeyProvider({ key: ENV_KEY });
    const [first, other] = [a.provider(), b.provider({ id: 'akv-b', wrapMode: 'local' })];
    expect(first.mekName).toBe(other.mekName);
    const product = await a.product(env, 4, makeStore());
    await move(product, { from: env, to: first });
    await move(product, { from: first, to: other });
    await move(product, { from: other, to: env });
    await a.expectReadable(product, env);
  });

  it('writes under the vault as soon as the move began, and reads under both', async () => {
    const env = new EnvKeyProvider({ key: ENV_KEY });
    const to = a.provider();
    const { memory } = await a.product(env, 2, makeStore());
    const target = { keyProvider: to.id, mekVersion: await to.currentVersion() };
    a.fault({ status: 403, innerCode: 'ForbiddenByRbac' }, 'unwrapKey');
    const refused = a.encryptor(memory, env, to);
    await a.expectNothingWritten(memory, 'KEY_PROVIDER_DENIED', () =>
      a.rewrap(refused, { target }),
    );
    a.reset();
    await a.rewrap(a.encryptor(memory, env, to), { target });
    const writer = a.encryptor(memory, env, to);
    await writer.encryptDocument(note, { workspaceId: 'w', id: 'new', body: 'text' });
    const rows = await a.rows(memory);
    expect(rows.map((row) => 'keyProvider' in row && row.keyProvider)).toEqual([
      'akv',
      'akv',
      'akv',
    ]);
  });
});
