import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: join(import.meta.dirname, '../..'),
    // Not *.test.ts: `npm test` has no vault for them.
    include: ['test/lowkey/*.suite.ts'],
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
});
