/** The tables of docs/cost.md, against what test servers count. Needs the built package. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  backfillDocuments,
  rewrapAllDeks,
  type FieldEncryptorOptions,
  type RewrapAllDeksOptions,
} from '@bytelyst/field-encrypt';
import { afterAll, expect, it } from 'vitest';
import { note, type StoredNote } from '../../examples/notes-backend/src/notes/note.js';
import { MEK_NAME } from '../support/azure/akv-provider.js';
import {
  CostServers,
  CostWorld,
  NOTE,
  RECOVERY_KEY,
  WORKSPACE,
  type Cost,
  type Requests,
} from '../support/azure/cost-world.js';
import { tableUnder } from '../support/docs-code.js';
import { AutoClock } from '../support/rotation/auto-clock.js';

const servers = await CostServers.start();
afterAll(() => servers.stop());

const RECORD_KEY = randomBytes(32).toString('hex');
const ROOT = join(import.meta.dirname, '../..');
const PAGE = 'docs/cost.md';
const [FEW, MANY] = [3, 8];
const ANY = (): boolean => true;
const NONE = (): boolean => false;

const shownKinds = ({ kinds }: Requests): string => {
  const some = Object.entries(kinds).filter(([, count]) => count > 0);
  return some.map(([kind, count]) => `${String(count)} ${kind}`).join(', ') || '–';
};

const rowOf = (what: string, { vault, deks, documents }: Cost): readonly string[] => [
  what,
  String(vault),
  shownKinds(deks),
  shownKinds(documents),
  String(deks.units),
  String(documents.units),
];

/** What each one more costs. */
const perItem = (few: Cost, many: Cost): Cost => {
  const each = (a: number, b: number): number => (b - a) / (MANY - FEW);
  const ofRequests = (a: Requests, b: Requests): Requests => ({
    units: each(a.units, b.units),
    kinds: Object.fromEntries(
      Object.entries(b.kinds).map(([kind, count]) => [
        kind,
        each(a.kinds[kind as keyof Requests['kinds']] ?? 0, count),
      ]),
    ),
  });
  return {
    vault: each(few.vault, many.vault),
    deks: ofRequests(few.deks, many.deks),
    documents: ofRequests(few.documents, many.documents),
  };
};

const bytesOf = (value: object | undefined): number => {
  const own = Object.entries(value ?? {}).filter(
    ([name]) => !/^_(rid|self|etag|attachments|ts)$/.test(name),
  );
  return Buffer.byteLength(JSON.stringify(Object.fromEntries(own)));
};

const documented = (heading: string): readonly (readonly string[])[] =>
  tableUnder(PAGE, heading).map((row) => row.slice(1, -1));

async function requestRows(
  options: Partial<FieldEncryptorOptions> = {},
): Promise<readonly (readonly string[])[]> {
  const world = await CostWorld.start(servers, options);
  const id = await world.create();
  const key = { workspaceId: WORKSPACE, id };
  const read = () => world.notes.read(key, NONE);
  const write = (pinned: boolean) => () => world.notes.change(key, ANY, { pinned });
  const rows = [rowOf('read, its DEK in the cache', await world.costOf(read))];
  world.forgetKeys();
  rows.push(rowOf('read, otherwise', await world.costOf(read)));
  rows.push(rowOf('create', await world.costOf(() => world.create())));
  rows.push(rowOf('change, its DEK in the cache', await world.costOf(write(true))));
  world.forgetKeys();
  rows.push(rowOf('change, otherwise', await world.costOf(write(false))));
  const remove = () => world.notes.delete(key, ANY);
  rows.push(rowOf('delete', await world.costOf(remove)));
  return rows;
}

async function listRows(): Promise<readonly (readonly string[])[]> {
  const world = await CostWorld.start(servers);
  await world.createMany(99);
  const list = () =>
    world.notes.list({ workspaceId: WORKSPACE, limit: 100, continuation: undefined });
  const warm = rowOf('list of 100, their DEKs in the cache', await world.costOf(list));
  world.forgetKeys();
  return [warm, rowOf('list of 100, otherwise', await world.costOf(list))];
}

async function rotate(
  { encryptor }: CostWorld,
  options: Partial<RewrapAllDeksOptions> = {},
): Promise<void> {
  const mekVersion = await servers.vault.rotateKey(MEK_NAME);
  for await (const event of rewrapAllDeks(encryptor, { ...options, target: { mekVersion } })) {
    if (event.type === 'finished') expect(event.summary.complete).toBe(true);
  }
}

async function rotationCost(count: number, options: Partial<RewrapAllDeksOptions>): Promise<Cost> {
  const world = await CostWorld.start(servers, { clock: new AutoClock() });
  await world.createMany(count - 1);
  return world.costOf(() => rotate(world, options));
}

async function rotationRow(
  what: string,
  options: Partial<RewrapAllDeksOptions>,
): Promise<readonly string[]> {
  const few = await rotationCost(FEW, options);
  return rowOf(what, perItem(few, await rotationCost(MANY, options)));
}

async function backfillCost(count: number): Promise<Cost> {
  const world = await CostWorld.start(servers, { mode: 'migrate', clock: new AutoClock() });
  for (let at = 0; at < count; at += 1) {
    const id = `plain-${String(at)}`;
    const times = { createdAt: '2026-11-23T10:00:00Z', updatedAt: '2026-11-23T10:00:00Z' };
    const plain = { ...NOTE, workspaceId: WORKSPACE, id, createdBy: 'ada', ...times };
    await world.store.create(plain as unknown as StoredNote);
  }
  return world.costOf(async () => {
    for await (const event of backfillDocuments(world.encryptor, note, world.store)) {
      if (event.type === 'finished') expect(event.summary.complete).toBe(true);
    }
  });
}

async function bytesRow(
  what: string,
  options: Partial<FieldEncryptorOptions> = {},
  change: (world: CostWorld) => Promise<unknown> = () => Promise.resolve(),
): Promise<readonly string[]> {
  const world = await CostWorld.start(servers, { clock: new AutoClock(), ...options });
  await change(world);
  const { resources: documents } = await world.documents.items.readAll<object>().fetchAll();
  const { resources: items } = await world.deks.items.readAll<object>().fetchAll();
  const row = items.find((item) => 'wrappedDek' in item);
  return [what, String(bytesOf(documents[0])), row ? String(bytesOf(row)) : '–'];
}

it('the requests of each call are those of the docs', async () => {
  const requests = await requestRows();
  expect(documented('Requests')).toEqual([
    ...requests,
    ...(await listRows()),
    await rotationRow('rotation', {}),
    await rotationRow("rotation with `verify: 'none'`", { verify: 'none' }),
    rowOf('backfill', perItem(await backfillCost(FEW), await backfillCost(MANY))),
  ]);
  // Record authentication adds none.
  expect(await requestRows({ recordKey: RECORD_KEY })).toEqual(requests);
});

it('the bytes of a document and of its row are those of the docs', async () => {
  const [recordKey, recoveryKey] = [RECORD_KEY, RECOVERY_KEY];
  expect(documented('Bytes')).toEqual([
    await bytesRow('not encrypted', { enabled: false }),
    await bytesRow('a key of a vault, RSA 2048'),
    await bytesRow('that, with record authentication', { recordKey }),
    await bytesRow('that, with a recovery key, RSA 3072', { recordKey, recoveryKey }),
    await bytesRow('a key of a vault, after a rotation', {}, rotate),
  ]);
});

it('the request units are those that the docs name', () => {
  const { read, query, create, replace, delete: remove } = servers.cosmos.account.charges;
  expect([read, query, create, remove, replace]).toEqual([1, 3, 6, 6, 10]);
  expect(readFileSync(join(ROOT, PAGE), 'utf8').replaceAll('\n', ' ')).toContain(
    '1 for a read, 3 for a query, 6 for a create or a delete, and 10 for a replace',
  );
});
