import { expect, it } from 'vitest';
import { filesOfSlowLane } from '../../tools/slow-lane.js';

const files = filesOfSlowLane();

it.each([
  ['imports the lane', 'test/processes/fleet.test.ts'],
  ['imports it through another file of test', 'test/processes/killed-rollback.test.ts'],
  ['imports tests that import it', 'test/store/authenticate-records/maintenance-suites.test.ts'],
  ['imports fast-check', 'test/property/round-trip.test.ts'],
])('the slow lane has a test file that %s', (_how, file) => {
  expect(files).toContain(file);
});

it('the slow lane has no test file in which it changes nothing', () => {
  expect(files).not.toContain('test/package/slow-lane.test.ts');
});
