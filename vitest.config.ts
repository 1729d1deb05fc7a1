import { defineConfig } from 'vitest/config';

const isSlow = process.env['SLOW'] === '1';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/property-runs.ts'],
    testTimeout: isSlow ? 600_000 : 60_000,
    hookTimeout: 60_000,
    typecheck: {
      enabled: true,
      include: ['test/types/*.test-d.ts'],
      tsconfig: 'tsconfig.json',
      ignoreSourceErrors: false,
    },
  },
});
