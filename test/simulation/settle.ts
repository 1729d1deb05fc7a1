import { deepEqual, equal, ok } from 'node:assert/strict';
import type { LiveDekRow } from '../../src/adapters.js';
import { readGolden } from '../support/golden.js';
import { ALL_MEKS, nameOf, targetAt, type MekName } from '../support/rotation/meks.js';
import { inPlaceOf } from '../support/rotation/tampering.js';
import { backfill, driveMigration, reencrypt } from './actors/migrator.js';
import { requireRead } from './actors/reader.js';
import { write } from './actors/writer.js';
import { driveRewrap } from './actors/rewrapper.js';
import { codeOf } from './explanations.js';
import { envelopesIn, keyOf, type SimDocument } from './ledger.js';
import { WALL_START_MS } from './process-clock.js';
import { withoutMac } from './row-checks.js';
import { requireOldRecordFound } from './settle-old-record.js';
import { endOfTheWorld } from './settle-records.js';
import { requireNotPruned, requirePruned } from './settle-maintenance.js';
import type { Actor, Life, Simulation } from './simulation.js';
import { liveRows, recordOf, untilSeen } from './stored-records.js';

const EVERYTHING_LANDED_MS = 20_000;

/** At the end: everything is enabled and run again, and what must hold at rest is checked. */
export const judge: Actor = {
  name: 'judge',
  role: 'judge',
  act: async (life) => {
    const { sim } = life;
    sim.wire.isCalm = true;
    await life.process.clock.sleep(EVERYTHING_LANDED_MS);
    for (const name of sim.vault.made) sim.vault.set(name, 'enabled');
    sim.outOfUse.clear();
    await untilSeen(life);
    await removeErased(life);
    if (!sim.dekStore.record) return;
    await requireConvergence(sim);
    await requireBackfilled(sim);
    if (sim.random.chance(0.5)) await requireReencrypted(sim);
    await requireTamperingFound(sim);
    if (sim.random.chance(0.5)) await requirePruned(sim);
    await requireOldRecordFound(sim);
    await requireLastVersionEnough(sim);
    await endOfTheWorld(sim);
    requireSecrecy(sim);
  },
};

/** What raced with an erasure, and lost. */
async function removeErased({ sim, documents }: Life): Promise<void> {
  for (const { document, etag } of sim.documents.all) {
    const isErased = envelopesIn(document).some(([, { dekId }]) => sim.erased.has(dekId));
    if (isErased) await documents.delete(keyOf(document.id), etag);
  }
}

/** I8 and I12: a rerun with everything enabled completes, and another writes nothing. */
async function requireConvergence(sim: Simulation, name = nameOf(recordOf(sim))): Promise<void> {
  await rewrapTo(sim, name);
  requireSettledRows(sim);
  const { writes } = sim.dekStore;
  const { vaultCalls } = sim.steps;
  await rewrapTo(sim, name);
  equal(sim.dekStore.writes, writes, 'I8: a rerun of a finished rotation writes');
  equal(sim.steps.vaultCalls, vaultCalls + 2, 'I8: a rerun of a finished rotation wraps');
}

async function rewrapTo(sim: Simulation, name: MekName): Promise<void> {
  const life = sim.spawn(`judge ${String(sim.nextRev())}`, 'judge');
  const { summary, events } = await driveRewrap(life, { target: targetAt(name), takeOver: true });
  const failed = events.filter(({ type }) => type === 'failed');
  ok(summary?.complete, `I12: a quiet rerun is not complete: ${JSON.stringify(failed)}`);
  await untilSeen(life);
}

function requireSettledRows(sim: Simulation): void {
  const { mekVersion, epoch, state } = recordOf(sim);
  equal(state, 'complete', 'I8: the rotation is not complete');
  for (const row of liveRows(sim)) {
    equal(row.mekVersion, mekVersion, `I8: ${row.id} is not on the target`);
    equal(row.epoch, epoch, `I8: ${row.id} is not at the epoch`);
  }
}

async function requireBackfilled(sim: Simulation): Promise<void> {
  const run = async (): Promise<number | undefined> => {
    const life = sim.spawn(`backfill ${String(sim.nextRev())}`, 'backfill');
    const summary = await driveMigration(life, backfill(life));
    ok(summary?.complete, 'I19: a quiet backfill is not complete');
    await untilSeen(life);
    return summary.changed;
  };
  await run();
  equal(await run(), 0, 'I8: a rerun of a finished backfill writes');
  const { library, definition } = sim;
  const { documents } = sim.spawn('counter', 'judge');
  equal((await library.countPlaintext(definition, documents)).fields, 0, 'I18: plaintext is left');
}

/** I5: one generation of each document is left in use, and another run writes nothing. */
async function requireReencrypted(sim: Simulation): Promise<void> {
  const { wire, timeline } = sim;
  const before = new Set(liveRows(sim).map(({ id }) => id));
  let moment: Date | undefined;
  const run = async (): Promise<void> => {
    const life = sim.spawn(`re-encrypter ${String(sim.nextRev())}`, 're-encrypter');
    life.process.clock.jump(timeline.nowMs - life.process.clock.wallMs() + WALL_START_MS);
    moment ??= new Date(life.process.clock.wallMs());
    const summary = await driveMigration(life, reencrypt(life, moment, true));
    ok(summary?.complete, 'I19: a quiet re-encryption is not complete');
    await untilSeen(life);
  };
  ok(wire.isCalm);
  await run();
  await writeNew(sim);
  const { writes } = sim.documents;
  await run();
  equal(sim.documents.writes, writes, 'I8: a rerun of a finished re-encryption writes');
  for (const { document } of sim.documents.all) {
    const old = envelopesIn(document).find(([, { dekId }]) => before.has(dekId));
    ok(!old, `I5: a DEK from before a re-encryption is in use in ${document.id}`);
  }
  const used = new Set(sim.documents.all.map(({ document }) => document.id));
  const active = liveRows(sim).filter(
    ({ state, scope }) => state === 'active' && used.has(scope.at(-1) ?? ''),
  );
  const scopes = new Set(active.map(({ scopeId }) => scopeId));
  equal(scopes.size, active.length, 'I5: two generations of a document are in use');
}

/** Its DEK is not from before the re-encryption. */
async function writeNew(sim: Simulation): Promise<void> {
  const rev = String(sim.nextRev());
  const life = sim.spawn(`writer ${rev}`, 'writer');
  await write(life, `f${rev}`);
  await untilSeen(life);
}

/** I7 and I14: an altered row is refused as what it is, named, and left as it is. */
async function requireTamperingFound(sim: Simulation): Promise<void> {
  const victim = liveRows(sim).find(({ id }) => documentUnder(sim, id));
  const other = liveRows(sim).find(({ id }) => id !== victim?.id);
  const document = victim && documentUnder(sim, victim.id);
  if (!victim || !other || !document) return;
  const altered = alter(sim, victim, other);
  sim.rows.pause();
  sim.dekStore.put(victim.id, altered);
  const waiter = sim.spawn('waiter', 'judge');
  await untilSeen(waiter);
  equal(await codeOfReading(sim, document), 'TAMPERED', `I14: ${victim.id} was taken for sound`);
  const name = sim.random.pick(ALL_MEKS.filter((each) => each !== nameOf(victim)));
  sim.vault.set(name, 'enabled');
  await untilSeen(waiter);
  if (sim.random.chance(0.5)) await requireNotPruned(sim, altered);
  await requireRefused(sim, name, altered, victim);
  sim.rows.resume();
  await rewrapTo(sim, name);
  sim.rows.lateCreates.clear();
  await requireConvergence(sim, name);
  sim.tally.add('tampering that was found', true);
}

function alter({ random, weather }: Simulation, victim: LiveDekRow, other: LiveDekRow): LiveDekRow {
  const { previousWrap, ...bare } = victim;
  const broken = { ...bare, wrappedDek: other.wrappedDek } as LiveDekRow;
  const ways: LiveDekRow[] = [
    broken,
    { ...victim, commitment: other.commitment },
    inPlaceOf(victim, other),
  ];
  if (weather.hasRecordKey && random.chance(0.5)) {
    const older = { ...victim, createdAt: '2025-12-31T00:00:00.000Z' };
    return random.pick([withoutMac(victim), older]);
  }
  // Most often what can be repaired.
  if (previousWrap && random.chance(0.8)) return { ...broken, previousWrap };
  return random.pick(ways);
}

async function requireRefused(
  sim: Simulation,
  name: MekName,
  altered: LiveDekRow,
  sound: LiveDekRow,
): Promise<void> {
  const life = sim.spawn(`judge ${String(sim.nextRev())}`, 'judge');
  const options = { target: targetAt(name), takeOver: true, verify: 'none' as const };
  const { summary, events } = await driveRewrap(life, options, { expected: 'TAMPERED' });
  const { id } = altered;
  if (events.some((event) => event.type === 'changed' && event.dekId === id && event.repaired)) {
    sim.tally.add('rows that were repaired', true);
    return;
  }
  const failed = events.flatMap((event) => (event.type === 'failed' ? [event] : []));
  const named = new Map(failed.map(({ dekId, error }) => [dekId, codeOf(error)]));
  deepEqual(named, new Map([[id, 'TAMPERED']]), 'I14: not just what was altered has failed');
  ok(!summary?.complete, 'I14: a rotation came to its end over an altered row');
  deepEqual(sim.dekStore.row(id), altered, 'I7: an altered row was written');
  sim.dekStore.put(id, sound);
  await untilSeen(life);
}

async function codeOfReading(sim: Simulation, document: SimDocument): Promise<string> {
  const { encryptor } = sim.spawn(`judge ${String(sim.nextRev())}`, 'judge');
  try {
    await encryptor.decryptDocument(sim.definition, document as never);
    return 'opened';
  } catch (error) {
    sim.secrecy.hears(error);
    return codeOf(error);
  }
}

/** I1, I11 and I12: with every other version disabled, a new process reads everything. */
async function requireLastVersionEnough(sim: Simulation): Promise<void> {
  const { mekVersion } = recordOf(sim);
  const census = await sim.library.takeCensus(sim.spawn('census', 'judge').encryptor, {
    allowEmpty: true,
  });
  ok(census.settled && census.behind === 0, 'I11: the census is not settled');
  for (const name of sim.vault.made) {
    if (name !== nameOf({ mekVersion })) sim.vault.set(name, 'disabled');
  }
  const life = sim.spawn('last reader', 'judge');
  await untilSeen(life);
  for (const { document } of sim.documents.all) {
    const askedAtMs = sim.timeline.nowMs;
    const plain = await life.encryptor.decryptDocument(sim.definition, document as never);
    requireRead(life, 'strict', document, plain, askedAtMs);
  }
  const { findMissingDeks } = sim.library;
  for await (const event of findMissingDeks(life.encryptor, sim.definition, life.documents, {
    allowEmpty: true,
  })) {
    equal(event.type, 'finished', 'I20: a DEK is said to be missing');
  }
}

/** I13 */
function requireSecrecy({ secrecy, rows, trail, dekStore }: Simulation): void {
  trail.check(dekStore, secrecy);
  const { cases } = readGolden<{ readonly cases: readonly { readonly mekHex: string }[] }>(
    'meks.json',
  );
  secrecy.check([...rows.deks, ...cases.map(({ mekHex }) => mekHex)]);
}

function documentUnder({ documents }: Simulation, dekId: string): SimDocument | undefined {
  const all = documents.all.map(({ document }) => document);
  return all.find((each) => envelopesIn(each).some(([, envelope]) => envelope.dekId === dekId));
}
