/**
 * Compares `backfillDocuments` with a plain loop, and whether its memory grows with the notes.
 *
 * `backfill100k` is a ratio of times by the clock, as `rewrap100k` in rewrap.mjs is; the library's time
 * is that of both its scans. `sharedKeyRatio` is the one against a loop that keeps no DEKs: it writes
 * once for each note where the others write twice, so it says what a key for each note costs.
 *
 * @module
 */
import { peakRss, takeTurns } from './backfill-turns.mjs';
import { median, speedRatio } from './measure.mjs';
import { STEP_NOTES } from './steps.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

const MS_PER_S = 1_000;
const MOST_DURABLE_MS = 30_000;
const DURABLE_MS_PER_ROUND = 3_500;

/**
 * @param count - Of notes; fewer than 100,000 to try something.
 * @returns `{ backfill100k, backfillRss10k, backfillRss100k }`: details of the ratio, and peaks in bytes.
 */
export async function measureBackfill(rounds, count) {
  const folder = temporaryFolder();
  const backfillRss10k = await peakRss(folder, 10_000);
  const backfillRss100k = await peakRss(folder, count);
  const durableMs = Math.min(MOST_DURABLE_MS, DURABLE_MS_PER_ROUND * rounds);
  const { turns, scans } = await takeTurns(folder, count, durableMs);
  return { backfill100k: detailsOf(turns, scans), backfillRss10k, backfillRss100k };
}

function detailsOf(turns, scans) {
  const durable = turns.filter(({ isDurable }) => isDurable);
  const quick = turns.filter(({ isDurable }) => !isDurable);
  const wall = timesOf(durable, scans, 'wallMs');
  return {
    ...speedRatio(wall.measured, wall.against),
    opsPerSecond: notesPerSecond(wall.measured),
    ceilingOpsPerSecond: notesPerSecond(wall.against),
    sharedKeyRatio: speedRatio(wall.measured, wall.shared).ratio,
    cpuRatio: ratioOf(durable, scans),
    ratioWithoutDisk: ratioOf(quick, scans),
  };
}

function ratioOf(turns, scans) {
  const { measured, against } = timesOf(turns, scans, 'cpuMs');
  return speedRatio(measured, against).ratio;
}

/** A note of the library takes its share of the scan that writes nothing, too. */
function timesOf(turns, scans, clock) {
  const scan = scans.filter(({ pass }) => pass === 2).map((step) => step[clock]);
  const of = (side) => turns.map((turn) => turn[side][clock]);
  const measured = of('measured').map((time) => time + median(scan));
  return { measured, against: of('against'), shared: of('shared') };
}

function notesPerSecond(times) {
  return (MS_PER_S * STEP_NOTES) / median(times);
}
