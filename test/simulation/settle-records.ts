import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DekRow, LiveDekRow } from '../../src/adapters.js';
import type { RecoveryEvent, RecoverySummary } from '../../src/index.js';
import { PAIR } from '../support/recovery-pairs.js';
import { ALL_MEKS, nameOf, targetAt, type MekName } from '../support/rotation/meks.js';
import { requireRead } from './actors/reader.js';
import { codeOf } from './explanations.js';
import { envelopesIn } from './ledger.js';
import { withoutMac } from './row-checks.js';
import { RECORD_KEY, type Life, type Simulation } from './simulation.js';
import { liveRows, untilSeen } from './stored-records.js';

/** The last that happens in a world: its MEK is lost, or its records are authenticated from here on. */
export async function endOfTheWorld(sim: Simulation): Promise<void> {
  if (sim.weather.recoveryRate > 0) await requireRecovered(sim);
  else if (!sim.weather.hasRecordKey) await requireResealed(sim);
}

/** I20: every DEK comes back out of its recovery wrap, and what does not is named, and nothing else. */
async function requireRecovered(sim: Simulation): Promise<void> {
  if (sim.random.chance(0.8)) await requireAllWrapped(sim);
  sim.rows.pause();
  const next = await loseMeks(sim);
  const altered = sim.random.chance(0.4) ? replaceRecoveryWrap(sim) : undefined;
  const lost = liveRows(sim).filter((row) => !opensStill(sim, row, { next, altered }));
  const life = spawnJudge(sim);
  await untilSeen(life);
  const { events, summary } = await recover(life, next);
  if (!summary) return;
  const last = events.slice(events.findLastIndex(({ type }) => type === 'pass'));
  const named = last.flatMap((event) => (event.type === 'failed' && event.loss ? event.dekId : []));
  const ids = lost.map(({ id }) => id);
  deepEqual(named.sort(), ids, 'I20: the report of what is lost is not exact');
  equal(summary.lost, ids.length, 'I20: a recovery counts what is lost wrongly');
  equal(summary.complete, ids.length === 0, 'I20: a recovery is complete over what is lost');
  if (altered) putBack(sim, altered);
  sim.rows.resume();
  await untilSeen(life);
  await requireReadableBut(sim, new Set(ids));
  sim.tally.add('DEKs that were recovered', summary.recovered);
  sim.tally.add('DEKs that were lost with their MEK', ids.length);
}

async function recover(
  { sim, encryptor }: Life,
  next: MekName,
): Promise<{ readonly events: readonly RecoveryEvent[]; readonly summary?: RecoverySummary }> {
  const events: RecoveryEvent[] = [];
  const { privateKey } = PAIR;
  const options = { privateKey, target: targetAt(next), takeOver: true, allowEmpty: true };
  try {
    for await (const event of sim.library.recoverDeks(encryptor, options)) {
      sim.secrecy.hears(event);
      events.push(event);
      if (event.type === 'finished') return { events, summary: event.summary };
    }
  } catch (error) {
    const hasNone = liveRows(sim).every(({ recoveryWrap }) => !recoveryWrap);
    ok(hasNone && codeOf(error) === 'RECOVERY_KEY_UNKNOWN', `I20: ${String(error)}`);
  }
  return { events };
}

/** Every version is deleted but one, under which there may be previous wraps. */
async function loseMeks(sim: Simulation): Promise<MekName> {
  const current = sim.dekStore.record?.mekVersion;
  const others = ALL_MEKS.filter((name) => targetAt(name).mekVersion !== current);
  const next = sim.random.pick(others);
  for (const name of sim.vault.made) sim.vault.set(name, 'deleted');
  sim.vault.set(next, 'enabled');
  await Promise.resolve();
  return next;
}

/** As one does who can write the database; where records are authenticated the rows are refused. */
function replaceRecoveryWrap(sim: Simulation): LiveDekRow | undefined {
  const [one, other] = liveRows(sim).filter(({ recoveryWrap }) => recoveryWrap);
  if (!one || !other?.recoveryWrap) return undefined;
  sim.dekStore.put(one.id, { ...one, recoveryWrap: other.recoveryWrap });
  return one;
}

/** What was altered, in whatever became of the row. */
function putBack({ dekStore, weather }: Simulation, sound: LiveDekRow): void {
  const { id, recoveryWrap } = sound;
  const now = dekStore.row(id) as LiveDekRow;
  dekStore.put(id, weather.hasRecordKey || !recoveryWrap ? sound : { ...now, recoveryWrap });
}

function opensStill(
  { weather }: Simulation,
  { id, recoveryWrap, previousWrap }: LiveDekRow,
  { next, altered }: { readonly next: MekName; readonly altered: LiveDekRow | undefined },
): boolean {
  const isAltered = id === altered?.id;
  if (isAltered && weather.hasRecordKey) return false;
  if (recoveryWrap && !isAltered) return true;
  return previousWrap !== undefined && nameOf(previousWrap) === next;
}

async function requireReadableBut(sim: Simulation, lost: ReadonlySet<string>): Promise<void> {
  const life = spawnJudge(sim);
  for (const { document } of sim.documents.all) {
    const isLost = envelopesIn(document).some(([, { dekId }]) => lost.has(dekId));
    const askedAtMs = sim.timeline.nowMs;
    const reading = life.encryptor.decryptDocument(sim.definition, document as never);
    if (!isLost) requireRead(life, 'strict', document, await reading, askedAtMs);
    else ok(await failed(reading), `I20: ${document.id} is said to be lost, and reads`);
  }
}

function failed(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => false,
    () => true,
  );
}

/** I8: every row has its recovery wrap, and another run writes nothing. */
async function requireAllWrapped(sim: Simulation): Promise<void> {
  const run = async (): Promise<void> => {
    const life = spawnJudge(sim, { recoveryKey: PAIR.publicKey });
    const upkeep = sim.library.addRecoveryWraps(life.encryptor, { allowEmpty: true });
    for await (const event of upkeep) {
      sim.secrecy.hears(event);
      sim.tally.add('recovery wraps that were added', event.type === 'changed');
      if (event.type === 'finished')
        ok(event.summary.complete, 'I12: a quiet upkeep is not complete');
    }
    await untilSeen(life);
  };
  await run();
  const { writes } = sim.dekStore;
  await run();
  equal(sim.dekStore.writes, writes, 'I8: a rerun of a finished upkeep writes');
}

/** I8 and I14: every record gets its mac, and is read by those who take no other. */
async function requireResealed(sim: Simulation): Promise<void> {
  sim.rows.pause();
  const before = bareRows(sim);
  const run = async (): Promise<void> => {
    const options = { recordKey: RECORD_KEY, insecureAcceptUnauthenticatedRecords: true };
    const life = spawnJudge(sim, options);
    for await (const event of sim.library.resealRecords(life.encryptor, { allowEmpty: true })) {
      sim.secrecy.hears(event);
      sim.tally.add('records that were resealed', event.type === 'changed');
      if (event.type === 'finished')
        ok(event.summary.complete, 'I12: a quiet upkeep is not complete');
    }
    await untilSeen(life);
  };
  await run();
  const { writes } = sim.dekStore;
  await run();
  equal(sim.dekStore.writes, writes, 'I8: a rerun of a finished upkeep writes');
  deepEqual(bareRows(sim), before, 'I7: more than a mac was written');
  const life = spawnJudge(sim, { recordKey: RECORD_KEY });
  for (const { document } of sim.documents.all) {
    const askedAtMs = sim.timeline.nowMs;
    const plain = await life.encryptor.decryptDocument(sim.definition, document as never);
    requireRead(life, 'strict', document, plain, askedAtMs);
  }
}

function bareRows({ dekStore }: Simulation): readonly DekRow[] {
  return [...dekStore.rows.values()].map(({ row }) => withoutMac(row));
}

function spawnJudge(sim: Simulation, options: Parameters<Simulation['spawn']>[2] = {}): Life {
  return sim.spawn(`judge ${String(sim.nextRev())}`, 'judge', options);
}
