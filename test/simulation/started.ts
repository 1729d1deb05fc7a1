import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';

/** What `npm run test:sim` starts. */
export const RUN = join(import.meta.dirname, 'run.ts');

export interface Ended {
  readonly code: number;
  readonly lines: readonly string[];
}

/** A copy of `src` is compiled by `tsx`, and so in a process of its own. */
export async function run(...args: readonly string[]): Promise<Ended> {
  const running = promisify(execFile)(execPath, ['--import', 'tsx', ...args]);
  const { stdout, code } = await running.then(
    (ended) => ({ ...ended, code: 0 }),
    (error: unknown) => error as { readonly stdout: string; readonly code: number },
  );
  return { code, lines: stdout.trimEnd().split('\n') };
}
