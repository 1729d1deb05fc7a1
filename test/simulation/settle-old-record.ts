import { deepEqual, equal } from 'node:assert/strict';
import { nameOf, targetAt } from '../support/rotation/meks.js';
import { requireRead } from './actors/reader.js';
import { driveRewrap } from './actors/rewrapper.js';
import { codeOf } from './explanations.js';
import { keyOf, valueOf, type SimDocument } from './ledger.js';
import { longestFenceMs } from './row-checks.js';
import type { Life, Simulation } from './simulation.js';
import { liveRows, recordOf, untilSeen } from './stored-records.js';

/** I4: over a record from before, nothing is sealed and no row is written; each is named. Reading goes on. */
export async function requireOldRecordFound(sim: Simulation): Promise<void> {
  const record = recordOf(sim);
  const before = record.history.at(-1);
  const earlier = before && sim.dekStore.recordAt(before.epoch);
  if (!earlier) return;
  const document = sealableDocument(sim);
  const witness = judgeOf(sim);
  if (document) equal(await sealed(witness, document), 'sealed');
  sim.rows.pause();
  sim.dekStore.put(record.id, earlier);
  const { rows } = sim.dekStore;
  // The witness acts on no copy of the newer record any more.
  await witness.process.clock.sleep(longestFenceMs(record));
  await untilSeen(witness);
  const pinned = judgeOf(sim, { minimumEpoch: record.epoch });
  if (document) {
    for (const life of [witness, pinned, judgeOf(sim)]) await requireReadOnly(life, document);
    sim.tally.add('records that were put back', true);
  }
  // It has read no row that could tell: only its configuration says which epoch it is.
  const another = judgeOf(sim, { minimumEpoch: record.epoch });
  const code = await sealed(another, newDocument(sim));
  equal(code, 'ROTATION_RECORD_BEHIND', 'I4: a DEK was made below the epoch of the configuration');
  await requireAllNamed(sim, nameOf(earlier));
  deepEqual(sim.dekStore.rows, rows, 'I4: a row was written over a record from before');
  sim.dekStore.put(record.id, record);
  await untilSeen(witness);
  sim.rows.resume();
  if (document)
    equal(await sealed(witness, document), 'sealed', 'I12: the record was restored without effect');
}

/** One whose DEK needs not be made anew. */
function sealableDocument(sim: Simulation): SimDocument | undefined {
  const active = liveRows(sim).filter(({ state }) => state === 'active');
  const ids = new Set(active.map(({ scope }) => scope.at(-1)));
  return sim.documents.all.find(({ document: { id } }) => ids.has(id))?.document;
}

function newDocument(sim: Simulation): SimDocument {
  const rev = sim.nextRev();
  const revs = { title: rev, body: rev };
  return { ...keyOf(`p${String(rev)}`), revs, title: '', body: '' };
}

/** As it ends: `sealed`, or with a code. */
async function sealed({ sim, encryptor }: Life, { id, revs }: SimDocument): Promise<string> {
  const { title, body } = revs;
  const plain = { title: valueOf('title', title), body: valueOf('body', body) };
  try {
    await encryptor.encryptDocument(sim.definition, { ...keyOf(id), revs, ...plain });
    return 'sealed';
  } catch (error) {
    sim.secrecy.hears(error);
    return codeOf(error);
  }
}

async function requireReadOnly(life: Life, document: SimDocument): Promise<void> {
  const { sim, encryptor, process } = life;
  const code = await sealed(life, document);
  equal(code, 'ROTATION_RECORD_BEHIND', `I4: ${process.name} seals by a record from before`);
  const askedAtMs = sim.timeline.nowMs;
  const plain = await encryptor.decryptDocument(sim.definition, document as never);
  requireRead(life, 'strict', document, plain, askedAtMs);
}

async function requireAllNamed(
  sim: Simulation,
  name: Parameters<typeof targetAt>[0],
): Promise<void> {
  const options = { target: targetAt(name) };
  const expected = 'ROTATION_RECORD_BEHIND';
  const { events } = await driveRewrap(judgeOf(sim), options, { expected });
  const failed = new Set(events.flatMap((event) => (event.type === 'failed' ? event.dekId : [])));
  const ids = liveRows(sim).map(({ id }) => id);
  deepEqual([...failed].sort(), ids, 'I4: a row ahead is not named');
}

function judgeOf(sim: Simulation, options: Parameters<Simulation['spawn']>[2] = {}): Life {
  return sim.spawn(`judge ${String(sim.nextRev())}`, 'judge', options);
}
