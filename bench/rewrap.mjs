/**
 * Compares `rewrapAllDeks` with a plain loop, and whether its memory grows with the rows.
 *
 * `rewrap100k` is a ratio of times by the clock. What a rotation mostly waits for is the disk: both
 * sides have each row on it before the next, and processor time would not show a side that waits more
 * often than it must. The library's time is that of all its scans, without the fence. Since a slow
 * disk brings any ratio near 1, there is also `cpuRatio`, by processor time, and `ratioWithoutDisk`,
 * with `synchronous=OFF`: the one to watch for a change in the library, and no aim by itself.
 *
 * Memory is that of a process of its own, right after each of many full collections.
 *
 * @module
 */
import { median, speedRatio } from './measure.mjs';
import { peakRss, takeTurns } from './rewrap-turns.mjs';
import { STEP_ROWS } from './steps.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

const MS_PER_S = 1_000;
const MOST_DURABLE_MS = 20_000;
const DURABLE_MS_PER_ROUND = 2_500;

/**
 * @param count - Of rows; fewer than 100,000 to try something.
 * @returns `{ rewrap100k, rssAt10k, rssAt100k }`: details of the ratio, and peaks in bytes.
 */
export async function measureRewrap(rounds, count) {
  const folder = temporaryFolder();
  const rssAt10k = await peakRss(folder, 10_000);
  const rssAt100k = await peakRss(folder, count);
  const durableMs = Math.min(MOST_DURABLE_MS, DURABLE_MS_PER_ROUND * rounds);
  const { turns, scans } = await takeTurns(folder, count, durableMs);
  return { rewrap100k: detailsOf(turns, scans), rssAt10k, rssAt100k };
}

function detailsOf(turns, scans) {
  const durable = turns.filter(({ isDurable }) => isDurable);
  const quick = turns.filter(({ isDurable }) => !isDurable);
  const { times, plainTimes } = timesOf(durable, scans, 'wallMs');
  return {
    ...speedRatio(times, plainTimes),
    opsPerSecond: rowsPerSecond(times),
    ceilingOpsPerSecond: rowsPerSecond(plainTimes),
    cpuRatio: ratioOf(durable, scans, 'cpuMs'),
    ratioWithoutDisk: ratioOf(quick, scans, 'cpuMs'),
  };
}

function ratioOf(turns, scans, clock) {
  const { times, plainTimes } = timesOf(turns, scans, clock);
  return speedRatio(times, plainTimes).ratio;
}

/** A row of the library takes its share of the scans that write nothing, too. */
function timesOf(turns, scans, clock) {
  const scanTime = timeOfScan(scans, 2, clock) + timeOfScan(scans, 3, clock);
  return {
    times: turns.map(({ measured }) => measured[clock] + scanTime),
    plainTimes: turns.map(({ against }) => against[clock]),
  };
}

function timeOfScan(scans, pass, clock) {
  return median(scans.filter((step) => step.pass === pass).map((step) => step[clock]));
}

function rowsPerSecond(times) {
  return (MS_PER_S * STEP_ROWS) / median(times);
}
