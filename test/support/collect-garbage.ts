import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { turn } from './deferred.js';

/** Takes long in a process whose heap is large, as where many test files run one after the other. */
export async function collectGarbage(): Promise<void> {
  await turn();
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
