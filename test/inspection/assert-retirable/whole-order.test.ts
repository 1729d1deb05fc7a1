import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  assertRetirable,
  createFieldEncryptor,
  findUnreadableRows,
  prunePreviousWraps,
  rewrapAllDeks,
  rollbackRotation,
  takeCensus,
  type DekStore,
  type FieldEncryptor,
} from '../../../src/index.js';
import { SqliteDekStore } from '../../../src/sqlite/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { dekBench } from '../../support/azure/cosmos/cosmos-bench.js';
import { decryptAny, encryptAny, KEY, PRODUCT, type Loose } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { AutoClock } from '../../support/rotation/auto-clock.js';
import { envKeys, targetOf, type MekName } from '../../support/rotations.js';
import { someOf } from '../../support/lane.js';

const NOTES = 12;
const DAY_MS = 86_400_000;

let server: CosmosServer;

beforeAll(async () => {
  server = await CosmosServer.start();
});

afterAll(() => server.stop());

function sqliteFile(): DekStore {
  const folder = mkdtempSync(join(tmpdir(), 'retirement-'));
  const database = new Database(join(folder, 'store.sqlite'));
  onTestFinished(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  return new SqliteDekStore(database);
}

const STORES: readonly (readonly [string, () => DekStore | Promise<DekStore>])[] = [
  ['in memory', () => new MemoryDekStore()],
  ['in a SQLite file', sqliteFile],
  ['on Cosmos DB', async () => (await dekBench(server)).store],
];

/** Its events come one after the other; only the summary counts here. */
async function toTheEnd<Summary>(
  work: AsyncGenerator<{ readonly requestCharge?: number }, Summary, void>,
): Promise<Summary> {
  for (;;) {
    const step = await work.next();
    if (step.done) return step.value;
  }
}

class Product {
  readonly clock = new AutoClock();
  readonly #dekStore: DekStore;

  constructor(dekStore: DekStore) {
    this.#dekStore = dekStore;
  }

  process(...[current, ...previous]: readonly [MekName, ...MekName[]]): FieldEncryptor {
    return createFieldEncryptor({
      product: PRODUCT,
      keyProviders: [envKeys(current, ...previous)],
      dekStore: this.#dekStore,
      clock: this.clock,
      fenceTtlMs: 1_000,
    });
  }
}

describe.each(someOf(STORES, 2))('a MEK version and its DEKs %s', (_where, open) => {
  it('go the whole way: forth, back, forth again, pruned, retired, and the key is gone', async () => {
    const product = new Product(await open());
    const stored: Loose[] = [];
    const writer = product.process('a');
    for (let index = 0; index < NOTES; index += 1) {
      const plain = { ...KEY, id: `note-${String(index)}`, body: `of ${String(index)}` };
      stored.push(await encryptAny(writer, plain));
    }
    const operator = product.process('b', 'a');
    const [a, b] = [await targetOf('a'), await targetOf('b')];
    const forth = () => toTheEnd(rewrapAllDeks(operator, { target: b }));
    const ask = () => assertRetirable(operator, { mek: a, backupWindowMs: 30 * DAY_MS });
    const reasons = async (): Promise<readonly unknown[]> => {
      const error = (await rejection(ask())) as { readonly reasons: { readonly type: string }[] };
      return error.reasons.map(({ type }) => type);
    };

    expect(await reasons()).toEqual(['current-target', 'rows', 'backups']);
    expect(await forth()).toMatchObject({ complete: true, changed: NOTES });
    const back = await toTheEnd(rollbackRotation(operator, { target: a }));
    expect(back).toMatchObject({ complete: true, flipped: NOTES });
    expect(await forth()).toMatchObject({ complete: true, changed: NOTES });
    expect(await reasons()).toEqual(['previous-wraps', 'backups']);

    product.clock.advance(14 * DAY_MS);
    const rewrappedBefore = new Date(product.clock.wallMs());
    const pruned = await toTheEnd(prunePreviousWraps(operator, { rewrappedBefore }));
    expect(pruned).toMatchObject({ complete: true, changed: NOTES });
    expect(await reasons()).toEqual(['backups']);
    product.clock.advance(17 * DAY_MS);
    const report = await ask();
    expect(report.census).toMatchObject({ settled: true, active: NOTES, unreadable: 0 });

    const unreadable = await toTheEnd(findUnreadableRows(operator));
    expect(unreadable).toMatchObject({ readable: NOTES, unreadable: 0 });
    const reader = product.process('b');
    for (const [index, each] of stored.entries()) {
      expect(await decryptAny(reader, each)).toMatchObject({ body: `of ${String(index)}` });
    }
    const { wraps } = await takeCensus(operator);
    expect(wraps).toMatchObject([{ mekVersion: b.mekVersion, active: NOTES, previousWraps: 0 }]);
  });
});

it('on Cosmos DB, each says what it costs', async () => {
  const product = new Product((await dekBench(server)).store);
  const stored = await encryptAny(product.process('a'), { ...KEY, body: 'text' });
  expect(stored).toBeDefined();
  const operator = product.process('b', 'a');
  const [a, b] = [await targetOf('a'), await targetOf('b')];
  await toTheEnd(rewrapAllDeks(operator, { target: b }));
  product.clock.advance(1);
  const rewrappedBefore = new Date(product.clock.wallMs());
  const units = [
    await toTheEnd(prunePreviousWraps(operator, { rewrappedBefore })),
    await toTheEnd(findUnreadableRows(operator)),
    await assertRetirable(operator, { mek: a, backupWindowMs: 0 }),
    await toTheEnd(rollbackRotation(operator, { target: a })),
  ].map(({ requestCharge = 0 }) => requestCharge);
  for (const each of units) expect(each).toBeGreaterThan(0);
});
