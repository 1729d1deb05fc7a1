import { expect, it } from 'vitest';
import { setup, type Loose } from '../support/encryptor.js';
import { ManualClock } from '../../src/testing/index.js';
import { CRASHES, MortalProcess } from '../support/migration-crash.js';
import { perLane } from '../support/lane.js';
import {
  all,
  ENTRIES,
  MOVES,
  moveWorld,
  type MoveWorld,
  readable,
  start,
  statesIn,
} from '../support/moving.js';
import type { CrashPoint } from '../support/migration-crash.js';

/** Which calls crash: in the fast lane a part, another for each kind of crash. */
const EVERY = perLane(7, 1);

function sorted(documents: readonly Loose[]): readonly string[] {
  return documents.map((each) => JSON.stringify(Object.entries(each).sort())).sort();
}

/** A process over the world that dies at the point. */
function processOf(world: MoveWorld, point?: CrashPoint): readonly [MortalProcess, MoveWorld] {
  const mortal = new MortalProcess(world.made, world.from.memory, point);
  const from = { ...world.from, documentStore: mortal.store };
  const isSame = world.to.memory === world.from.memory;
  const to = { ...world.to, documentStore: isSame ? mortal.store : mortal.beside(world.to.memory) };
  return [mortal, { ...world, made: mortal.made, from, to }];
}

/** Each document opens in one of the places. */
async function requireNothingLost(world: MoveWorld): Promise<void> {
  const bodies = new Set((await readable(world)).map(({ body }) => body));
  expect(bodies).toEqual(new Set(ENTRIES.map(({ body }) => body)));
}

it.each(MOVES)(
  'a crash at any call of a move of $name is completed by the next run',
  async (move) => {
    let deaths = 0;
    for (const [nth, crash] of CRASHES.entries()) {
      for (let call = 1 + (nth % EVERY); ; call += EVERY) {
        const world = await moveWorld(move, setup({ clock: new ManualClock() }));
        const [mortal, dying] = processOf(world, { call, crash });
        if (await mortal.run(start(dying))) break;
        deaths += 1;
        await requireNothingLost(world);
        const [next, living] = processOf(world);
        const events = await next.run(start(living));
        expect(events?.at(-1)).toMatchObject({ summary: { complete: true, failed: 0 } });
        expect(sorted(await readable(world))).toEqual(sorted(world.expected));
        if (world.to.memory !== world.from.memory) expect(await all(world.from)).toEqual([]);
        expect(new Set(await statesIn(world.made, 'notes'))).toEqual(new Set(['shredded']));
        const active = await statesIn(world.made, world.to.definition.collection);
        expect(active).toEqual(['active', 'active', 'active']);
      }
    }
    expect(deaths).toBeGreaterThan(40 / EVERY);
  },
);
