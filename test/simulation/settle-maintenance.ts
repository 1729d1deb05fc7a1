import { deepEqual, equal, ok } from 'node:assert/strict';
import type { LiveDekRow } from '../../src/adapters.js';
import type { MekStillNeededError, RetirementReason } from '../../src/index.js';
import { nameOf, type MekName } from '../support/rotation/meks.js';
import { requireRetirable } from './actors/operator.js';
import { drivePrune } from './actors/pruner.js';
import { codeOf } from './explanations.js';
import { WALL_START_MS } from './process-clock.js';
import type { Simulation } from './simulation.js';
import { liveRows, recordOf, untilSeen } from './stored-records.js';

/** I8: of every row one wrap is left, and another run writes nothing. */
export async function requirePruned(sim: Simulation): Promise<void> {
  const { timeline, dekStore } = sim;
  const rewrappedBefore = new Date(WALL_START_MS + timeline.nowMs);
  const kept = liveRows(sim).find(({ previousWrap }) => previousWrap)?.previousWrap;
  if (kept?.mekVersion !== recordOf(sim).mekVersion)
    await requireStillNeeded(sim, kept && nameOf(kept), ['previous-wraps']);
  const run = async (): Promise<void> => {
    const life = sim.spawn(`pruner ${String(sim.nextRev())}`, 'pruner');
    life.process.clock.jump(timeline.nowMs - life.process.clock.wallMs() + WALL_START_MS);
    const { summary } = await drivePrune(life, { rewrappedBefore });
    ok(summary?.complete, 'I6: a quiet pruning is not complete');
    await untilSeen(life);
  };
  await run();
  const { writes } = dekStore;
  await run();
  equal(dekStore.writes, writes, 'I8: a rerun of a finished pruning writes');
  for (const { id, previousWrap, rewrappedAt = '' } of liveRows(sim)) {
    const isOld = rewrappedAt < rewrappedBefore.toISOString();
    ok(!previousWrap || !isOld, `I8: ${id} keeps its previous wrap`);
  }
  const current = nameOf(recordOf(sim));
  const other = sim.vault.made.find((name) => name !== current);
  await requireStillNeeded(sim, other, []);
  await requireBehindNamed(sim, other);
  const isUsed = liveRows(sim).length > 0;
  await requireStillNeeded(sim, current, isUsed ? ['current-target', 'rows'] : ['current-target']);
}

/** I11: a row on the target is still behind where its epoch is; a create that landed late leaves such rows. */
async function requireBehindNamed(sim: Simulation, name: MekName | undefined): Promise<void> {
  const row = liveRows(sim).find(({ epoch }) => epoch > 1);
  if (!row || sim.weather.hasRecordKey) return;
  const waiter = sim.spawn('waiter', 'judge');
  sim.rows.pause();
  sim.dekStore.put(row.id, { ...row, epoch: row.epoch - 1 });
  await untilSeen(waiter);
  await requireStillNeeded(sim, name, ['rows-behind']);
  sim.dekStore.put(row.id, row);
  await untilSeen(waiter);
  sim.rows.resume();
}

/** I11: what stands against a version is named, and nothing else. */
async function requireStillNeeded(
  sim: Simulation,
  name: MekName | undefined,
  expected: readonly RetirementReason['type'][],
): Promise<void> {
  if (!name) return;
  const life = sim.spawn(`judge ${String(sim.nextRev())}`, 'judge');
  const reasons = await requireRetirable(life, name).then(
    () => [],
    (error: unknown) => {
      if (codeOf(error) !== 'MEK_STILL_NEEDED') throw error;
      return (error as MekStillNeededError).reasons;
    },
  );
  // Rows that were rewrapped by a clock far ahead may be in backups that are yet to come.
  const isAhead = sim.weather.skewMs > sim.timeline.nowMs;
  const types = reasons.map(({ type }) => type).filter((type) => type !== 'backups' || !isAhead);
  deepEqual(types, expected, `I11: what stands against ${name} is not what is named`);
}

/** I6: of a row that does not open, nothing is taken away. */
export async function requireNotPruned(sim: Simulation, altered: LiveDekRow): Promise<void> {
  const life = sim.spawn(`pruner ${String(sim.nextRev())}`, 'pruner');
  const options = { rewrappedBefore: new Date(life.process.clock.wallMs()) };
  const { events } = await drivePrune(life, options, { expected: 'TAMPERED' });
  const failed = events.flatMap((event) => (event.type === 'failed' ? event.dekId : []));
  const isOld = (altered.rewrappedAt ?? '9') < options.rewrappedBefore.toISOString();
  const isMet = sim.weather.hasRecordKey || (altered.previousWrap && isOld);
  const named = isMet ? [altered.id] : [];
  deepEqual([...new Set(failed)], named, 'I14: not just what was altered has failed');
  deepEqual(sim.dekStore.row(altered.id), altered, 'I6: an altered row was pruned');
  sim.tally.add('altered rows that were not pruned', named.length);
  await untilSeen(life);
}
