/** Record authentication on a Cosmos store, under a MEK in a vault: through the real SDKs. */
import { createPublicKey, randomBytes } from 'node:crypto';
import type { Container } from '@azure/cosmos';
import { KeyClient } from '@azure/keyvault-keys';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CosmosDekStore } from '../../src/azure/cosmos/index.js';
import type { DekRow } from '../../src/adapters.js';
import {
  createFieldEncryptor,
  resealRecords,
  rewrapAllDeks,
  type Envelope,
  type FieldEncryptor,
  type FieldEncryptorOptions,
  type KeyProvider,
  type MaintenanceEvent,
} from '../../src/index.js';
import { akvProvider, MEK_NAME } from '../support/azure/akv-provider.js';
import { CosmosServer } from '../support/azure/cosmos-server.js';
import { KeyVaultServer } from '../support/azure/key-vault-server.js';
import { decryptAny, encryptAny, KEY, PRODUCT } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { PREVIOUS_RECORD_KEY, RECORD_KEY, RECORD_KEY_ID } from '../support/records.js';
import { AutoClock } from '../support/rotation/auto-clock.js';
import { activeRow } from '../support/rows.js';
import { rsaWrap } from '../support/rsa-key-provider.js';

const [cosmos, vault] = [await CosmosServer.start(), await KeyVaultServer.start()];
const version = await vault.createKey(MEK_NAME);
const required = { recordKey: RECORD_KEY };
const accepting = { ...required, insecureAcceptUnauthenticatedRecords: true };

afterAll(() => Promise.all([cosmos.stop(), vault.stop()]));

let container: Container;

beforeEach(async () => {
  container = await cosmos.container({ partitionKeyPath: '/scopeId' });
});

function processWith(options: Partial<FieldEncryptorOptions> = {}): FieldEncryptor {
  return createFieldEncryptor({
    product: PRODUCT,
    keyProviders: [akvProvider(vault)],
    dekStore: new CosmosDekStore(container, { readLagMs: 0 }),
    clock: new AutoClock(),
    ...options,
  });
}

/** Has the public key of the MEK, as anyone may, and writes to the container. */
async function plant(generation: number): Promise<DekRow> {
  const client = new KeyClient(vault.url, vault.credential(), {
    ...vault.clientOptions(),
    disableChallengeResourceVerification: true,
  });
  const { key } = await client.getKey(MEK_NAME, { version });
  const text = (part: Uint8Array = Buffer.of()): string => Buffer.from(part).toString('base64url');
  const [n, e] = [text(key?.n), text(key?.e)];
  const publicKey = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
  const wrappedDek = (dek: Uint8Array): string =>
    rsaWrap(String(publicKey.export({ type: 'spki', format: 'pem' })), dek);
  const mek = { keyProvider: 'akv', mekName: MEK_NAME, mekVersion: version };
  const wrapKey = (dek: Uint8Array): Promise<object> =>
    Promise.resolve({ wrappedDek: wrappedDek(dek), wrapAlgorithm: 'RSA-OAEP-256', ...mek });
  const row = await activeRow({
    parts: ['notes', KEY.workspaceId, KEY.id],
    generation,
    dek: randomBytes(32),
    keyProvider: { wrapKey } as unknown as KeyProvider,
    mekVersion: version,
  });
  await container.items.create({ ...row });
  return row;
}

async function items(): Promise<readonly (DekRow & Readonly<Record<string, unknown>>)[]> {
  const query = "SELECT * FROM c WHERE c.type != 'lease'";
  return (await container.items.query(query).fetchAll()).resources as never;
}

describe('a DEK wrapped with the public key of a vault’s MEK, and planted in Cosmos DB', () => {
  it('is sealed under without a record key', async () => {
    await encryptAny(processWith(), { ...KEY, body: 'of the owner' });
    const planted = await plant(2);
    const stored = await encryptAny(processWith(), { ...KEY, body: 'a secret' });
    expect((stored['body'] as Envelope).dekId).toBe(planted.id);
  });

  it('is refused with one', async () => {
    const stored = await encryptAny(processWith(required), { ...KEY, body: 'of the owner' });
    const planted = await plant(2);
    const writing = encryptAny(processWith(required), { ...KEY, body: 'a secret' });
    expect(await failure(writing)).toMatchObject({
      code: 'TAMPERED',
      message: `DEK row ${planted.id} has no mac: it was changed, or written without the record key; restore it from a backup, or run resealRecords if record authentication was turned on recently`,
    });
    expect(await decryptAny(processWith(required), stored)).toMatchObject({ body: 'of the owner' });
  });
});

describe('resealRecords on Cosmos DB', () => {
  it('costs request units, and leaves what a rotation goes on with', async () => {
    const ids = ['1', '2', '3'];
    const writer = processWith();
    const stored = await Promise.all(
      ids.map((id) => encryptAny(writer, { ...KEY, id, body: `of ${id}` })),
    );
    const events: MaintenanceEvent[] = [];
    for await (const event of resealRecords(processWith(accepting))) events.push(event);
    const last = events.at(-1);
    expect(last).toMatchObject({ type: 'finished', summary: { complete: true, changed: 3 } });
    if (last?.type !== 'finished') return;
    const charges = events.map(({ requestCharge = 0 }) => requestCharge);
    expect(last.summary.requestCharge).toBeGreaterThan(0);
    expect(charges.reduce((sum, each) => sum + each, 0)).toBeCloseTo(
      last.summary.requestCharge ?? NaN,
    );
    for (const item of await items()) {
      expect(item).toMatchObject({ macKeyId: RECORD_KEY_ID });
      expect(item).toHaveProperty('_etag');
    }

    const mekVersion = await vault.rotateKey(MEK_NAME);
    for await (const event of rewrapAllDeks(processWith(required), { target: { mekVersion } })) {
      if (event.type === 'finished') expect(event.summary).toMatchObject({ complete: true });
    }
    const changed = { recordKey: PREVIOUS_RECORD_KEY, previousRecordKeys: [RECORD_KEY] };
    for await (const event of resealRecords(processWith(changed))) {
      if (event.type === 'finished') expect(event.summary).toMatchObject({ changed: 3 });
    }
    const reader = processWith({ recordKey: PREVIOUS_RECORD_KEY });
    for (const each of stored) {
      expect(await decryptAny(reader, each)).toMatchObject({ body: `of ${String(each['id'])}` });
    }
  });
});
