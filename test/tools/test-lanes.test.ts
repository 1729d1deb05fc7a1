import { expect, it } from 'vitest';
import { filesOfSlowLane, filesOfUnitLane } from '../../tools/test-lanes.js';

const files = filesOfSlowLane();
const units = filesOfUnitLane();

it.each([
  ['imports the lane', 'test/processes/fleet.test.ts'],
  ['imports it through another file of test', 'test/rotation/races/fence.test.ts'],
  ['imports tests that import it', 'test/store/authenticate-records/maintenance-suites.test.ts'],
  ['imports fast-check', 'test/property/round-trip.test.ts'],
])('the slow lane has a test file that %s', (_how, file) => {
  expect(files).toContain(file);
});

it('the slow lane has no test file in which it changes nothing', () => {
  expect(files).not.toContain('test/tools/test-lanes.test.ts');
});

it.each(['test/dek/late-rows.test.ts', 'test/rotation/rewrap.test.ts'])(
  'the unit lane has %s',
  (file) => {
    expect(units).toContain(file);
  },
);

it.each([
  ['starts processes', 'test/sqlite/busy.test.ts'],
  ['starts a server', 'test/azure/cosmos/reads.test.ts'],
  ['needs the build', 'test/package/package.test.ts'],
  ['needs it as a second copy', 'test/errors/second-copy.test.ts'],
  ['has a fleet of workers', 'test/rotation/shards.test.ts'],
  ['has a vault with a quota', 'test/provider/vault-budget/throttling.test.ts'],
  ['has the world of a rotation', 'test/rotation/races/abort.test.ts'],
  ['repeats much', 'test/property/round-trip.test.ts'],
])('the unit lane has no test file that %s', (_what, file) => {
  expect(units).not.toContain(file);
});
