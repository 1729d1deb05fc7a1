/** What an error of SQLite means, whichever driver threw it. @module */
import { StoreError } from '../errors.js';

const BUSY = 5;
const LOCKED = 6;
const PRIMARY_CODE = 0xff;
const BUSY_CODE = /^SQLITE_(BUSY|LOCKED)(_|$)/;

/** Another connection has the lock; the call did nothing and may be made again. */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as {
    readonly code?: unknown;
    readonly errcode?: unknown;
  };
  if (typeof code === 'string' && BUSY_CODE.test(code)) return true;
  if (typeof errcode !== 'number') return false;
  const primary = errcode & PRIMARY_CODE;
  return primary === BUSY || primary === LOCKED;
}

export function stayedBusy(table: string, patienceMs: number, cause: unknown): StoreError {
  return new StoreError(
    'STORE_UNAVAILABLE',
    `The SQLite table "${table}" stayed locked for ${String(patienceMs / 1_000)} s: find the process that keeps a transaction open on its file, then try again`,
    { cause },
  );
}

export function sqliteFailed(table: string, cause: unknown): StoreError {
  return new StoreError(
    'STORE_FAILED',
    `SQLite failed on the table "${table}": its own error is the cause of this one`,
    { cause },
  );
}
