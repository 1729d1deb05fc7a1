import { perform, type Outcome, type Task } from './perform.js';

/** What a job tells the process that started it. */
export type Answer = { readonly outcome: Outcome } | { readonly error: string };

process.on('message', (task: Task) => {
  perform(task).then(
    (outcome) => {
      answer({ outcome });
    },
    (error: unknown) => {
      answer({ error: error instanceof Error ? error.message : String(error) });
    },
  );
});

// Whatever ended the process that started this one: nothing is left behind.
process.on('disconnect', () => {
  process.exit();
});

function answer(what: Answer): void {
  process.send?.(what);
}
