import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { World } from './killed-rewrap-world.js';

const SCRIPT = join(import.meta.dirname, 'traffic-child.mjs');

/** What the traffic has done so far, all of it acknowledged. */
export interface TrafficCounts {
  readonly reads: number;
  readonly edits: number;
  readonly creates: number;
  readonly shreds: number;
}

type Message = { readonly counts: TrafficCounts } | { readonly error: string };

/** A process that reads and writes beside whatever else goes on. */
export class Traffic {
  /** Reads and writes that failed. */
  readonly errors: string[] = [];
  readonly #child: ChildProcess;

  constructor({ file, keys, journal, seeded }: World) {
    const args = [JSON.stringify({ file, keys, journal, seeded })];
    const child = fork(SCRIPT, args, { execPath: process.execPath, execArgv: [] });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.on('message', (message: Message) => {
      if ('error' in message) this.errors.push(message.error);
    });
    this.#child = child;
  }

  /** Returns when nothing is under way. */
  pause(): Promise<TrafficCounts> {
    return this.#order('pause');
  }

  resume(): void {
    this.#child.send('resume');
  }

  /** Returns when the process has ended. */
  async stop(): Promise<TrafficCounts> {
    const ended = once(this.#child, 'exit');
    const counts = await this.#order('stop');
    await ended;
    return counts;
  }

  async #order(order: string): Promise<TrafficCounts> {
    const counts = new Promise<TrafficCounts>((resolve, reject) => {
      const listen = (message: Message): void => {
        if (!('counts' in message)) return;
        this.#child.off('message', listen);
        resolve(message.counts);
      };
      this.#child.on('message', listen);
      this.#child.once('exit', (code, signal) => {
        reject(new Error(`The traffic ended with ${String(code ?? signal)}`));
      });
    });
    this.#child.send(order);
    return counts;
  }
}
