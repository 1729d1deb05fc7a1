import { expect, it } from 'vitest';
import type { Step } from './killed-rewrap-plan.js';
import { DekWatch, FIRST_EPOCH } from './killed-rewrap-watch.js';
import { makeWorld, versionOf } from './killed-rewrap-world.js';
import { KilledRotation } from './killed-rotation.js';
import { Traffic } from './traffic-process.js';

const LIMIT_MS = 1_200_000;

const STEPS: readonly Step[] = [
  // The round trip wraps and unwraps; the next unwrap is of a wrap that is stored.
  { step: 'round trip', when: 'after' },
  { step: 'begin', when: 'before' },
  { step: 'begin', when: 'after' },
  { step: 'fence', when: 'after' },
  { step: 'fenced', when: 'before' },
  { step: 'replace', when: 'before' },
  { step: 'any moment', when: 'after' },
  { step: 'replace', when: 'after' },
  { step: 'any moment', when: 'after' },
  { step: 'any moment', when: 'after' },
  { step: 'last scan', when: 'before' },
  { step: 'complete', when: 'before' },
  { step: 'complete', when: 'after' },
];

it(
  'rollbacks that are killed lose nothing, beside a process that reads and writes',
  async () => {
    const world = await makeWorld();
    const { dekStore, provider, keys } = world;
    const [before, after] = [await versionOf(keys[0]), await versionOf(keys[1])];
    const watch = new DekWatch(dekStore, provider);
    await watch.look();
    const traffic = new Traffic(world);
    await new KilledRotation({ world, traffic, watch }, after, FIRST_EPOCH + 1).finish();

    const scene = { world: { ...world, back: true }, traffic, watch };
    const rollback = new KilledRotation(scene, before, FIRST_EPOCH + 2);
    const landings = await rollback.kill(STEPS);
    expect(landings).toHaveLength(STEPS.length);
    expect(landings.filter(({ amongRows }) => amongRows).length).toBeGreaterThanOrEqual(4);
    await rollback.finish();

    const again = new KilledRotation(scene, after, FIRST_EPOCH + 3);
    await again.kill([{ step: 'any moment', when: 'after' }]);
    await again.finish();
    expect(again.summary?.flipped).toBeGreaterThan(0);
    await traffic.stop();
    expect(traffic.errors).toEqual([]);
  },
  LIMIT_MS,
);
