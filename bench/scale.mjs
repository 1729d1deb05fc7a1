/**
 * `npm run bench -- --scale`: whether a row costs the same among ten times as many, and what it costs in
 * calls. `--rows 1000000` measures that many instead of 100,000.
 *
 * Each run is a whole rewrap but for its fence, scans that write nothing included, of a file of its own
 * and in a process of its own that was warmed up. The many rows are rewrapped once; ten times, eight of
 * them while there are rows to write, it stands still for a rewrap of the few, so that a slow minute
 * slows them both. All of it without the disk (`synchronous=OFF`), whose part is one write for each row
 * however many there are: that is what the calls show.
 *
 * @module
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { newMeks } from './rewrap-rotation.mjs';
import { seedFile } from './rewrap-seed.mjs';
import { Side } from './side.mjs';
import { STEP_ROWS } from './steps.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

const US_PER_MS = 1_000;
const MIB = 2 ** 20;
const FEW_ROWS = 10_000;
const WARM_UP_ROWS = 5_000;
/** Rewraps of the few in each scan of the many: the first takes several times as long as the others. */
const FEW_RUNS = [8, 1, 1];

export async function measureScale(rows) {
  const many = await Run.start(rows);
  const fews = [];
  for (const runs of FEW_RUNS) {
    for (let part = 0; part < runs; part += 1) {
      const few = await Run.start(FEW_ROWS);
      await few.take(Infinity);
      fews.push(few.perRow());
      await many.take(Math.floor(rows / STEP_ROWS / runs));
    }
  }
  await many.take(Infinity);
  const names = Object.keys(fews[0]);
  const few = Object.fromEntries(names.map((name) => [name, mean(fews.map((run) => run[name]))]));
  return { few, many: many.perRow() };
}

/** No median: a slow minute is in the one figure of the many as well. */
function mean(values) {
  return values.reduce((sum, value) => sum + value) / values.length;
}

export function printScale({ few, many }) {
  console.log(`Node ${process.version}; a rewrap, by the row; mean of ten for the few\n`);
  console.log(line('', few.rows.toLocaleString('en'), many.rows.toLocaleString('en'), 'ratio'));
  for (const [name, title, digits] of FIGURES) {
    const figures = [few, many].map((run) => run[name].toFixed(digits));
    console.log(line(title, ...figures, (many[name] / few[name]).toFixed(2)));
  }
}

const FIGURES = [
  ['wallUsPerRow', 'µs', 1],
  ['cpuUsPerRow', 'processor µs', 1],
  ['storeCallsPerRow', 'store calls', 4],
  ['providerCallsPerRow', 'provider calls', 4],
  ['mostRssMib', 'memory, MiB in all', 1],
];

function line(title, ...figures) {
  return title.padEnd(20) + figures.map((figure) => figure.padStart(12)).join('');
}

/** A rewrap under way. */
class Run {
  #rows;
  #files;
  #side;
  #sum = { wallMs: 0, cpuMs: 0, store: 0, provider: 0, rss: 0 };

  static async start(rows) {
    const run = new Run();
    const meks = newMeks();
    run.#rows = rows;
    run.#files = ['scale', 'warm-up'].map((name) =>
      join(temporaryFolder(), `${name}-${rows}.sqlite`),
    );
    const [file, warmUp] = run.#files;
    await seedFile(file, rows, meks.source);
    await seedFile(warmUp, WARM_UP_ROWS, meks.source);
    run.#side = new Side('scale-library.mjs', { file, warmUp, count: rows, ...meks }, true);
    // The fence; it sets the file up, as durable as it ever is.
    await run.#side.step(true);
    return run;
  }

  /** The given number of steps, or the remaining ones. */
  async take(steps) {
    for (let taken = 0; this.#side && taken < steps; taken += 1) {
      const step = await this.#side.step(false);
      if (step) this.#add(step);
      else await this.#end();
    }
  }

  perRow() {
    const { wallMs, cpuMs, store, provider, rss } = this.#sum;
    const rows = this.#rows;
    return {
      rows,
      wallUsPerRow: (US_PER_MS * wallMs) / rows,
      cpuUsPerRow: (US_PER_MS * cpuMs) / rows,
      storeCallsPerRow: store / rows,
      providerCallsPerRow: provider / rows,
      mostRssMib: rss / MIB,
    };
  }

  #add({ wallMs, cpuMs, rss, calls }) {
    const sum = this.#sum;
    sum.wallMs += wallMs;
    sum.cpuMs += cpuMs;
    sum.store += calls.store;
    sum.provider += calls.provider;
    sum.rss = Math.max(sum.rss, rss);
  }

  async #end() {
    await this.#side.stop();
    this.#side = undefined;
    for (const file of this.#files) {
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    }
  }
}
