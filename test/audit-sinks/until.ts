import { setTimeout as sleep } from 'node:timers/promises';

const MOST_TURNS = 20_000;

/** Waits for what real sockets and files do meanwhile. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < MOST_TURNS; turn += 1) {
    if (isSo()) return;
    await sleep(1);
  }
  throw new Error(`It did not happen: ${what}`);
}
