import { expect } from 'vitest';
import { rewrapAllDeks, takeCensus, type RewrapSummary } from '../../src/index.js';
import { contentsOf, PRODUCT } from '../support/encryptor.js';
import { nameOf, pointOf, type Step } from './killed-rewrap-plan.js';
import { finishRewrap, killRewrap } from './killed-rewrap-process.js';
import type { DekWatch } from './killed-rewrap-watch.js';
import { encryptorOver, seededBytes, type World } from './killed-rewrap-world.js';
import type { Traffic, TrafficCounts } from './traffic-process.js';

/** A kill, and where it found the rotation. */
export interface Landing {
  readonly step: string;
  /** Between the first row that the rotation wrote and the last. */
  readonly amongRows: boolean;
}

interface Scene {
  readonly world: World;
  readonly traffic: Traffic;
  readonly watch: DekWatch;
}

/** One rotation: a child is killed at each of the steps, and the invariants are checked each time. */
export class KilledRotation {
  readonly #scene: Scene;
  readonly #target: string;
  /** Of this rotation, however often it is begun again. */
  readonly #epoch: number;
  readonly #bytes: string;
  /** Of the child that finished it. */
  summary: RewrapSummary | undefined;
  #moved = 0;

  constructor(scene: Scene, target: string, epoch: number) {
    this.#scene = scene;
    this.#target = target;
    this.#epoch = epoch;
    this.#bytes = seededBytes(scene.world);
  }

  async kill(steps: readonly Step[]): Promise<Landing[]> {
    const { world } = this.#scene;
    const landings: Landing[] = [];
    for (const [index, step] of steps.entries()) {
      const left = world.seeded.length - this.#moved;
      const share = Math.floor(left / (steps.length - index + 1));
      const point = pointOf(step, share, this.#moved === 0);
      const what = `Kill ${String(index + 1)} on the way to ${this.#target}: ${JSON.stringify(point)}`;
      expect(await killRewrap(world, this.#target, point), what).toBe('SIGKILL');
      await this.#look(what);
      const amongRows = this.#moved > 0 && this.#moved < world.seeded.length;
      landings.push({ step: nameOf(step), amongRows });
    }
    return landings;
  }

  /** @returns What the traffic had done at that time. */
  async finish(): Promise<TrafficCounts> {
    const { world, traffic } = this.#scene;
    this.summary = await finishRewrap(world, this.#target);
    requireFinished(this.summary);
    const counts = await traffic.pause();
    await this.#look(`After the rotation to ${this.#target}`);
    const { dekStore } = world;
    const { settled, behind, wraps } = await takeCensus({ product: PRODUCT, dekStore });
    const versions = wraps.filter((wrap) => wrap.active > 0).map(({ mekVersion }) => mekVersion);
    expect({ settled, behind, versions }).toEqual({
      settled: true,
      behind: 0,
      versions: [this.#target],
    });
    await this.#runAgain();
    traffic.resume();
    return counts;
  }

  /** Nothing is left to do, so nothing is written. */
  async #runAgain(): Promise<void> {
    const { dekStore, provider } = this.#scene.world;
    const before = await contentsOf(dekStore);
    const encryptor = encryptorOver(dekStore, [provider]);
    const target = { mekVersion: this.#target };
    let summary: RewrapSummary | undefined;
    for await (const event of rewrapAllDeks(encryptor, { target })) {
      if (event.type === 'finished') ({ summary } = event);
    }
    expect(summary).toMatchObject({ complete: true, changed: 0, failed: 0 });
    expect(await contentsOf(dekStore)).toEqual(before);
  }

  async #look(when: string): Promise<void> {
    const { world, traffic, watch } = this.#scene;
    const { record, moved, problems } = await watch.look();
    expect([...problems.slice(0, 5), ...traffic.errors.slice(0, 5)], when).toEqual([]);
    expect(seededBytes(world) === this.#bytes, `${when}: seeded notes were written`).toBe(true);
    const hasBegun = record.mekVersion === this.#target;
    expect(record.epoch, `${when}: the epoch`).toBe(hasBegun ? this.#epoch : this.#epoch - 1);
    this.#moved = hasBegun ? moved : 0;
  }
}

function requireFinished(summary: RewrapSummary): void {
  const { complete, scanned, unchanged, skipped, failed } = summary;
  const what = `The rewrap to ${summary.target.mekVersion}`;
  expect({ complete, failed }, what).toEqual({ complete: true, failed: 0 });
  expect(unchanged + skipped, what).toBe(scanned);
}
