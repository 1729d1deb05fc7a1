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

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: isSlow ? [] : PROGRAMS,
    // Two more than Vitest takes on a machine of two cores: much of the time is spent waiting.
    maxWorkers: 3,
    setupFiles: [
      'test/support/property-runs.ts',
      'test/support/watch-for-secrets.ts',
      'test/support/watch-assertions.ts',
    ],
    testTimeout: isSlow ? 600_000 : 60_000,
    hookTimeout: 60_000,
    typecheck: {
      // `npm run typecheck` looks at the same files.
      enabled: isSlow,
      include: ['test/types/*.test-d.ts'],
      tsconfig: 'tsconfig.json',
      ignoreSourceErrors: false,
    },
  },
});
