/** Fails each test in which an assertion failed and the error was caught by something else. @module */
import { afterAll, afterEach, chai } from 'vitest';
import { assertionWatch } from './assertion-watch.js';

/** They throw errors of another class, of which no stack is captured. */
const EXTENDED = ['toBeOneOf', 'toSatisfy'];

assertionWatch.watch(watchVitest);

afterEach(({ task }) => {
  if (task.result?.state === 'fail') assertionWatch.clear();
  else assertionWatch.requireNoneCaught();
});

afterAll(() => {
  assertionWatch.requireNoneCaught();
});

/** An assertion makes its error only to throw it, and captures the stack as it does. */
function watchVitest(): void {
  const capture = Error.captureStackTrace.bind(Error);
  Error.captureStackTrace = (target: object, ...rest: never[]): void => {
    if (target instanceof Error && target.name === 'AssertionError') assertionWatch.note(target);
    capture(target, ...rest);
  };
  const matchers = chai.Assertion.prototype as unknown as Record<string, () => unknown>;
  for (const name of EXTENDED) {
    const matcher = matchers[name];
    if (!matcher) throw new Error(`Vitest has no matcher ${name}`);
    matchers[name] = assertionWatch.watched(matcher);
  }
}
