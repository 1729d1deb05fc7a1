/** Notes each assertion that fails, also where its error is caught before it reaches the test. @module */
import assert from 'node:assert';
import { syncBuiltinESMExports } from 'node:module';

type Assertion = (...args: unknown[]) => unknown;
type Assertions = Record<string, unknown>;

const CAUGHT =
  'Assertions failed, and their errors were caught before they reached the test: collect what hooks, stores and providers see, and assert outside of them';

const MOST_NAMED = 5;

export class AssertionWatch {
  readonly #failed = new Set<Error>();
  #isWatching = false;

  /**
   * From here on each function of `node:assert` notes its failures, in the whole process.
   *
   * @param watchOthers - Called once for each process, which several test files may share.
   */
  watch(watchOthers: () => void = () => undefined): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    watchOthers();
    for (const module of [assert, assert.strict] as unknown as readonly Assertions[]) {
      for (const [name, member] of Object.entries(module)) {
        if (isAssertion(name, member)) module[name] = this.watched(member);
      }
    }
    syncBuiltinESMExports();
  }

  /** The same assertion, which notes its failures. */
  watched(assertion: Assertion): Assertion {
    const failed = (error: unknown): never => {
      throw this.note(error) as Error;
    };
    return function (this: unknown, ...args) {
      try {
        const result = assertion.apply(this, args);
        return result instanceof Promise ? result.catch(failed) : result;
      } catch (error) {
        return failed(error);
      }
    };
  }

  /** An assertion failed with this error; returns the error. */
  note<T>(error: T): T {
    if (error instanceof Error) this.#failed.add(error);
    return error;
  }

  /** Whether an assertion failed with this error, and the error did not arrive. */
  has(error: unknown): boolean {
    return this.#failed.has(error as Error);
  }

  /** The error reached a test that expects it. */
  arrived(error: unknown): void {
    this.#failed.delete(error as Error);
  }

  /** The test has failed already. */
  clear(): void {
    this.#failed.clear();
  }

  /** @throws Error where assertions failed since the last call, and their errors did not arrive. */
  requireNoneCaught(): void {
    const failed = [...this.#failed];
    this.clear();
    if (failed.length === 0) return;
    const named = failed.slice(0, MOST_NAMED).map(({ message }) => message.split('\n')[0]);
    throw new Error(`${CAUGHT}\n- ${named.join('\n- ')}`, { cause: failed[0] });
  }
}

/** `strict` and the classes are no assertions. */
function isAssertion(name: string, member: unknown): member is Assertion {
  return typeof member === 'function' && name !== 'strict' && !/^[A-Z]/.test(name);
}

/** Of this process. */
export const assertionWatch: AssertionWatch = new AssertionWatch();
