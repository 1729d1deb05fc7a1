/** Asks whoever started a migration which documents it is to touch. @module */
import { isPromise } from 'node:util/types';
import { describeType } from '../guards.js';
import type { AnyDocument } from './document-pages.js';

/**
 * Asks once about each version that was read, however often it is looked at: the function may count.
 *
 * @returns A function that throws TypeError for an answer that is no boolean.
 */
export function checkedSelect(
  select: (document: AnyDocument) => unknown,
): (document: AnyDocument) => boolean {
  const answers = new WeakMap<AnyDocument, boolean>();
  return (document) => {
    const answer = answers.get(document) ?? select(document);
    if (typeof answer !== 'boolean') throw noBoolean(answer);
    answers.set(document, answer);
    return answer;
  };
}

function noBoolean(answer: unknown): TypeError {
  const isLater = isPromise(answer);
  // It is refused already: a rejection that nobody waits for would end the process.
  if (isLater) answer.catch(() => undefined);
  const got = isLater ? 'a promise' : describeType(answer);
  return new TypeError(`"select" expected a function that returns a boolean, and it gave ${got}`);
}
