/** Does with the library what every metric counts, by its public functions alone. */
import type { DekStoreOptions } from '../../../src/adapters.js';
import { backfillDocuments, rewrapAllDeks, StoreError } from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { budgetWorld, pass, run } from '../../provider/vault-budget/budgets.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  looseDefinition,
  note,
  setup,
  type Setup,
} from '../encryptor.js';
import { rejection } from '../failure.js';
import { addPlain, migrate, notes } from '../migrations.js';
import { MeteredVault } from '../rotation/metered-vault.js';
import { envKeys, pullUntil, start, targetOf, withKeys, writeNotes } from '../rotations.js';

/** Asks 1.5 request units for each call. */
export class PricedDekStore extends MemoryDekStore {
  override get(dekId: string, options: DekStoreOptions = {}): ReturnType<MemoryDekStore['get']> {
    options.onRequestCharge?.(1.5);
    return super.get(dekId, options);
  }
}

/** Of one that only asks for its figures. */
export const WAITING_SINK = {
  maxBytes: 1_000,
  backlog: () =>
    Promise.resolve({
      events: 3,
      bytes: 700,
      oldestAt: new Date('2026-11-23T09:50:00Z').toISOString(),
    }),
};

export async function readsAndWrites(): Promise<Setup> {
  const writer = setup({ memory: new PricedDekStore() });
  const stored = await writeNotes(writer, 3);
  const reader = setup({ beside: writer, cache: { maxEntries: 2 } });
  for (const each of stored) await decryptAny(reader.encryptor, each);
  await Promise.all([1, 2].map(() => decryptAny(reader.encryptor, stored[0])));
  await decryptAny(reader.encryptor, stored[0]);
  await reader.encryptor.checkReadiness();
  return writer;
}

export async function passThroughs(writer: Setup): Promise<void> {
  const reader = setup({ beside: writer, mode: 'migrate' });
  const body = 'Not sealed yet';
  await decryptAny(reader.encryptor, { ...KEY, id: 'plain', body });
  const stored = await encryptAny(writer.encryptor, { ...KEY, body });
  const smaller = looseDefinition('notes', ['workspaceId', 'id'], ['title']);
  await decryptAny(reader.encryptor, stored, smaller);
}

/** One for each of the ways in which a document may fail to open. */
export async function failedOpens(writer: Setup): Promise<void> {
  const body = 'A text of some length';
  const stored = await encryptAny(writer.encryptor, { ...KEY, id: 'failing', body });
  const moved = { ...stored, id: 'another' };
  await rejection(decryptAny(writer.encryptor, moved));
  await rejection(decryptAny(writer.encryptor, { ...KEY, body }));
  await writer.encryptor.decryptDocuments(note, [moved as never]);
}

/** A rotation has begun, and a document is read before its DEK's turn has come. */
export async function readDuringRotation(): Promise<void> {
  const writer = setup();
  const [stored] = await writeNotes(writer, 4);
  const operator = withKeys(writer, ['b', 'a']);
  const rotation = await start(operator, { concurrency: 1 });
  await pullUntil(rotation, operator.clock, 'begun');
  const reader = withKeys(writer, ['b', 'a']);
  await reader.encryptor.checkReadiness();
  await decryptAny(reader.encryptor, stored);
  await pullUntil(rotation, operator.clock, 'finished');
}

/** Some calls of the vault are throttled, and retried. */
export async function throttledRotation(): Promise<void> {
  const world = await budgetWorld(6);
  world.vault.refuse = (count) => ([5, 9].includes(count) ? { retryAfterMs: 5_000 } : undefined);
  await pass(run(world, { concurrency: 1 }), world.clock);
}

export async function failingRuns(): Promise<void> {
  const writer = setup();
  await writeNotes(writer, 2);
  const operator = withKeys(writer, ['b', 'a']);
  let wraps = 0;
  operator.provider.before = (method) => {
    if (method !== 'wrapKey') return;
    wraps += 1;
    // The first one proves that the MEK works.
    if (wraps === 2) throw new Error('Down');
  };
  await pullUntil(await start(operator), operator.clock, 'finished');
  const leaving = rewrapAllDeks(operator.encryptor, { target: await targetOf('b'), dryRun: true });
  await leaving.next();
  await leaving.return(undefined as never);
}

/** What some alarms wait for: encryption that is off, a vault and a store that fail. */
async function outages(): Promise<void> {
  const writer = setup();
  const stored = await encryptAny(writer.encryptor, { ...KEY, body: 'text' });
  await setup({ beside: writer, enabled: false }).encryptor.checkReadiness();
  const reader = setup({ beside: writer });
  reader.provider.before = () => {
    throw new Error('Down');
  };
  await rejection(decryptAny(reader.encryptor, stored));
  reader.store.before = () => {
    throw new StoreError('STORE_UNAVAILABLE', 'Down');
  };
  await rejection(decryptAny(reader.encryptor, stored));
}

/** A run over a collection, and one that fails as a whole. */
async function migrations(): Promise<void> {
  const clock = setup().clock;
  const vault = new MeteredVault(envKeys('a'), clock);
  vault.refuse = (count) => (count === 2 ? { retryAfterMs: 1_000 } : undefined);
  const made = setup({ mode: 'migrate', clock, keyProviders: [vault.provider()] });
  const collection = notes();
  await addPlain(collection, 3);
  await migrate(backfillDocuments(made.encryptor, note, collection.store), clock);
  collection.probe.before = () => {
    throw new StoreError('STORE_UNAVAILABLE', 'Down');
  };
  await rejection(migrate(backfillDocuments(made.encryptor, note, collection.store), clock));
}

export async function doEverything(): Promise<void> {
  const writer = await readsAndWrites();
  await passThroughs(writer);
  await failedOpens(writer);
  await readDuringRotation();
  await throttledRotation();
  await failingRuns();
  await migrations();
  await outages();
}
