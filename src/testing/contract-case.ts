/** What a contract kit is made of. @module */
import { requireNoneMisspelt } from '../guards/guards.js';

/**
 * One sentence of a contract, as something to run.
 *
 * `rule` is the number in the doc comment of the interface (`K1`, `S5`, `D9`); `run` rejects with
 * an `AssertionError` where the subject breaks it. Cases are independent and may run in any order.
 */
export interface ContractCase {
  readonly rule: string;
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What `make` gives for each case: the subject and how to be rid of it. */
export interface ContractSubject {
  /** Called when the case is over, passed or not. */
  readonly dispose?: () => Promise<void> | void;
}

export interface SubjectCase<Subject> {
  readonly rule: string;
  readonly name: string;
  readonly check: (subject: Subject) => Promise<void>;
}

/**
 * Cases that each get a subject of their own.
 *
 * @param parts - What a subject has: a part that is misspelt would be a check that is left out.
 */
export function bindCases<Subject extends ContractSubject>(
  make: () => Promise<Subject> | Subject,
  cases: readonly SubjectCase<Subject>[],
  parts: readonly (keyof Subject & string)[],
): readonly ContractCase[] {
  return cases.map(({ rule, name, check }) => ({
    rule,
    name,
    async run() {
      const subject = await make();
      try {
        requireNoneMisspelt('subject', subject, [...parts, 'dispose']);
        await check(subject);
      } finally {
        await subject.dispose?.();
      }
    },
  }));
}
