/** What runs in a side of a measurement in turns: a process that takes one step at each message. @module */
import { setImmediate } from 'node:timers/promises';

export const STEP_ROWS = 1_000;
/** Two fsyncs each: turns are to be many on a slow disk, too. */
export const STEP_NOTES = 200;

/** @param steps - An iterator over `database`; its results become part of the answer. */
export function serveSteps(database, steps) {
  let isDurable = true;
  process.once('disconnect', () => process.exit());
  process.on('message', async (asked) => {
    if (asked.isDurable !== isDurable) switchTo(database, asked.isDurable);
    isDurable = asked.isDurable;
    process.send(await measured(steps));
  });
}

/** Without the disk a step still does all that it does, but waits for nothing. */
function switchTo(database, isDurable) {
  database.exec(`PRAGMA synchronous=${isDurable ? 'FULL' : 'OFF'}`);
  // What was written without the disk is not to be waited for later, when it is measured.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

async function measured(steps) {
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  const { value, done } = await steps.next();
  // Rows that are under way when the caller stops pulling belong to this step.
  await setImmediate();
  const { user, system } = process.cpuUsage(startCpu);
  const wallMs = performance.now() - startMs;
  return { ...value, done, wallMs, cpuMs: (user + system) / 1000, rss: rssWithoutGarbage() };
}

/**
 * Where the memory is measured; `undefined` where the time is. V8 leaves garbage for as long as it
 * likes, which says nothing of what grows.
 */
function rssWithoutGarbage() {
  if (!globalThis.gc) return undefined;
  globalThis.gc();
  // Not by `resourceUsage().maxRSS`: on Linux a child has its parent's from before the `exec`.
  return process.memoryUsage.rss();
}
