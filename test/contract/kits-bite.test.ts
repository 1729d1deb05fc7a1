import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  EnvKeyProvider,
  KeyProviderError,
  type DekStore,
  type KeyProvider,
} from '../../src/index.js';
import {
  CONTRACT_DOCUMENT_KEY,
  dekStoreContract,
  documentStoreContract,
  injectFaults,
  keyProviderContract,
  MemoryDekStore,
  MemoryDocumentStore,
  type ContractCase,
} from '../../src/testing/index.js';
import { assertionWatch } from '../support/assertion-watch.js';
import { BROKEN_DEK_STORES } from './broken-dek-stores.js';
import { refusingOddKeys } from './broken-document-keys.js';
import { BROKEN_DOCUMENT_STORES } from './broken-document-stores.js';
import { BROKEN_KEY_PROVIDERS } from './broken-key-providers.js';
import { withMethods, type Breakage, type Calls } from './broken-methods.js';
import { isSlow, someOf } from '../support/lane.js';

type Methods = Breakage['methods'];
type Reopen = (store: DekStore, own: MemoryDekStore) => DekStore;

/** A breakage that fails more than these is too coarse to show that a case has a point. */
const MOST_FAILURES = 12;

const TROUBLES = {
  outage: 'KEY_PROVIDER_UNAVAILABLE',
  throttling: 'KEY_PROVIDER_THROTTLED',
} as const;

const asItIs: Methods = () => ({});

function dekCases(methods: Methods, reopen: Reopen = (store) => store): readonly ContractCase[] {
  return dekStoreContract(() => {
    let isDown = false;
    const memory = new MemoryDekStore();
    const faulty = injectFaults(memory, () => (isDown ? { before: new Error('down') } : undefined));
    const store = withMethods<DekStore>(faulty, methods);
    return { store, reopen: () => reopen(store, memory), breakReads: () => void (isDown = true) };
  });
}

function documentCases(methods: Methods): readonly ContractCase[] {
  return documentStoreContract(() => {
    let isDown = false;
    const memory = new MemoryDocumentStore({ key: CONTRACT_DOCUMENT_KEY });
    const faulty = injectFaults(memory, () => (isDown ? { before: new Error('down') } : undefined));
    return { store: withMethods(faulty, methods), breakReads: () => void (isDown = true) };
  });
}

function providerCases(methods: Methods): readonly ContractCase[] {
  const keys = [randomBytes(32), randomBytes(32)];
  const [key = '', previous = ''] = keys.map((bytes) => bytes.toString('hex'));
  return keyProviderContract(async () => {
    const env = new EnvKeyProvider({ key, previousKeys: [previous] });
    const old = new EnvKeyProvider({ key: previous });
    const mekVersions = [await env.currentVersion(), await old.currentVersion()];
    let trouble: Error | undefined;
    const provider = injectFaults<KeyProvider>(env, ({ method }) => {
      if (method !== 'unwrapKey' || !trouble) return undefined;
      const before = trouble;
      trouble = undefined;
      return { before };
    });
    const disturb = (kind: keyof typeof TROUBLES): void => {
      trouble = new KeyProviderError(TROUBLES[kind], 'refused', { retryable: true });
    };
    return { provider: withMethods(provider, methods), mekVersions, secrets: keys, disturb };
  });
}

async function failedCases(cases: readonly ContractCase[]): Promise<readonly ContractCase[]> {
  const failed: ContractCase[] = [];
  for (const each of cases) {
    await each.run().catch(() => {
      failed.push(each);
      assertionWatch.clear();
    });
  }
  return failed;
}

function titleOf({ rule, name }: ContractCase): string {
  return `${rule} ${name}`;
}

function describeKit(
  kit: string,
  rules: readonly string[],
  casesOf: (methods: Methods) => readonly ContractCase[],
  breakages: readonly Breakage[],
): void {
  describe(kit, () => {
    const titles = casesOf(asItIs).map(titleOf);
    const caught = new Set<string>();

    it('has a case for every rule, each with a name of its own', () => {
      expect([...new Set(casesOf(asItIs).map(({ rule }) => rule))].sort()).toEqual(
        [...rules].sort(),
      );
      expect(new Set(titles).size).toBe(titles.length);
    });

    it('passes what keeps the contract', async () => {
      expect((await failedCases(casesOf(asItIs))).map(titleOf)).toEqual([]);
    });

    for (const { rule, name, methods } of breakages) {
      it(`catches under ${rule}: ${name}`, async () => {
        const cases = casesOf(methods).filter((each) => isSlow || each.rule === rule);
        const failed = await failedCases(cases);
        if (failed.length <= MOST_FAILURES) for (const each of failed) caught.add(titleOf(each));
        expect(failed.map((each) => each.rule)).toContain(rule);
      });
    }

    it.runIf(isSlow)('has no case that none of these fails, those aside that fail many', () => {
      expect(titles.filter((title) => !caught.has(title))).toEqual([]);
    });
  });
}

const numbered = (letter: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${letter}${String(index + 1)}`);

const CASE_OF_ANOTHER_PROCESS =
  'S11 an acknowledged write is visible to every process that opens the data later';

describeKit('keyProviderContract', numbered('K', 13), providerCases, BROKEN_KEY_PROVIDERS);
describeKit('dekStoreContract', numbered('S', 16), dekCases, BROKEN_DEK_STORES);
describeKit('documentStoreContract', numbered('D', 11), documentCases, BROKEN_DOCUMENT_STORES);

describe('dekStoreContract, of a store that says how far its reads may lag', () => {
  it.each(someOf([3_000, 0, 0.5, 3_600_000]))('passes %d', async (lagMs) => {
    const lagging: Methods = () => ({
      readLagMs: async (options) => {
        await Promise.resolve();
        (options as { signal?: AbortSignal } | undefined)?.signal?.throwIfAborted();
        return lagMs;
      },
    });
    expect((await failedCases(dekCases(lagging))).map(titleOf)).toEqual([]);
  });
});

describe('documentStoreContract, of a store that refuses the keys that it cannot hold', () => {
  it('passes', async () => {
    expect((await failedCases(documentCases(refusingOddKeys))).map(titleOf)).toEqual([]);
  });
});

describe('dekStoreContract, with another process', () => {
  const rulesOf = async (reopen: Reopen) =>
    (await failedCases(dekCases(asItIs, reopen))).map(titleOf);

  it('catches a process that sees nothing of what another wrote', async () => {
    const failed = await rulesOf(() => new MemoryDekStore());
    expect(failed).toContain(CASE_OF_ANOTHER_PROCESS);
  });

  it('catches a process that keeps what it read once', async () => {
    const failed = await rulesOf((store) =>
      withMethods(store, (own: Calls) => {
        const known = new Map<string, Promise<unknown>>();
        return {
          get: (dekId) => {
            const read = known.get(String(dekId)) ?? own['get']?.(dekId) ?? Promise.resolve();
            known.set(String(dekId), read);
            return read;
          },
        };
      }),
    );
    expect(failed.every((title) => title.startsWith('S11'))).toBe(true);
  });

  it('catches etags that only one process understands', async () => {
    const failed = await rulesOf((store) =>
      withMethods(store, (own: Calls) => ({
        replace: (row, etag) => own['replace']?.(row, `other-${String(etag)}`) ?? Promise.resolve(),
      })),
    );
    expect(failed).toEqual(["S11 concurrent processes see each other's writes, and share etags"]);
  });
});
