import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { PAIR } from '../../support/recovery-pairs.js';
import { targetAt } from '../../support/rotation/meks.js';
import type { Forgotten } from '../fake-dek-store.js';
import { envelopesIn, keyOf } from '../ledger.js';
import { longestFenceMs } from '../row-checks.js';
import type { Life } from '../simulation.js';

type Adopting = ReturnType<Life['sim']['library']['adoptRestoredStore']>;

/**
 * Everything stops, the DEK store is set back and adopted, some rows are brought back, one that is damaged is
 * given up, what is lost is named, and everything goes on.
 */
export async function restore(life: Life): Promise<void> {
  const { sim } = life;
  const { dekStore, random, rows, timeline, vault, outOfUse } = sim;
  sim.isHalted = sim.wire.isCalm = true;
  sim.stopAll();
  for (const name of vault.made) {
    vault.set(name, 'enabled');
    outOfUse.delete(targetAt(name).mekVersion);
  }
  rows.pause();
  const forgotten = dekStore.restore(timeline.nowMs - random.int(500, 12_000));
  await adopt(sim, forgotten);
  await bringBack(sim, forgotten);
  if (random.chance(0.5)) await giveUpOne(sim);
  rows.resume();
  await nameTheLost(sim);
  sim.tally.add('restores', true);
  sim.isHalted = sim.wire.isCalm = false;
}

/** I4 and I5 after a restore: nothing is below what was, and what was shredded is shredded. */
async function adopt(sim: Life['sim'], { epoch, shredded }: Forgotten): Promise<void> {
  const { dekStore, library, timeline, weather } = sim;
  const { encryptor, process, documents } = sim.spawn('adopter', 'operator');
  await process.clock.sleep(weather.vaultLagMs);
  const restored = dekStore.record;
  const lost = lostIn(sim);
  const startMs = timeline.nowMs;
  const options = {
    epochSeen: epoch,
    shredAgain: shredded,
    documents: [{ definition: sim.definition, documentStore: documents }],
    allowEmpty: true,
    ...(!restored && { target: targetAt(sim.wanted) }),
  };
  const { writes } = dekStore;
  await drained(sim, library.adoptRestoredStore(encryptor, { ...options, dryRun: true }));
  equal(dekStore.writes, writes, 'I7: the dry run of an adoption writes');
  const reported = await drained(sim, library.adoptRestoredStore(encryptor, options));
  const { record } = dekStore;
  ok(record, 'I4: a restored store has no record');
  ok(record.epoch > epoch, 'I4: the record is not above the epoch that was seen');
  for (const { row } of dekStore.rows.values()) {
    ok(row.epoch < record.epoch, `I4: the record is not above ${row.id}`);
    ok(row.generation < record.generationFloor, `I2: the floor is not above ${row.id}`);
  }
  for (const id of shredded) equal(dekStore.row(id)?.state, 'shredded', `I5: ${id} is back`);
  for (const each of lost) ok(reported.has(each), `I20: ${each} is not reported as missing`);
  const wholeMs = longestFenceMs(record) + 2 * weather.lagMs;
  ok(timeline.nowMs - startMs >= wholeMs, 'I11: a restored store is adopted without a wait');
  sim.tally.add('DEKs that were shredded again', shredded.length);
}

/** @returns Documents and the DEKs that they miss. */
async function drained(sim: Life['sim'], adopting: Adopting): Promise<ReadonlySet<string>> {
  const reported = new Set<string>();
  for await (const event of adopting) {
    sim.secrecy.hears(event);
    if (event.type === 'failed') throw event.error;
    if (event.type !== 'skipped' || event.reason !== 'dek-missing') continue;
    for (const dekId of event.dekIds) reported.add(`${String(event.key['id'])} ${dekId}`);
  }
  return reported;
}

/** Each lost DEK that a document names, as `n1 0123….1`. */
function lostIn({ documents, dekStore }: Life['sim']): readonly string[] {
  return documents.all.flatMap(({ document }) =>
    [...new Set(envelopesIn(document).map(([, { dekId }]) => dekId))]
      .filter((dekId) => !dekStore.row(dekId))
      .map((dekId) => `${document.id} ${dekId}`),
  );
}

/** From a copy of the store as it was: some of the rows that the backup does not have. */
async function bringBack(sim: Life['sim'], { rows }: Forgotten): Promise<void> {
  const { dekStore, library, random, tally } = sim;
  const gone = rows.filter(({ id }) => !dekStore.row(id));
  const dekIds = gone.map(({ id }) => id).filter(() => random.chance(0.5));
  if (dekIds.length === 0) return;
  const from = new MemoryDekStore();
  for (const row of rows) await from.create(row);
  const { encryptor } = sim.spawn('importer', 'operator');
  for await (const event of library.importDekRows(encryptor, { from, dekIds })) {
    sim.secrecy.hears(event);
    if (event.type === 'failed') throw event.error;
  }
  for (const id of dekIds) ok(dekStore.row(id), `I20: ${id} was not brought back`);
  tally.add('DEKs that were brought back', dekIds.length);
}

/** I2 and I7: a sound row is never given up; a damaged one becomes a tombstone, and its documents are named. */
async function giveUpOne(sim: Life['sim']): Promise<void> {
  const { dekStore, library, random, tally, weather } = sim;
  const rows = [...dekStore.rows.values()].map(({ row }) => row);
  const live = rows.filter((row) => row.state !== 'shredded');
  if (live.length === 0) return;
  const row = random.pick(live);
  const { encryptor, process, documents } = sim.spawn('abandoner', 'operator');
  const options = { privateKey: PAIR.privateKey };
  await process.clock.sleep(weather.lagMs + weather.vaultLagMs);
  const { writes } = dekStore;
  await rejects(library.abandonDek(encryptor, row.id, options), { code: 'ABANDON_REFUSED' });
  equal(dekStore.writes, writes, 'I7: a sound row was given up');
  // Not of this DEK: that of another one, or of none.
  dekStore.put(row.id, { ...row, commitment: '0'.repeat(43) });
  await process.clock.sleep(weather.lagMs);
  const { digest, abandoned } = await library.abandonDek(encryptor, row.id, options);
  ok(!abandoned && dekStore.writes === writes + 1, 'I7: a row was given up without a confirmation');
  await library.abandonDek(encryptor, row.id, { ...options, confirm: digest });
  equal(dekStore.row(row.id)?.state, 'shredded', `I5: ${row.id} was given up, and is no tombstone`);
  await process.clock.sleep(weather.lagMs);
  const named = sim.documents.all.flatMap(({ document }) => {
    const isNamed = envelopesIn(document).some(([, { dekId }]) => dekId === row.id);
    return isNamed ? [document.id] : [];
  });
  const missing = await documentsMissing(sim, row.id);
  deepEqual(missing, named.sort(), 'I20: the documents of a DEK that was given up are not named');
  for (const id of named) {
    const item = await documents.get(keyOf(id));
    if (item) await documents.delete(keyOf(id), item.etag);
  }
  tally.add('DEKs that were given up', true);
}

async function documentsMissing(sim: Life['sim'], dekId: string): Promise<readonly string[]> {
  const { encryptor, documents } = sim.spawn('searcher', 'operator');
  const ids: string[] = [];
  for await (const event of sim.library.findMissingDeks(encryptor, sim.definition, documents)) {
    sim.secrecy.hears(event);
    if (event.type === 'missing' && event.dekId === dekId) ids.push(String(event.key['id']));
  }
  return ids.sort();
}

/** I20: what cannot be read any more is named, all of it and nothing else. */
async function nameTheLost(sim: Life['sim']): Promise<void> {
  const { encryptor, process, documents } = sim.spawn('restorer', 'operator');
  // Rows that were just brought back may be missing in reads that lag.
  await process.clock.sleep(sim.weather.lagMs + sim.weather.vaultLagMs);
  const named: string[] = [];
  const lost = [...lostIn(sim)];
  for await (const event of sim.library.findMissingDeks(encryptor, sim.definition, documents, {
    allowEmpty: true,
  })) {
    sim.secrecy.hears(event);
    if (event.type !== 'missing' || event.reason !== 'absent') continue;
    named.push(`${String(event.key['id'])} ${event.dekId}`);
  }
  deepEqual(named.sort(), lost.sort(), 'I20: the report of what is lost is not exact');
  sim.tally.add('DEKs that a restore lost', lost.length);
  for (const id of new Set(lost.map((each) => each.split(' ')[0] ?? ''))) {
    const item = await documents.get(keyOf(id));
    if (item) await documents.delete(keyOf(id), item.etag);
  }
  for (const { document } of sim.documents.all) sim.documentChecks.requireReadable(document);
}
