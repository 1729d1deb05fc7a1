/** Writes over what was read, and tries again where another write came first. @module */
import { contended, hasCode } from '../errors/errors.js';

/** More than that, and something writes the same item all the time. */
export const MOST_ATTEMPTS = 8;

/**
 * Sends a write once, and recognizes it where it landed and only its answer was lost.
 *
 * @param landed - Reads again: what the write would have answered, or `undefined` where it did not land.
 * @returns `undefined` where another write came first.
 * @throws What the write failed with, where it neither landed nor lost a race.
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
 * Reads, decides and writes anew until an attempt gives something.
 *
 * @param what - For the message: "Completing the rotation".
 * @throws FieldEncryptionError `CONTENDED` where no attempt did.
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
