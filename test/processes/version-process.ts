import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { isSlow } from '../support/lane.js';

const SCRIPT = join(import.meta.dirname, 'version-child.mjs');

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export interface Work {
  readonly writes: number;
  /** What was not as it has to be, and errors. */
  readonly wrong: readonly string[];
}

/** One process that runs as one version of the product. */
export interface VersionProcess {
  readonly seed: (ids: readonly string[]) => Promise<unknown>;
  readonly work: (documents: object) => Promise<Work>;
  /** Ends when nothing of it runs any more. */
  readonly stop: () => Promise<void>;
}

/** Starts processes. In the fast lane one that has stopped starts again as another version, in the slow lane none. */
export class ProcessPool {
  readonly #all: ChildProcess[] = [];
  readonly #idle: ChildProcess[] = [];

  async start(options: object): Promise<Refusal | VersionProcess> {
    const child = this.#idle.pop() ?? this.#forked();
    const answer = await ordered<Partial<Refusal>>(child, { order: 'start', ...options });
    if (answer.code !== undefined) {
      this.#idle.push(child);
      return answer as Refusal;
    }
    return {
      seed: (ids) => ordered(child, { order: 'seed', ids }),
      work: (documents) => ordered<Work>(child, { order: 'work', ...documents }),
      stop: () => this.#stop(child),
    };
  }

  /** Ends every process. */
  close(): void {
    for (const child of this.#all) child.kill('SIGKILL');
  }

  #forked(): ChildProcess {
    const child = fork(SCRIPT, { execArgv: [] });
    this.#all.push(child);
    return child;
  }

  async #stop(child: ChildProcess): Promise<void> {
    if (!isSlow) {
      await ordered(child, { order: 'stop' });
      this.#idle.push(child);
      return;
    }
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

function ordered<T>(child: ChildProcess, message: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (code: number | null): void => {
      reject(new Error(`The process ended with ${String(code)}`));
    };
    child.once('exit', fail);
    child.once('message', (answer) => {
      child.off('exit', fail);
      resolve(answer as T);
    });
    child.send(message);
  });
}
