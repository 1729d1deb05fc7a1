import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RewrapSummary } from '../../src/index.js';
import type { World } from './killed-rewrap-world.js';

const SCRIPT = join(import.meta.dirname, 'fleet-child.mjs');
/** Wall clocks go in such steps, so that each worker has a millisecond of its own. */
const CLOCK_STEP_MS = 16;

interface Finish {
  readonly summary: RewrapSummary;
  readonly wraps: number;
}

type Message = Finish | 'parked' | 'ready' | { readonly dekId: string };

export interface FleetPlan {
  readonly target: string;
  readonly count: number;
  /** One that pauses after the given number of rows. */
  readonly parks?: { readonly index: number; readonly rows: number };
}

/** Who wrote a row. */
export function workerAt(rewrappedAt: string): number {
  return new Date(rewrappedAt).getTime() % CLOCK_STEP_MS;
}

/** One that stands still is killed. */
export class FleetWorker {
  readonly index: number;
  /** Rows that it said it had rewrapped. */
  readonly reported = new Set<string>();
  /** Absent until it has finished. */
  finish: Finish | undefined;
  readonly #child: ChildProcess;
  readonly #ready: Promise<unknown>;
  readonly #ended: Promise<string>;

  constructor({ file, keys }: World, { target, count, parks }: FleetPlan, index: number) {
    this.index = index;
    const parkAfter = parks?.index === index ? parks.rows : undefined;
    const shard = { index, count };
    const job = { file, keys, target, shard, parkAfter, clockStepMs: CLOCK_STEP_MS };
    this.#child = fork(SCRIPT, [JSON.stringify(job)], { execArgv: [] });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
    this.#ready = once(this.#child, 'message');
    this.#ended = once(this.#child, 'close').then(([code, signal]) =>
      String((signal as string | null) ?? code),
    );
    this.#child.on('message', (message: Message) => {
      if (message === 'ready') return;
      if (message === 'parked') this.#child.kill('SIGKILL');
      else if ('summary' in message) this.finish = message;
      else this.#add(message.dekId);
    });
  }

  /** Begins, once all have loaded what they need. */
  async begin(): Promise<void> {
    await this.#ready;
    this.#child.send('go');
  }

  /** @returns Its exit code, or the signal that ended it. */
  end(): Promise<string> {
    return this.#ended;
  }

  #add(dekId: string): void {
    if (this.reported.has(dekId)) throw new Error(`${dekId} was reported twice`);
    this.reported.add(dekId);
  }
}
