/** Options of the subpath for tests. @module */
import { EnvKeyProvider } from '../../../src/index.js';
import * as testing from '../../../src/testing/index.js';
import { MEK_HEX, MEK_VERSION, OTHER_MEK_HEX } from '../encryptor.js';
import { NONE, type OptionBag } from './option-bag.js';

const OTHER_MEK_VERSION = 'env-c87645eed57bef29';

export const TESTING_BAGS: readonly OptionBag[] = [
  {
    of: 'ManualClock',
    needed: NONE,
    optional: ['wallMs', 'jitter'],
    use: (options) => new testing.ManualClock(options),
  },
  {
    of: 'MemoryDocumentStore',
    needed: () => ({ key: ['id'] }),
    optional: [],
    use: (options) => new testing.MemoryDocumentStore(options),
  },
  {
    of: 'injectFaults',
    needed: NONE,
    optional: ['clock'],
    use: (options) => testing.injectFaults(new testing.MemoryDekStore(), () => undefined, options),
  },
  {
    of: 'injectFaults',
    owner: 'fault',
    needed: () => ({ delayMs: 0 }),
    optional: ['before', 'after', 'wait'],
    use: (fault) =>
      testing.injectFaults(new testing.MemoryDekStore(), () => fault).count({ product: 'p' }),
  },
  {
    of: 'dekStoreContract',
    owner: 'subject',
    mayHoldMore: true,
    needed: ({ memory }) => ({ store: memory, reopen: () => memory, breakReads: () => undefined }),
    optional: ['dispose'],
    use: (subject) => testing.dekStoreContract(() => subject)[0]?.run(),
  },
  {
    of: 'documentStoreContract',
    owner: 'subject',
    mayHoldMore: true,
    needed: () => ({
      store: new testing.MemoryDocumentStore({ key: testing.CONTRACT_DOCUMENT_KEY }),
      breakReads: () => undefined,
    }),
    optional: ['dispose'],
    use: (subject) => testing.documentStoreContract(() => subject)[0]?.run(),
  },
  {
    of: 'keyProviderContract',
    owner: 'subject',
    mayHoldMore: true,
    needed: () => ({
      provider: new EnvKeyProvider({ key: MEK_HEX, previousKeys: [OTHER_MEK_HEX] }),
      mekVersions: [MEK_VERSION, OTHER_MEK_VERSION],
    }),
    optional: ['unknownVersion', 'secrets', 'disturb', 'dispose'],
    use: (subject) => testing.keyProviderContract(() => subject)[0]?.run(),
  },
];
