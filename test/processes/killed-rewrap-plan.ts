import { randomInt } from 'node:crypto';

/** A call of the rewrap, and whether it stops before it or once it is done. */
export interface Step {
  readonly step: string;
  readonly when: 'after' | 'before';
}

/** Where a child is killed. */
export interface Point extends Step {
  /** It stands still at this call of the step, at the latest. */
  readonly nth: number;
  /** It is killed earlier, while it runs: a time after a number of rows. */
  readonly moment?: { readonly rows: number; readonly delayMs: number };
}

const ROTATIONS = 5;
const LONGEST_DELAY_MS = 12;
/** Of the first child that gets to the rows: with eight under way, the first are written at that point. */
const FIRST_ROWS = 20;

const BEFORE_ROWS: readonly Step[] = [...both('begin'), after('fence'), ...both('fenced')];
const AFTER_ROWS: readonly Step[] = [...both('last scan').slice(0, 1), ...both('complete')];

/** Taken for each row. */
const OF_ROWS: readonly Step[] = [
  ...repeated(13, [after('any moment')]),
  ...repeated(6, both('replace')),
  ...repeated(2, ['unwrapKey', 'wrapKey', 'verify'].flatMap(both)),
];

/** Taken by each child on its way to the rows that were left to it; they write nothing. */
const OF_CHILDREN: readonly Step[] = [
  ...['round trip', 'getRotation', 'count'].map(after),
  ...both('list'),
];

/** In all rotations of a round. */
export const KILLS: number = [BEFORE_ROWS, AFTER_ROWS, OF_ROWS, OF_CHILDREN].flat().length;

/** How often a child takes those that it takes more than once. */
const CALLS: Readonly<Record<string, number>> = {
  'round trip': 2,
  fence: 2,
  getRotation: 3,
  list: 2,
};

/** The steps at which the children of each rotation are killed, in order. */
export function dealSteps(): readonly (readonly Step[])[] {
  const [starts, ends] = [shuffled(BEFORE_ROWS), shuffled(AFTER_ROWS)];
  const rows = shuffled(OF_ROWS);
  const firsts = rows.splice(0, ROTATIONS);
  const rest = shuffled([...rows, ...OF_CHILDREN]);
  return starts.map((start, rotation) => {
    const end = ends.slice(rotation, rotation + 1);
    const middle = rest.splice(0, Math.ceil(rest.length / (ROTATIONS - rotation)));
    return [start, ...firsts.slice(rotation, rotation + 1), ...middle, ...end];
  });
}

/**
 * The point of a kill.
 *
 * @param share - Rows that may be written until then, so that some are left for the kills to come.
 */
export function pointOf({ step, when }: Step, share: number, isFirst: boolean): Point {
  if (!OF_ROWS.some((each) => each.step === step)) {
    return { step, when, nth: randomInt(CALLS[step] ?? 1) + 1 };
  }
  const least = isFirst ? FIRST_ROWS : 1;
  if (step !== 'any moment') return { step, when, nth: between(least, share) };
  const moment = {
    rows: between(least, share / 2),
    delayMs: Math.random() * LONGEST_DELAY_MS,
  };
  return { step, when, nth: Math.max(share, moment.rows), moment };
}

/** All there are, for the test to see that none was left out. */
export function allSteps(): ReadonlySet<string> {
  return new Set([...BEFORE_ROWS, ...OF_ROWS, ...OF_CHILDREN, ...AFTER_ROWS].map(nameOf));
}

export function nameOf({ step, when }: Step): string {
  return `${when} "${step}"`;
}

function both(step: string): Step[] {
  return [{ step, when: 'before' }, after(step)];
}

function after(step: string): Step {
  return { step, when: 'after' };
}

function repeated(times: number, steps: readonly Step[]): Step[] {
  return Array.from({ length: times }, () => steps).flat();
}

function between(least: number, most: number): number {
  return randomInt(least, Math.max(least, Math.floor(most)) + 1);
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
