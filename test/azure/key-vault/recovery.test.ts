import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyClient } from '@azure/keyvault-keys';
import Database from 'libsql';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CosmosDekStore } from '../../../src/azure/cosmos/index.js';
import type { LiveDekRow } from '../../../src/adapters.js';
import {
  createFieldEncryptor,
  recoverDeks,
  type DekStore,
  type FieldEncryptor,
  type FieldEncryptorOptions,
  type RecoveryEvent,
} from '../../../src/index.js';
import { SqliteDekStore } from '../../../src/sqlite/index.js';
import { MEK_NAME } from '../../support/azure/akv-provider.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { note, PRODUCT, type Loose } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { lostIn } from '../../support/recovery.js';
import { OTHER_PAIR, PAIR } from '../../support/recovery-pairs.js';
import { RecordingClock, VaultWorld } from './vault-world.js';
import { someOf } from '../../support/lane.js';

const NOTES = 5;
const OURS = { recoveryKey: PAIR.publicKey };

let world: VaultWorld;
let directory: string;
let cosmos: CosmosServer | undefined;
/** A connection of its own to the one store of the test. */
let connect: () => DekStore;

afterAll(() => cosmos?.stop());

beforeEach(async () => {
  world = await VaultWorld.start();
  directory = await mkdtemp(join(tmpdir(), 'recovery-'));
});

afterEach(async () => {
  await world.stop();
  await rm(directory, { recursive: true });
});

const STORES: readonly (readonly [string, () => Promise<typeof connect>])[] = [
  [
    'a SQLite file',
    () => {
      const file = join(directory, 'notes.db');
      return Promise.resolve(() => new SqliteDekStore(new Database(file)));
    },
  ],
  [
    'Cosmos DB',
    async () => {
      const server = (cosmos ??= await CosmosServer.start());
      const { id, database } = await server.container({ partitionKeyPath: '/scopeId' });
      return () => {
        const container = server.client().database(database.id).container(id);
        return new CosmosDekStore(container, { readLagMs: 0 });
      };
    },
  ],
];

/** As after a restart: its own connection, cache and clock, and a provider that knows nothing yet. */
function freshProcess(options: Pick<FieldEncryptorOptions, 'recoveryKey'> = OURS): FieldEncryptor {
  return createFieldEncryptor({
    product: PRODUCT,
    dekStore: connect(),
    keyProviders: [world.provider()],
    clock: new RecordingClock(),
    ...options,
  });
}

async function write(encryptor: FieldEncryptor, ids: readonly string[]): Promise<Loose[]> {
  const documents = ids.map((id) => ({ workspaceId: 'w', id, body: `of ${id}` }));
  return Promise.all(documents.map((each) => encryptor.encryptDocument(note, each)));
}

function numbered(prefix: string): readonly string[] {
  return Array.from({ length: NOTES }, (_each, at) => `${prefix}-${String(at)}`);
}

/** As an operator would by mistake: no version of it is left, and nothing brings one back. */
async function destroyTheKey(): Promise<void> {
  const { url } = world.server;
  const operator = new KeyClient(url, world.server.credential(), world.server.clientOptions());
  const deleting = await operator.beginDeleteKey(MEK_NAME, { intervalInMs: 1 });
  await deleting.pollUntilDone();
  await operator.purgeDeletedKey(MEK_NAME);
}

async function recover(encryptor: FieldEncryptor, mekVersion: string): Promise<RecoveryEvent[]> {
  const events: RecoveryEvent[] = [];
  const options = { privateKey: PAIR.privateKey, target: { mekVersion } };
  for await (const event of recoverDeks(encryptor, options)) events.push(event);
  return events;
}

async function expectReadable(encryptor: FieldEncryptor, stored: readonly Loose[]): Promise<void> {
  const outcomes = await encryptor.decryptDocuments(note, stored as never[]);
  for (const [at, outcome] of outcomes.entries()) {
    expect(outcome).toMatchObject({
      ok: true,
      document: { body: `of ${String(stored[at]?.['id'])}` },
    });
  }
  expect(outcomes).toHaveLength(stored.length);
}

function codeOfReading(encryptor: FieldEncryptor, stored: Loose): Promise<unknown> {
  return rejection(encryptor.decryptDocument(note, stored as never));
}

describe.each(someOf(STORES))('a vault key that is destroyed, over %s', (_name, makeStore) => {
  beforeEach(async () => {
    connect = await makeStore();
  });

  it('takes no note with it where there was a recovery key: a new key, recoverDeks, and all read', async () => {
    const stored = await write(freshProcess(), numbered('note'));
    await expectReadable(freshProcess(), stored);
    const documents = JSON.stringify(stored);

    await destroyTheKey();
    expect(await codeOfReading(freshProcess(), stored[0] as Loose)).toMatchObject({
      code: 'MEK_VERSION_UNKNOWN',
    });
    const created = await world.server.createKey(MEK_NAME);
    expect(await codeOfReading(freshProcess(), stored[0] as Loose)).toMatchObject({
      code: 'MEK_VERSION_UNKNOWN',
    });

    const events = await recover(freshProcess(), created);
    expect(events.at(-1)).toMatchObject({
      type: 'finished',
      summary: { complete: true, changed: NOTES, recovered: NOTES, failed: 0, lost: 0 },
    });
    expect(JSON.stringify(stored)).toBe(documents);
    await expectReadable(freshProcess(), stored);
    const [added] = await write(freshProcess(), ['added']);
    await expectReadable(freshProcess(), [...stored, added as Loose]);

    const next = await world.rotate();
    const rotated = await world.rewrap(freshProcess(), { target: { mekVersion: next } });
    expect(rotated.summary).toMatchObject({ complete: true, changed: NOTES + 1, failed: 0 });
    for (const row of (await world.rows(freshProcess().dekStore)) as LiveDekRow[]) {
      expect(row.previousWrap).toMatchObject({ mekVersion: created });
      expect(row.recoveryWrap).toMatchObject({ recoveryKeyId: PAIR.id });
    }
    await expectReadable(freshProcess(), [...stored, added as Loose]);
  });

  it('takes the notes without a recovery wrap, and the report names each of them', async () => {
    const kept = await write(freshProcess(), numbered('kept'));
    const gone = await write(freshProcess({}), ['bare-0', 'bare-1']);
    const elsewhere = freshProcess({ recoveryKey: OTHER_PAIR.publicKey });
    const foreign = await write(elsewhere, ['foreign']);

    await destroyTheKey();
    const created = await world.server.createKey(MEK_NAME);
    const events = await recover(freshProcess(), created);
    expect(events.at(-1)).toMatchObject({
      summary: { complete: false, recovered: NOTES, failed: 3, lost: 3 },
    });
    expect(lostIn(events)).toEqual({
      'bare-0': 'no-recovery-wrap',
      'bare-1': 'no-recovery-wrap',
      foreign: 'other-recovery-key',
    });
    await expectReadable(freshProcess(), kept);

    const again: RecoveryEvent[] = [];
    const { privateKey } = OTHER_PAIR;
    const target = { mekVersion: created };
    for await (const event of recoverDeks(elsewhere, { privateKey, target })) again.push(event);
    expect(again.at(-1)).toMatchObject({ summary: { recovered: 1, lost: 2, complete: false } });
    await expectReadable(freshProcess(), foreign);

    const operator = freshProcess();
    for (const id of ['bare-0', 'bare-1']) await operator.shred(note, { workspaceId: 'w', id });
    expect((await recover(operator, created)).at(-1)).toMatchObject({
      summary: { complete: true, failed: 0, lost: 0, changed: 0 },
    });
    expect(await codeOfReading(operator, gone[0] as Loose)).toMatchObject({ code: 'DEK_SHREDDED' });
    await expectReadable(operator, [...kept, ...foreign]);
  });
});
