/** Replaces what was read, and retries where another write came first. @module */
import type { Clock } from '../async/clock.js';
import { contended, hasCode } from '../errors/errors.js';

/** After this many lost races, some process writes the same item all the time. */
export const MOST_ATTEMPTS = 8;

/**
 * Sends a write once, and recognises it where it landed and only its answer was lost.
 *
 * @param landed - Reads again: returns what the write would have returned, or `undefined` where it did not
 *   land.
 * @returns `undefined` where another write came first.
 * @throws The failure of the write, where it neither landed nor lost a race.
 */
export async function tryWrite<T>(
  write: () => Promise<T>,
  landed: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    const found = await landed();
    if (found !== undefined) return found;
    if (hasCode(error, 'ALREADY_EXISTS', 'ETAG_MISMATCH')) return undefined;
    throw error;
  }
}

/**
 * Reads, decides and writes again until an attempt returns a result.
 *
 * @param what - The operation, for the message: "Completing the rotation".
 * @throws FieldEncryptionError `CONTENDED` where no attempt succeeded.
 */
export async function untilDone<T>(
  what: string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  for (let tries = 0; tries < MOST_ATTEMPTS; tries += 1) {
    const done = await attempt();
    if (done !== undefined) return done;
  }
  throw contended(what, MOST_ATTEMPTS);
}

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Waits for a random time up to a limit that doubles with each attempt, so that writers that met once do not
 * meet again.
 *
 * @param attempt - The number of attempts so far, 1 or more.
 */
export function backOff(clock: Clock, attempt: number, signal?: AbortSignal): Promise<void> {
  const mostMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
  return clock.sleep(mostMs * clock.jitter(), signal);
}
