/** A side of a measurement in turns, as the process sees it that compares the two. @module */
import { fork } from 'node:child_process';
import { once } from 'node:events';

export class Side {
  #script;
  #process;
  #ended;

  /**
   * @param job - What the script is told as its argument.
   * @param seesMemory - Whether its steps say how much memory there is without garbage.
   */
  constructor(script, job, seesMemory = false) {
    this.#script = script;
    // As run.mjs: with V8's own 16 MB of young objects the memory grows by garbage for a while.
    const execArgv = ['--max-semi-space-size=1', ...(seesMemory ? ['--expose-gc'] : [])];
    const url = new URL(script, import.meta.url);
    this.#process = fork(url, [JSON.stringify(job)], { execArgv });
    this.#ended = once(this.#process, 'exit');
    // Ahead of whoever removes the files that it writes.
    process.prependOnceListener('exit', () => this.#process.kill('SIGKILL'));
  }

  /** @returns What one more step took, `{ wallMs, cpuMs, … }`, or `undefined` after the last one. */
  async step(isDurable) {
    this.#process.send({ isDurable });
    const answer = once(this.#process, 'message').then(([step]) => step);
    const step = await Promise.race([answer, this.#ended]);
    if (Array.isArray(step)) throw new Error(`${this.#script} ended with ${step[0]}`);
    return step.done ? undefined : step;
  }

  async stop() {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}
