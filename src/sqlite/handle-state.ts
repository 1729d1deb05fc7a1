/** What a handle that others use too is in the middle of. @module */
import type { SqliteHandle } from './sqlite-handle.js';

/**
 * - `free`: no transaction, and no statement that has begun and not ended.
 * - `transaction`: the application has one open.
 * - `statements`: the application has a statement open outside a transaction: an iterator that was
 *   not read to its end, or, with libsql, a statement that was refused the lock.
 */
export type HandleState = 'free' | 'transaction' | 'statements';

/** No driver tells of open statements. SQLite looks for them before it looks at the file's name. */
const PROBE = 'VACUUM INTO NULL';

/** Reads and writes nothing: the probe is always refused, and the refusal says why. */
export function stateOf(handle: SqliteHandle): HandleState {
  try {
    handle.exec(PROBE);
  } catch (error) {
    const { message } = error as Error;
    if (message.includes('within a transaction')) return 'transaction';
    if (/SQL statements in progress|busy executing a query/.test(message)) return 'statements';
  }
  return 'free';
}
