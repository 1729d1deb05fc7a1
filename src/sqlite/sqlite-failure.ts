/** Classifies errors of SQLite from any driver. @module */
import { StoreError } from '../errors/errors.js';

const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const PRIMARY_CODE = 0xff;
const BUSY_CODE = /^SQLITE_(BUSY|LOCKED)(_|$)/;
const READONLY_CODE = /^SQLITE_READONLY(_|$)/;

/** Another user has the lock, or the handle; the call had no effect and may be retried. */
export function isBusy(error: unknown): boolean {
  return isHandleBusy(error) || hasCode(error, BUSY_CODE, [BUSY, LOCKED]);
}

/** better-sqlite3 refuses every other call on a handle during an iteration. */
function isHandleBusy(error: unknown): boolean {
  return error instanceof TypeError && error.message.includes('busy executing a query');
}

/** The handle, or the file for this user, may be read-only. */
export function isReadOnlyFailure(error: unknown): boolean {
  return hasCode(error, READONLY_CODE, [READONLY]);
}

function hasCode(error: unknown, name: RegExp, primaryCodes: readonly number[]): boolean {
  const { code, errcode } = (error ?? {}) as {
    readonly code?: unknown;
    readonly errcode?: unknown;
  };
  if (typeof code === 'string' && name.test(code)) return true;
  return typeof errcode === 'number' && primaryCodes.includes(errcode & PRIMARY_CODE);
}

/** The error of a call that must not be retried. */
export function failureOf(table: string, cause: unknown, isSetUp: boolean): StoreError {
  if (cause instanceof StoreError) return cause;
  if (isReadOnlyFailure(cause)) return readOnly(table, cause);
  const { message } = (cause ?? {}) as { readonly message?: unknown };
  const isAbsent = !isSetUp && String(message).startsWith('no such table');
  return isAbsent ? absentTable(table, cause) : sqliteFailed(table, cause);
}

export function stayedBusy(table: string, patienceMs: number, cause: unknown): StoreError {
  return new StoreError(
    'STORE_UNAVAILABLE',
    `The SQLite table "${table}" stayed locked for ${String(patienceMs / 1_000)} s: find the process that keeps a transaction open on its file, then try again`,
    { cause },
  );
}

/** The store does not wait: the code that holds the transaction open may be waiting for this call. */
export function insideTransaction(table: string, cause: unknown): StoreError {
  return new StoreError(
    'STORE_FAILED',
    `The SQLite table "${table}" was not written: your own transaction is open on its handle. Commit or roll back before you call the store, or use a separate handle for the store`,
    { cause },
  );
}

function absentTable(table: string, cause: unknown): StoreError {
  return new StoreError(
    'STORE_FAILED',
    `The SQLite table "${table}" does not exist, and its handle cannot create it, being read-only or inside your own transaction: call the store once through a handle that can write`,
    { cause },
  );
}

function readOnly(table: string, cause: unknown): StoreError {
  return new StoreError(
    'STORE_FAILED',
    `The SQLite table "${table}" was not written: its handle is read-only. Open the file for writing, and give that handle to the store`,
    { cause },
  );
}

function sqliteFailed(table: string, cause: unknown): StoreError {
  return new StoreError(
    'STORE_FAILED',
    `SQLite failed on the table "${table}": its own error is the cause of this one`,
    { cause },
  );
}
