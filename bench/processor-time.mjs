/** What a process has used so far, by `/proc`: Node does not say it of a child. @module */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

let ticksPerSecond;

/** @returns Milliseconds of processor time of all its threads; `undefined` where it has ended, or without `/proc`. */
export function processorMsOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
    return ((Number(user) + Number(system)) * 1_000) / ticksPerSecond;
  } catch {
    return undefined;
  }
}
