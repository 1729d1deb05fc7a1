import { assertionWatch } from '../support/assertion-watch.js';
import type { Tally } from '../support/rotation/tally.js';
import { carefulWriter } from './actors/careful-writer.js';
import { inspector } from './actors/inspector.js';
import { backfiller, reencrypter } from './actors/migrator.js';
import { crasher, operator } from './actors/operator.js';
import { pruner } from './actors/pruner.js';
import { reader } from './actors/reader.js';
import { joiner, rewrapper } from './actors/rewrapper.js';
import { shredder } from './actors/shredder.js';
import { IDS, oldWriter, write, writePlain, writer } from './actors/writer.js';
import type { Library } from './library.js';
import { judge } from './settle.js';
import { Simulation, type Actor, type Life } from './simulation.js';

export interface SeedResult {
  readonly digest: string;
  readonly steps: number;
}

/** A seed under which an invariant does not hold. */
export class SeedFailure extends Error {
  /** Everything that happened before. */
  readonly log: readonly string[];

  constructor(seed: number, violation: unknown, sim: Simulation) {
    const said = violation instanceof Error ? (violation.stack ?? violation.message) : '';
    super(`Seed ${String(seed)}: ${said}\n${sim.report(said)}\n${replayOf(seed)}`);
    this.log = sim.steps.log;
  }
}

export function replayOf(seed: number): string {
  return `replay: npm run test:sim -- --seed ${String(seed)}`;
}

/** Everybody who takes part; new actors are added here. */
function cast({ weather }: Simulation): readonly Actor[] {
  return [
    writer('writer-1', 12),
    writer('writer-2', 12),
    carefulWriter('careful-writer', 6),
    oldWriter('old-writer', 3),
    reader('reader', 'migrate', 14),
    reader('strict-reader', 'strict', 10),
    rewrapper('rewrapper-1', 3, (sim) => sim.wanted),
    rewrapper('rewrapper-2', 3, (sim) => sim.random.pick(sim.vault.made)),
    joiner('joiner', 14),
    backfiller('backfill', 2),
    reencrypter('re-encrypter', 2),
    inspector('inspector', 4),
    pruner('pruner', 4),
    operator('operator', 8),
    ...(weather.shreds ? [shredder('shredder', 4)] : []),
    ...(weather.crashRate > 0 ? [crasher('crasher', 25)] : []),
  ];
}

assertionWatch.watch();

/** @throws SeedFailure */
export async function runSeed(seed: number, library: Library, tally: Tally): Promise<SeedResult> {
  const sim = new Simulation(seed, library, tally);
  sim.secrecy.listen();
  try {
    await setUp(sim);
    for (const actor of cast(sim)) sim.enter(actor);
    await sim.run();
    sim.enter(judge);
    await sim.run();
    count(sim);
    assertionWatch.requireNoneCaught();
  } catch (error) {
    assertionWatch.clear();
    throw new SeedFailure(seed, error, sim);
  } finally {
    sim.secrecy.stop();
    sim.end();
  }
  return { digest: sim.digest, steps: sim.timeline.steps };
}

/** Some documents that are sealed already, and one that is not. */
async function setUp(sim: Simulation): Promise<void> {
  if (sim.weather.startsEmpty) return;
  const [plain = '', ...sealed] = IDS.slice(0, 5);
  const act = async (life: Life): Promise<void> => {
    await writePlain(life, plain);
    for (const id of sealed) await write(life, id);
  };
  sim.wire.isCalm = true;
  sim.enter({ name: 'first-writer', role: 'writer', act });
  await sim.run();
  sim.wire.isCalm = false;
}

function count({ tally, dekStore, rows }: Simulation): void {
  tally.add('reads that were late', dekStore.staleReads);
  tally.add('rows that were made behind a cursor', dekStore.behindCursor);
  tally.add('rows that were behind, and were brought along', rows.moved);
}
