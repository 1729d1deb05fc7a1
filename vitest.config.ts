import { defineConfig } from 'vitest/config';

const isSlow = process.env['SLOW'] === '1';

/** Whole programs, started and stopped many times over. */
const PROGRAMS = [
  'test/azure/live-suite.test.ts',
  'test/examples/*.test.ts',
  'test/lowkey/run.test.ts',
  'test/package/tarball.test.ts',
  'test/package/two-versions.test.ts',
];

/** They change what other test files of their process would see. */
const ALONE = ['test/diagnostics/secrets.test.ts', 'test/records/*-suites.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...(isSlow ? [] : PROGRAMS), ...ALONE],
          // What a file imports is loaded once for each worker, and not once for each file.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'alone', include: ALONE, isolate: true } },
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
    typecheck: {
      // `npm run typecheck` looks at the same files.
      enabled: isSlow,
      include: ['test/types/*.test-d.ts'],
      tsconfig: 'tsconfig.json',
      ignoreSourceErrors: false,
    },
  },
});
