import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { environmentOfNoKeys } from '../environment-of-no-keys.js';
import type { Variables } from './emulators.js';

/**
 * Runs a command with variables in its environment.
 *
 * @param interrupted - Passed on to the command, which decides when to end.
 * @returns Its exit code, or 128 and the signal's number as a shell has it.
 * @throws Where it cannot be run.
 */
export async function runCommand(
  [command = '', ...parameters]: readonly string[],
  variables: Variables,
  interrupted: Promise<NodeJS.Signals>,
): Promise<number> {
  const env = { ...environmentOfNoKeys(), ...variables };
  const child = spawn(command, parameters, { env, stdio: 'inherit' });
  void interrupted.then((signal) => {
    // A terminal tells the command itself, and some take the second for "at once".
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}
