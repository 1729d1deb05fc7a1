import { defineConfig } from 'vitest/config';
import { filesOfSlowLane } from './tools/slow-lane.js';

const isSlow = process.env['SLOW'] === '1';

/** Whole programs, started and stopped many times over. */
const PROGRAMS = [
  'test/live/live-suite.test.ts',
  'test/examples/*.test.ts',
  'test/lowkey/run.test.ts',
  'test/package/tarball.test.ts',
  'test/package/two-versions.test.ts',
];

/** They change what other test files of their process would see. */
const ALONE = [
  'test/diagnostics/secrets.test.ts',
  'test/store/authenticate-records/*-suites.test.ts',
];

/** The slow lane does not run what would be the same in it. */
const inLane = isSlow ? [...PROGRAMS, ...filesOfSlowLane()] : ['test/**/*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: inLane,
          exclude: [...(isSlow ? [] : PROGRAMS), ...ALONE],
          // What a file imports is loaded once for each worker, and not once for each file.
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: isSlow ? ALONE.slice(1) : ALONE, isolate: true },
      },
    ],
    // Two more than Vitest takes on a machine of two cores: much of the time is spent waiting.
    maxWorkers: 3,
    setupFiles: [
      'test/support/property-runs.ts',
      'test/support/watch-for-secrets.ts',
      'test/support/watch-assertions.ts',
    ],
    // Work is bounded by counts and seeds: a machine may be busy.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
