import { defineConfig } from 'vitest/config';
import { filesOfSlowLane, filesOfUnitLane } from './tools/test-lanes.js';

const isSlow = process.env['SLOW'] === '1';
const isUnit = process.env['LANE'] === 'unit';

/** Whole programs, started and stopped many times over. */
const PROGRAMS = [
  'test/command/azure.test.ts',
  'test/command/killed.test.ts',
  'test/command/report/flat-memory.test.ts',
  // Of the modes of the command, one of each kind is in the fast lane.
  'test/command/modes/!(config|encrypt|rewrap-deks|rollback|status|verify).test.ts',
  'test/live/live-suite.test.ts',
  'test/examples/*.test.ts',
  'test/lowkey/*.test.ts',
  'test/notes-backend/(azure|killed|ops-browser|process|readme-commands|rotation|telemetry-process|token-keys).test.ts',
  'test/package/module-systems.test.ts',
  'test/package/tarball.test.ts',
  'test/package/two-versions.test.ts',
];

/** Of each, the fast lane has one of the kind elsewhere: these go on by chance, or over another store. */
const REPETITIONS = [
  'test/azure/cost.test.ts',
  'test/azure/key-vault/budget.test.ts',
  'test/inspection/assert-retirable/beside.test.ts',
  'test/migration/interleavings.test.ts',
  'test/processes/fleet.test.ts',
  'test/processes/killed-reseal.test.ts',
  'test/processes/killed-rewrap.test.ts',
  'test/processes/killed-rollback.test.ts',
  'test/property/shred-at-home.test.ts',
  'test/provider/vault-budget/beside-traffic.test.ts',
  'test/recovery/races.test.ts',
  'test/rotation/properties/sequences.test.ts',
  'test/rotation/races/everything-at-once.test.ts',
  'test/rotation/races/shards.test.ts',
  'test/rotation/races/shred.test.ts',
  'test/rotation/races/writers.test.ts',
  'test/simulation/jobs.test.ts',
  'test/sqlite/many-processes.test.ts',
  'test/store/authenticate-records/maintenance-suites.test.ts',
  'test/store/authenticate-records/migration-suites.test.ts',
  'test/store/authenticate-records/rotation-suites.test.ts',
  // What they try is the test servers themselves.
  'test/support/azure/*.test.ts',
];

/** They change what other test files of their process would see, or collect garbage, which takes long there. */
const ALONE = [
  'test/async/until-aborted/unheld-signal.test.ts',
  'test/dek/shred-tokens.test.ts',
  // The caches of other tests would say what left them while these listen.
  'test/diagnostics/cache.test.ts',
  'test/diagnostics/figures.test.ts',
  'test/diagnostics/secrets.test.ts',
  'test/otel/instrumentation.test.ts',
  'test/otel/metrics.test.ts',
  'test/store/authenticate-records/dek-suites.test.ts',
  'test/store/authenticate-records/maintenance-suites.test.ts',
  'test/store/authenticate-records/migration-suites.test.ts',
  'test/store/authenticate-records/rotation-suites.test.ts',
];

/** The slow lane does not run what would be the same in it. */
const ONLY_SLOW = [...PROGRAMS, ...REPETITIONS];
/** Of the command, the programs above run the packed one: the others would do the same again. */
const isRepeated = (file: string): boolean => file.startsWith('test/command/');
const inLane: string[] = isSlow
  ? [...ONLY_SLOW, ...filesOfSlowLane().filter((file) => !isRepeated(file))]
  : isUnit
    ? [...filesOfUnitLane()]
    : ['test/**/*.test.ts'];
const isInLane = (file: string): boolean =>
  isSlow || isUnit ? inLane.includes(file) : !ONLY_SLOW.includes(file);

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: inLane,
          exclude: [...(isSlow ? [] : ONLY_SLOW), ...ALONE],
          // What a file imports is loaded once for each worker, and not once for each file.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ALONE.filter(isInLane),
          isolate: true,
        },
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
