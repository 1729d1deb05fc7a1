import { defineConfig } from 'vitest/config';

/** For test/live/run.ts: on one vault and two containers, so one case after the other. */
export default defineConfig({
  test: {
    include: ['test/live/*.live.ts'],
    fileParallelism: false,
    // They end with the process, and write no more while it is being cleaned up after.
    pool: 'threads',
    testTimeout: 1_800_000,
    hookTimeout: 300_000,
  },
});
