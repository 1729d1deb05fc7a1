import config from '../../vitest.config.js';

/** As all tests are run, for the one file that is to fail. */
export default {
  ...config,
  test: {
    ...config.test,
    // Or it would run every project, this test and so itself included.
    projects: undefined,
    include: ['test/diagnostics/poisoned.fixture.ts'],
    typecheck: { enabled: false },
  },
};
