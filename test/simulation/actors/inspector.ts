import { equal, ok } from 'node:assert/strict';
import type { MissingDeksEvent, OrphanDeksEvent } from '../../../src/index.js';
import { keyOf } from '../ledger.js';
import type { Actor, Life } from '../simulation.js';

/** Looks at everything, and changes nothing. */
export function inspector(name: string, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim, process } = life;
    process.isRehearsing = true;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 200, 2_500);
      const since = sim.explanations.since(process);
      try {
        await sim.random.pick([lookForMissing, lookForOrphans, takeCensus])(life);
      } catch (error) {
        sim.explanations.require(process, error, since);
      }
    }
  };
  return { name, role: 'inspector', act };
}

/** I20: a DEK that is there is not said to be lost. */
async function lookForMissing(life: Life): Promise<void> {
  const { sim, process, encryptor, documents } = life;
  const since = sim.explanations.since(process);
  const { findMissingDeks } = sim.library;
  const options = { allowEmpty: true };
  for await (const event of findMissingDeks(encryptor, sim.definition, documents, options)) {
    sim.secrecy.hears(event);
    if (event.type === 'failed') sim.explanations.require(process, event.error, since);
    if (event.type === 'missing') requireMissing(life, event, since.atMs);
    if (event.type !== 'finished') continue;
    const { scanned, sound, affected, skipped, failed } = event.summary;
    equal(sound + affected + skipped + failed, scanned, 'I9: a search does not add up');
    sim.tally.add('searches for missing DEKs', true);
  }
}

function requireMissing(
  { sim }: Life,
  event: Extract<MissingDeksEvent, { type: 'missing' }>,
  sinceMs: number,
): void {
  const { dekId, reason } = event;
  const row = sim.dekStore.row(dekId);
  if (reason === 'shredded') {
    equal(row?.state, 'shredded', `I20: ${dekId} is said to be shredded`);
    return;
  }
  const { lagMs } = sim.weather;
  const isNew = lagMs > 0 && sim.dekStore.appearedAtMs(dekId) >= sinceMs - lagMs;
  ok(isNew, `I20: ${dekId} is said to be absent`);
}

/** I20: a DEK whose document is there is not said to be an orphan. */
async function lookForOrphans(life: Life): Promise<void> {
  const { sim, process, encryptor, documents } = life;
  const since = sim.explanations.since(process);
  const options = { minAgeMs: 2_000, allowEmpty: true };
  const { findOrphanDeks } = sim.library;
  for await (const event of findOrphanDeks(encryptor, sim.definition, documents, options)) {
    sim.secrecy.hears(event);
    if (event.type === 'failed') sim.explanations.require(process, event.error, since);
    if (event.type === 'orphan') requireOrphan(life, event);
  }
}

function requireOrphan(
  { sim }: Life,
  { dekId }: Extract<OrphanDeksEvent, { type: 'orphan' }>,
): void {
  const id = sim.dekStore.row(dekId)?.scope.at(-1) ?? '';
  const stored = sim.documents.find(id);
  const isNew = sim.documents.appearedAtMs(id) >= sim.timeline.nowMs - 4_000;
  ok(!stored || isNew, `I20: ${dekId} is said to be an orphan, and ${keyOf(id).id} is there`);
  sim.tally.add('orphans that were found', true);
}

/** I9: every row is counted just once. */
async function takeCensus({ sim, encryptor }: Life): Promise<void> {
  const census = await sim.library.takeCensus(encryptor, { allowEmpty: true });
  const { rows, active, retired, shredded, unreadable } = census;
  equal(active + retired + shredded + unreadable, rows, 'I9: a census does not add up');
  equal(unreadable, 0, 'I14: a census takes a sound row for an unreadable one');
  sim.tally.add('censuses', true);
}
