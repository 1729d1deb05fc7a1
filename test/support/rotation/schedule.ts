import fc from 'fast-check';

/** What of a run is not left to the scheduler. */
export interface Plan {
  /** Turns that take long, by their number and how many others go first. */
  readonly stalls: readonly { readonly turn: number; readonly others: number }[];
  /** For each actor in order, how many turns of others go first. */
  readonly starts: readonly number[];
  /** Rows on a page of `list`. */
  readonly pageSize: number;
  readonly concurrency: number;
}

/**
 * How a run goes: found by fast-check, which shrinks all but the scheduler. That comes last: what
 * follows it in a tuple is lost where fast-check 4.10 shrinks and clones.
 */
export type Schedule = readonly [plan: Plan, scheduler: fc.Scheduler];

const plans: fc.Arbitrary<Plan> = fc.record({
  stalls: fc.array(
    fc.record({ turn: fc.integer({ min: 1, max: 250 }), others: fc.integer({ min: 5, max: 120 }) }),
    { maxLength: 5 },
  ),
  starts: fc.array(fc.nat({ max: 120 }), { minLength: 8, maxLength: 8 }),
  pageSize: fc.integer({ min: 1, max: 4 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
});

export const schedules: fc.Arbitrary<Schedule> = fc.tuple(plans, fc.scheduler());
