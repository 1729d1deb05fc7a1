/** The parts that runs work on. @module */
import * as core from '../../../src/index.js';
import { defined } from '../definition-records.js';
import { MEK_VERSION, note } from '../encryptor.js';
import { PAIR } from '../recovery-pairs.js';
import type { OptionBag } from './option-bag.js';

const PAST = '2020-01-01T00:00:00.000Z';
const TARGET = { mekVersion: MEK_VERSION };

/** What runs work on: a `FieldEncryptor`, or its parts. */
export const ENCRYPTION_BAGS: readonly OptionBag[] = Object.entries({
  rewrapAllDeks: (each) => core.rewrapAllDeks(each, { target: TARGET }),
  rollbackRotation: (each) => core.rollbackRotation(each, { target: TARGET }),
  recoverDeks: (each) => core.recoverDeks(each, { privateKey: PAIR.privateKey, target: TARGET }),
  prunePreviousWraps: (each) => core.prunePreviousWraps(each, { rewrappedBefore: PAST }),
  assertRetirable: (each) =>
    core.assertRetirable(each, {
      mek: { mekVersion: 'env-0000000000000000' },
      ...{ backupWindowMs: 0, allowUnknown: true },
    }),
  takeCensus: (each) => core.takeCensus(each),
  readRecords: (each) => core.readRecords(each),
  compareDefinitions: (each) => core.compareDefinitions(each, [note]),
  findStrayEnvelopes: (each, { documents }) => core.findStrayEnvelopes(each, note, documents),
  findUnreadableRows: (each) => core.findUnreadableRows(each),
  findMissingDeks: (each, { documents }) => core.findMissingDeks(each, note, documents),
  findOrphanDeks: (each, { documents }) => core.findOrphanDeks(each, note, documents),
  backfillDocuments: (each, { documents }) => core.backfillDocuments(each, note, documents),
  registerDefinitions: (each) => core.registerDefinitions(each, [note]),
  forgetPaths: (each, { documents }) => core.forgetPaths(each, note, documents),
  moveDocuments: (each, { documents }) => {
    const definition = defined(['body'], { collection: 'entries' });
    const [from, to] = [{ definition: note }, { definition }];
    const documentStore = documents;
    return core.moveDocuments(each, { ...from, documentStore }, { ...to, documentStore });
  },
  reencryptDocuments: (each, { documents }) =>
    core.reencryptDocuments(each, note, documents, { createdBefore: PAST }),
} satisfies Record<string, OptionBag['use']>).map(([of, use]: [string, OptionBag['use']]) => ({
  of,
  owner: 'encryption',
  mayHoldMore: true,
  needed: ({ encryptor, memory, clock }) => ({
    product: encryptor.product,
    keyProviders: encryptor.keyProviders,
    dekStore: memory,
    clock,
  }),
  optional: ['dekCache', 'enabled', 'fenceTtlMs', 'minimumEpoch', 'recoveryKey', 'audit'],
  use,
}));
