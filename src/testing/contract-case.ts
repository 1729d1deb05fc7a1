/** The parts of a contract kit, and its subjects. @module */
import { requireNoneMisspelt } from '../guards/guards.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';

/**
 * One rule of a contract, as a test case.
 *
 * `rule` is the number in the doc comment of the interface (`K1`, `S5`, `D9`); `run` rejects with an
 * `AssertionError` where the subject breaks it. Cases are independent and may run in any order.
 */
export interface ContractCase {
  readonly rule: string;
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What `make` returns for each case: the subject, and how to dispose of it. */
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
 * Binds each case to a subject of its own.
 *
 * @param parts - The parts of a subject: a misspelt part would silently omit a check.
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

/** A new, empty store for one case. */
export interface DekStoreSubject extends ContractSubject {
  readonly store: DekStore;
  /**
   * The same data as another process would open it: a second connection, a second client. Return the same
   * store only where no other process is possible.
   */
  readonly reopen: () => DekStore | Promise<DekStore>;
  /**
   * Makes every read of `store` fail from now on, as in an outage or with a missing permission: drop the
   * table, or make the fake answer 403. Where nothing can fail, wrap the store in `injectFaults`.
   */
  readonly breakReads: () => Promise<void> | void;
}

/** The two properties that together identify a document of the kit. */
export const CONTRACT_DOCUMENT_KEY: readonly ['workspaceId', 'id'] = ['workspaceId', 'id'];

/** A new, empty store for one case, with the key {@link CONTRACT_DOCUMENT_KEY}. */
export interface DocumentStoreSubject extends ContractSubject {
  readonly store: DocumentStore;
  /**
   * Makes every read of `store` fail from now on, as in an outage or with a missing permission: drop the
   * table, or make the fake answer 403. Where nothing can fail, wrap the store in `injectFaults`.
   */
  readonly breakReads: () => Promise<void> | void;
}

/** For a subject without an `unknownVersion`. */
export const DEFAULT_UNKNOWN_VERSION: string = '0'.repeat(32);

/** A provider for one case. A remote one may be shared: the kit changes nothing in it. */
export interface KeyProviderSubject extends ContractSubject {
  readonly provider: KeyProvider;
  /** Every configured version, the current one and at least one more. */
  readonly mekVersions: readonly string[];
  /** A version that does not exist. @default 32 zeros */
  readonly unknownVersion?: string;
  /** MEK bytes in the process: they must not be printed. A key service has none. */
  readonly secrets?: readonly Uint8Array[];
  /**
   * Makes the key service refuse the next unwrap: by throttling, for example with a 429, or by an outage, for
   * example with a 503. Leave it out where no service is used; the cases that need it then check nothing.
   */
  readonly disturb?: (trouble: 'outage' | 'throttling') => Promise<void> | void;
}
