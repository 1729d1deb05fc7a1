import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { expect, it } from 'vitest';
import { run, RUN } from './started.js';
import { trySeeds } from './try-seeds.js';

const OUTCOMES = JSON.stringify(join(import.meta.dirname, 'jobs', 'outcomes.ts'));

function script(tasks: readonly object[], each: string): readonly string[] {
  const text = `
    import { outcomesOf } from ${OUTCOMES};
    for await (const settled of outcomesOf(${JSON.stringify(tasks)}, 2)) ${each}`;
  return ['--input-type=module', '--eval', text];
}

it('says the same in two jobs as in one', async () => {
  const said: string[] = [];
  const say = (lines: string): void => {
    said.push(...lines.split('\n'));
  };
  const counts = await trySeeds([5, 6], 1, { say, complain: say });
  const { code, lines } = await run(RUN, '--seeds', '2', '--from', '5', '--jobs', '2');
  expect(lines).toEqual([...said, '2 passed, 0 failed']);
  expect(lines).toContainEqual(expect.stringMatching(/^ +[1-9]\d* documents that were read$/));
  expect(counts).toEqual({ passed: 2, failed: 0 });
  expect(code).toBe(0);
});

it('names a task whose process died, and goes on with another process', async () => {
  const tasks = [
    {
      seeds: [1],
      patches: [{ file: 'async/clock.ts', from: '() => Math.random()', to: 'process.exit(3)' }],
    },
    { seeds: [5] },
    { seeds: [6] },
  ];
  const each = `console.log(settled.error ? settled.error.message : settled.outcome.tried);`;
  const { lines } = await run(...script(tasks, each));
  expect(lines).toEqual(['The process of the job ended: 3', '1', '1']);
});

it('leaves no process behind when it is interrupted', async () => {
  const seeds = Array.from({ length: 500 }, (_each, nth) => nth + 1);
  const tasks = [{ seeds: [1] }, { seeds }, { seeds }];
  const args = ['--import', 'tsx', ...script(tasks, `console.log('one is done');`)];
  const parent = spawn(execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(parent.stdout, 'data');
  parent.kill('SIGINT');
  // Only when all who have the pipe are gone, the children too.
  await once(parent.stdout, 'close');
  expect(parent.signalCode).toBe('SIGINT');
});
