/** A side of a measurement in turns, as the process sees it that compares the two. @module */
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** One listener for all of them: there may be more than Node takes for a leak. */
const running = new Set();
// Before the code that removes the files that they write.
process.prependOnceListener('exit', () => {
  for (const each of running) each.kill('SIGKILL');
});

export class Side {
  #script;
  #process;
  #ended;

  /**
   * @param job - The argument of the script.
   * @param seesMemory - Whether its steps say how much memory there is without garbage.
   */
  constructor(script, job, seesMemory = false) {
    this.#script = script;
    // As run.mjs: with V8's own 16 MB of young objects the memory grows by garbage for a while.
    const execArgv = ['--max-semi-space-size=1', ...(seesMemory ? ['--expose-gc'] : [])];
    const url = new URL(script, import.meta.url);
    this.#process = fork(url, [JSON.stringify(job)], { execArgv });
    this.#ended = once(this.#process, 'exit');
    running.add(this.#process);
    this.#process.once('exit', () => running.delete(this.#process));
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
