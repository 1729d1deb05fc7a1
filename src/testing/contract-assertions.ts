/** Assertions that several contract kits share. @module */
import assert from 'node:assert/strict';
import { hasCode, isFieldEncryptionError, type ErrorCode } from '../errors/errors.js';

/** The call rejects with an error of this library that has the code. */
export async function assertRejectsWith(code: ErrorCode, call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(hasCode(error, code), `expected the code ${code}, got ${describeError(error)}`);
    return true;
  });
}

/** The call rejects with the exact reason of its aborted signal. */
export async function assertHonoursAbort(
  call: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const reason = new Error('the caller aborted');
  await assert.rejects(call(AbortSignal.abort(reason)), (error) => {
    assert.ok(error === reason, 'expected the reason of the signal, unchanged');
    return true;
  });
}

/** Of concurrent calls one succeeds; the others reject as lost races. */
export async function assertOneWins<T>(
  calls: readonly Promise<T>[],
  codeOfLosers: ErrorCode,
): Promise<T> {
  const outcomes = await Promise.allSettled(calls);
  const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled');
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    assert.ok(
      hasCode(outcome.reason, codeOfLosers),
      `a loser got ${describeError(outcome.reason)}`,
    );
  }
  assert.equal(winners.length, 1, 'expected exactly one of the concurrent calls to succeed');
  return (winners[0] as PromiseFulfilledResult<T>).value;
}

/** The item equals what was written, apart from `_…` properties that the store added. */
export function assertSameItem(actual: unknown, written: object): void {
  assert.ok(typeof actual === 'object' && actual !== null, 'expected an object');
  const isWritten = ([name]: [string, unknown]): boolean =>
    !name.startsWith('_') || Object.hasOwn(written, name);
  assert.deepEqual(Object.fromEntries(Object.entries(actual).filter(isWritten)), written);
}

/** Both are reads of the same write of one item. */
export function assertSameStored(
  actual: { readonly value: unknown; readonly etag: string } | undefined,
  expected: { readonly value: unknown; readonly etag: string },
): void {
  assert.ok(actual, 'what was written is absent');
  assertSameItem(actual.value, expected.value as object);
  assert.equal(actual.etag, expected.etag);
}

/** Class and code alone: a message of a broken subject may quote secrets. */
function describeError(error: unknown): string {
  if (isFieldEncryptionError(error)) return `${error.name} ${error.code}`;
  return error instanceof Error ? error.name : `a ${typeof error}`;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly continuation?: string;
}

export interface WholeListing<Item> {
  readonly items: readonly Item[];
  /** The continuations of all pages except the last. */
  readonly continuations: readonly string[];
}

interface ReadAllPagesOptions {
  /** The most items that a page may hold. */
  readonly pageSize: number;
  readonly continuation?: string | undefined;
}

const MOST_PAGES = 2_000;

/** Reads everything after a continuation. Empty pages are legal; a listing that never ends is not. */
export async function readAllPages<Item>(
  { pageSize, continuation: from }: ReadAllPagesOptions,
  readPage: (continuation: string | undefined) => Promise<Page<Item>>,
): Promise<WholeListing<Item>> {
  const items: Item[] = [];
  const continuations: string[] = [];
  let continuation = from;
  do {
    assert.ok(continuations.length < MOST_PAGES, 'the listing does not end');
    const page = await readPage(continuation);
    assert.ok(page.items.length <= pageSize, 'a page is larger than requested');
    items.push(...page.items);
    continuation = page.continuation;
    if (continuation !== undefined) continuations.push(continuation);
  } while (continuation !== undefined);
  return { items, continuations };
}
