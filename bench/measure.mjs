/**
 * Interleaved measuring: each round runs every case once, so that a slow minute slows them all.
 *
 * Time is the processor time of the whole process, its garbage collecting threads included: what
 * else runs on the machine then hardly shows.
 *
 * @module
 */

const BATCH_MS = 120;
const PROBE_MS = 15;

/**
 * Milliseconds for one call of each operation: one figure for each round.
 *
 * @param operations - One that gives a promise is awaited each time.
 */
export async function measure(operations, rounds) {
  const runs = [];
  for (const operation of operations) runs.push(await calibrated(operation));
  for (let round = 0; round < rounds; round += 1) {
    for (const run of shuffled(runs)) {
      globalThis.gc();
      run.times.push((await run.batch(run.count)) / run.count);
    }
  }
  return new Map(runs.map(({ operation, times }) => [operation, times]));
}

/** Speed as a share of another case's speed, within the same round: median and half the IQR. */
export function speedRatio(times, otherTimes) {
  const ratios = times.map((time, round) => otherTimes[round] / time);
  return { ratio: median(ratios), spread: (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / 2 };
}

export function median(values) {
  return quantile(values, 0.5);
}

async function calibrated(operation) {
  const batch = operation() instanceof Promise ? awaitedBatch(operation) : plainBatch(operation);
  let count = 1;
  while ((await batch(count)) < PROBE_MS) count *= 2;
  // The compiler is done only after a while: the count is taken from the last of several batches.
  for (let pass = 0; pass < 3; pass += 1) {
    const time = await batch(count);
    count = Math.max(1, Math.round((count * BATCH_MS) / time));
  }
  return { operation, batch, count, times: [] };
}

function plainBatch(operation) {
  return (count) => {
    const start = process.cpuUsage();
    for (let left = count; left > 0; left -= 1) operation();
    return millisecondsSince(start);
  };
}

function awaitedBatch(operation) {
  return async (count) => {
    const start = process.cpuUsage();
    for (let left = count; left > 0; left -= 1) await operation();
    return millisecondsSince(start);
  };
}

function millisecondsSince(start) {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function shuffled(list) {
  return list
    .map((entry) => ({ entry, rank: Math.random() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ entry }) => entry);
}

export function quantile(values, fraction) {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at - Math.floor(at));
}
