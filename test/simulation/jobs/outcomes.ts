import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { deferred } from '../../support/deferred.js';
import { perform, type Outcome, type Task } from './perform.js';
import type { Answer } from './worker.js';

const WORKER = join(import.meta.dirname, 'worker.ts');

/** What came of a task, in the order of the tasks; `error` where it did not come to an end. */
export type Settled = { readonly outcome: Outcome } | { readonly error: unknown };

/**
 * Performs the tasks in the given number of processes, and returns their outcomes in the order of the tasks, whatever
 * order they end in. One job is this very process.
 */
export async function* outcomesOf(
  tasks: readonly Task[],
  jobs: number,
): AsyncGenerator<Settled, void, void> {
  if (jobs === 1) {
    for (const task of tasks) yield await settled(perform(task));
    return;
  }
  const workers = Array.from({ length: Math.min(jobs, tasks.length) }, () => new Worker());
  const settling = dealOut(tasks, workers);
  try {
    for (const each of settling) yield await each;
  } finally {
    for (const worker of workers) worker.end();
  }
}

/** Each worker takes the next task as soon as it is done with one. */
function dealOut(tasks: readonly Task[], workers: readonly Worker[]): readonly Promise<Settled>[] {
  const answers = tasks.map(() => deferred<Settled>());
  let next = 0;
  const work = async (worker: Worker): Promise<void> => {
    for (let nth = next++; nth < tasks.length; nth = next++) {
      answers[nth]?.resolve(await settled(worker.perform(tasks[nth] as Task)));
    }
  };
  for (const worker of workers) void work(worker);
  return answers.map(({ promise }) => promise);
}

function settled(work: Promise<Outcome>): Promise<Settled> {
  return work.then(
    (outcome) => ({ outcome }),
    (error: unknown) => ({ error }),
  );
}

/** A process that performs one task after the other; another takes its place where it dies. */
class Worker {
  #child: ChildProcess | undefined;

  async perform(task: Task): Promise<Outcome> {
    this.#child ??= fork(WORKER, { execArgv: ['--import', 'tsx'] });
    const child = this.#child;
    const done = new AbortController();
    const { signal } = done;
    try {
      child.send(task);
      const answer = await Promise.race([
        once(child, 'message', { signal }).then(([message]) => message as Answer),
        once(child, 'exit', { signal }).then(([code, name]) => {
          throw new Error(`The process of the job ended: ${String(code ?? name)}`);
        }),
      ]);
      if ('error' in answer) throw new Error(answer.error);
      return answer.outcome;
    } finally {
      done.abort();
      if (child.exitCode !== null || child.signalCode !== null) this.#child = undefined;
    }
  }

  end(): void {
    this.#child?.kill();
  }
}
