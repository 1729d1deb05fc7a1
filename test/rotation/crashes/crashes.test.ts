import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  crashed,
  endStateOf,
  epochOnlyMoves,
  plainRotation,
  recovery,
  recoveryOverRotation,
  requireRecovery,
  rollback,
  rollbackOfARollback,
  takeover,
  unanswered,
  undisturbed,
  type Scenario,
  type Undisturbed,
} from '../../support/rotation/crash-scenarios.js';
import { CRASHES, type CrashPoint } from '../../support/rotation/crashing.js';
import { endOf } from '../../support/rotation/drive.js';
import { partOfRuns } from '../../support/rotation/runs.js';
import { perLane } from '../../support/lane.js';

const SCENARIOS: readonly (readonly [string, () => Promise<Scenario>])[] = [
  ['a rotation', plainRotation],
  ['a rotation that moves just the epoch of some rows', epochOnlyMoves],
  ['a takeover', takeover],
  ['a rollback', rollback],
  ['a rollback of a rollback', rollbackOfARollback],
  ['a recovery', recovery],
  ['a recovery over a rotation that was left', recoveryOverRotation],
];

/** Which calls crash: in the fast lane a part, another for each kind of crash. */
const EVERY = perLane(30, 1);
const EVERY_WRITE = perLane(4, 1);

describe.each(SCENARIOS)('%s that crashes', (_name, make) => {
  let scenario: Scenario;
  let calls: number;
  let writes: readonly number[];
  let end: Undisturbed['end'];

  beforeAll(async () => {
    scenario = await make();
    ({ calls, writes, end } = await undisturbed(scenario));
  });

  it('at any one call ends, after a rerun, where it would have ended', async () => {
    expect(calls).toBeGreaterThan(20);
    for (const [nth, crash] of CRASHES.entries()) {
      for (let call = 1 + (nth % EVERY); call <= calls; call += EVERY) {
        const watch = await crashed(scenario, [{ call, crash }]);
        await requireRecovery(watch, scenario, end);
      }
    }
  });

  it('not, and just never hears one answer to a write, reports no failure and ends there', async () => {
    expect(writes.length).toBeGreaterThan(4);
    for (const call of writes.filter((_call, index) => index % EVERY_WRITE === 0)) {
      const { watch, driven } = await unanswered(scenario, call);
      expect(endOf(driven)).toBe('complete');
      expect(driven.events.filter(({ type }) => type === 'failed')).toEqual([]);
      expect(endStateOf(watch)).toEqual(end);
    }
  });

  it('and whose rerun crashes too, ends there too', async () => {
    const points: fc.Arbitrary<CrashPoint> = fc.record({
      call: fc.integer({ min: 1, max: calls }),
      crash: fc.constantFrom(...CRASHES),
    });
    const several = fc.array(points, { minLength: 2, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(several, async (crashes) => {
        const watch = await crashed(scenario, crashes);
        await requireRecovery(watch, scenario, end);
      }),
      partOfRuns(perLane(0.1, 0.3)),
    );
  });
});
