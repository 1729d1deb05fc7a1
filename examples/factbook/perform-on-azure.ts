import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { AzureEmulators } from '../azure/emulators.js';
import { firstSignal } from '../azure/first-signal.js';
import { environmentOfNoKeys } from '../environment-of-no-keys.js';
import { serverFigures } from './server-figures.js';

const SCRIPT = fileURLToPath(new URL('azure-acts.ts', import.meta.url));

/** Runs the emulators in this process, and the demo in another that has them in its environment. */
export async function performOnAzure(parameters: readonly string[]): Promise<void> {
  const interrupted = firstSignal();
  const emulators = await AzureEmulators.start();
  const acts = fork(SCRIPT, parameters, {
    execArgv: ['--import', 'tsx'],
    env: { ...environmentOfNoKeys(), ...emulators.variables() },
  });
  acts.on('message', () => acts.send(serverFigures(emulators)));
  void interrupted.then((signal) => {
    process.exitCode = 128 + constants.signals[signal];
    if (acts.connected) acts.disconnect();
  });
  const [code] = (await once(acts, 'exit')) as [code: number | null];
  await emulators.stop();
  process.exitCode ??= code ?? 1;
}
