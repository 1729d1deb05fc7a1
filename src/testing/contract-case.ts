/** What a contract kit is made of, and what it is run against. @module */
import { requireNoneMisspelt } from '../guards/guards.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';

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

/** A fresh, empty store for one case. */
export interface DekStoreSubject extends ContractSubject {
  readonly store: DekStore;
  /**
   * The same data as another process would open it: a second connection, a second client. The same
   * store again only where there can be no other process.
   */
  readonly reopen: () => DekStore | Promise<DekStore>;
  /**
   * Makes every read of `store` fail from now on, as an outage or a missing permission would: drop
   * the table, let the fake answer 403. Where nothing can fail, wrap the store in `injectFaults`.
   */
  readonly breakReads: () => Promise<void> | void;
}

/** Documents of the kit are named by these two properties together. */
export const CONTRACT_DOCUMENT_KEY: readonly ['workspaceId', 'id'] = ['workspaceId', 'id'];

/** A fresh, empty store for one case, its key being {@link CONTRACT_DOCUMENT_KEY}. */
export interface DocumentStoreSubject extends ContractSubject {
  readonly store: DocumentStore;
  /**
   * Makes every read of `store` fail from now on, as an outage or a missing permission would: drop
   * the table, let the fake answer 403. Where nothing can fail, wrap the store in `injectFaults`.
   */
  readonly breakReads: () => Promise<void> | void;
}

/** For a subject that names no other. */
export const DEFAULT_UNKNOWN_VERSION: string = '0'.repeat(32);

/** A provider for one case. A remote one may be shared: the kit changes nothing in it. */
export interface KeyProviderSubject extends ContractSubject {
  readonly provider: KeyProvider;
  /** Every version that is configured, the current one and at least one more. */
  readonly mekVersions: readonly string[];
  /** A version that does not exist. @default 32 zeros */
  readonly unknownVersion?: string;
  /** MEK bytes that lie in the process: they must not be printed. A key service has none. */
  readonly secrets?: readonly Uint8Array[];
  /**
   * Makes the key service refuse the next unwrap: as one too many, by a 429 say, or as in an outage,
   * by a 503. Leave it out where no service is asked; the cases that need it then check nothing.
   */
  readonly disturb?: (trouble: 'outage' | 'throttling') => Promise<void> | void;
}
