import { deepEqual, equal, ok } from 'node:assert/strict';
import type { MigrationEvent, MigrationSummary } from '../../../src/index.js';
import { codeOf, type Since } from '../explanations.js';
import type { Actor, Life } from '../simulation.js';

type Migration = AsyncGenerator<MigrationEvent, MigrationSummary, void>;

export function backfiller(name: string, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 0, 3_000);
      await migrateOnce(life, () => backfill(life));
    }
  };
  return { name, role: 'backfill', act };
}

export function reencrypter(name: string, rounds: number): Actor {
  let left = rounds;
  /** The same moment again, to go on with what was left. */
  let moment: Date | undefined;
  const act = async (life: Life): Promise<void> => {
    const { sim, process } = life;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 0, 3_000);
      if (!moment || sim.random.chance(0.5)) moment = new Date(process.clock.wallMs());
      const createdBefore = moment;
      const shred = sim.random.chance(0.6);
      await migrateOnce(life, () => reencrypt(life, createdBefore, shred));
    }
  };
  return { name, role: 're-encrypter', act };
}

export function backfill({ sim, process, encryptor, documents }: Life): Migration {
  return sim.library.backfillDocuments(encryptor, sim.definition, documents, {
    ...optionsOf(sim),
    owner: process.name,
  });
}

export function reencrypt(
  { sim, process, encryptor, documents }: Life,
  createdBefore: Date,
  shred: boolean,
): Migration {
  return sim.library.reencryptDocuments(encryptor, sim.definition, documents, {
    ...optionsOf(sim),
    owner: process.name,
    createdBefore,
    shred,
  });
}

function optionsOf({ random, weather }: Life['sim']): {
  readonly concurrency: number;
  readonly leaseTtlMs: number;
  readonly allowEmpty: true;
} {
  return { concurrency: random.int(1, 3), leaseTtlMs: weather.leaseTtlMs, allowEmpty: true };
}

async function migrateOnce(life: Life, start: () => Migration): Promise<void> {
  const { sim, process } = life;
  const since = sim.explanations.since(process);
  const stopsAfter = sim.random.chance(0.15) ? sim.random.int(1, 20) : Infinity;
  try {
    await driveMigration(life, start(), stopsAfter);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'RangeError' && hasWrongClock(life)) return;
    sim.tally.add('migrations that were refused or superseded', code.startsWith('MIGRATION'));
    sim.explanations.require(process, error, since);
  }
}

/** Pulls it to its end, and checks what it says: I9. */
export async function driveMigration(
  life: Life,
  migration: Migration,
  stopsAfter = Infinity,
): Promise<MigrationSummary | undefined> {
  const { sim, process } = life;
  const since = sim.explanations.since(process);
  process.isIdle = false;
  let last: MigrationEvent | undefined;
  try {
    for (let pulled = 0; pulled < stopsAfter; pulled += 1) {
      await sim.pause(life, 0, sim.random.chance(0.02) ? 1_800 : 10);
      const { done, value } = await migration.next();
      if (done) {
        deepEqual(last, { type: 'finished', summary: value });
        return value;
      }
      last = value;
      see(life, value, since);
    }
    await migration.return(undefined as never);
    return undefined;
  } finally {
    process.isIdle = true;
  }
}

function see(life: Life, event: MigrationEvent, since: Since): void {
  const { sim, process } = life;
  sim.secrecy.hears(event);
  if ('counts' in event) {
    const { scanned, changed, unchanged, skipped, failed, wouldChange } = event.counts;
    const sum = changed + unchanged + skipped + failed + wouldChange;
    equal(sum, scanned, 'I9: a scan of documents does not add up');
  }
  if (event.type === 'changed') sim.tally.add(`documents rewritten by ${process.role}`, true);
  if (event.type === 'lease') sim.tally.add('leases that were waited for', true);
  if (event.type !== 'failed') return;
  ok(Object.keys(event.key).length > 0, 'I9: a document that failed is not named');
  if (codeOf(event.error) === 'RangeError' && hasWrongClock(life)) return;
  sim.explanations.require(process, event.error, since);
}

/** Where clocks differ, what is past for one may be to come for another. */
function hasWrongClock({ sim }: Life): boolean {
  return sim.weather.skewMs > 0;
}
