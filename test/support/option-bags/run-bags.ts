/** Options of the runs. @module */
import * as core from '../../../src/index.js';
import { defined } from '../definition-records.js';
import { envelopeAt, MEK_VERSION, note } from '../encryptor.js';
import { withOwn } from '../probe.js';
import { PAIR } from '../recovery-pairs.js';
import { NONE, type OptionBag, type OptionWorld } from './option-bag.js';

const HEX = 'f0e4c2f76c58916ec258f246851bea091d14d4247a2fc3e18694461b1816e13b';
const BASE = ['concurrency', 'dryRun', 'maxFailures', 'allowEmpty', 'signal'];
const RUN = [...BASE, 'maxVaultOpsPerSecond', 'reserveForTraffic'];
const MIGRATION = [...BASE, 'select', 'owner', 'leaseTtlMs'];
const PAST = '2020-01-01T00:00:00.000Z';
const TARGET = { mekVersion: MEK_VERSION };

function dekIdIn({ stored }: OptionWorld): string {
  return envelopeAt(stored, 'body').dekId;
}

/** Its row reads as altered, and nothing is written. */
function overDamaged({ encryptor, memory }: OptionWorld): core.EncryptionContext {
  const { product, keyProviders } = encryptor;
  const getMany = async (dekIds: readonly string[]): Promise<ReadonlyMap<string, unknown>> => {
    const found = [...(await memory.getMany(dekIds))];
    return new Map(
      found.map(([id, item]) => [id, { ...item, value: { ...(item.value as object), epoch: 0 } }]),
    );
  };
  return { product, keyProviders, dekStore: withOwn(memory, { getMany }) };
}

interface Moved {
  readonly definition: core.AnyDefinition;
  readonly documentStore: core.DocumentStore<object>;
}

function moved(documentStore: core.DocumentStore<object>): readonly [Moved, Moved] {
  const entries = defined(['body'], { collection: 'entries' });
  return [
    { definition: note, documentStore },
    { definition: entries, documentStore },
  ];
}

export const RUN_BAGS: readonly OptionBag[] = [
  {
    of: 'rewrapAllDeks',
    needed: () => ({ target: TARGET }),
    optional: [
      ...RUN,
      'sourceVersion',
      'withoutOpening',
      'verify',
      'takeOver',
      'shard',
      'allowUnknown',
    ],
    use: (options, { encryptor }) => core.rewrapAllDeks(encryptor, options),
  },
  {
    of: 'rewrapAllDeks',
    owner: 'target',
    needed: () => TARGET,
    optional: ['keyProvider', 'mekName'],
    use: (target, { encryptor }) => core.rewrapAllDeks(encryptor, { target }),
  },
  {
    of: 'rewrapAllDeks',
    owner: 'shard',
    needed: () => ({ index: 0, count: 1 }),
    optional: [],
    use: (shard, { encryptor }) => core.rewrapAllDeks(encryptor, { target: TARGET, shard }),
  },
  {
    of: 'rollbackRotation',
    needed: () => ({ target: TARGET }),
    optional: [...RUN, 'verify', 'takeOver', 'shard', 'verifyFlips', 'allowUnknown'],
    use: (options, { encryptor }) => core.rollbackRotation(encryptor, options),
  },
  {
    of: 'recoverDeks',
    needed: () => ({ privateKey: PAIR.privateKey, target: TARGET }),
    optional: [...RUN, 'passphrase', 'takeOver'],
    use: (options, { encryptor }) => core.recoverDeks(encryptor, options),
  },
  {
    of: 'abandonDek',
    needed: NONE,
    optional: [
      'confirm',
      'lostMek',
      'definition',
      'key',
      'privateKey',
      'passphrase',
      'onWait',
      'signal',
    ],
    use: (options, world) => core.abandonDek(overDamaged(world), dekIdIn(world), options),
  },
  {
    of: 'abandonDek',
    owner: 'lostMek',
    needed: () => ({ keyProvider: 'env', mekName: 'env', mekVersion: 'env-0000000000000000' }),
    optional: [],
    use: (lostMek, world) => core.abandonDek(overDamaged(world), dekIdIn(world), { lostMek }),
  },
  {
    of: 'importDekRows',
    needed: ({ memory }) => ({ from: withOwn(memory, {}) }),
    optional: [...RUN, 'dekIds', 'scopes'],
    use: (options, { encryptor }) => core.importDekRows(encryptor, options),
  },
  {
    of: 'prunePreviousWraps',
    needed: () => ({ rewrappedBefore: PAST }),
    optional: [...RUN, 'mek', 'allowUnknown'],
    use: (options, { encryptor }) => core.prunePreviousWraps(encryptor, options),
  },
  {
    of: 'prunePreviousWraps',
    owner: 'mek',
    needed: () => TARGET,
    optional: ['keyProvider', 'mekName'],
    use: (mek, { encryptor }) => core.prunePreviousWraps(encryptor, { rewrappedBefore: PAST, mek }),
  },
  {
    of: 'resealRecords',
    needed: NONE,
    optional: RUN,
    use: (options, { memory, encryptor }) => {
      const { product, keyProviders } = encryptor;
      const dekStore = core.authenticateRecords(memory, {
        recordKey: HEX,
        insecureAcceptUnauthenticatedRecords: true,
      });
      return core.resealRecords({ product, keyProviders, dekStore }, options);
    },
  },
  {
    of: 'addRecoveryWraps',
    needed: NONE,
    optional: RUN,
    use: (options, { encryptor, memory: dekStore }) => {
      const { product, keyProviders } = encryptor;
      const encryption = { product, keyProviders, dekStore, recoveryKey: PAIR.publicKey };
      return core.addRecoveryWraps(encryption, options);
    },
  },
  {
    of: 'assertRetirable',
    needed: () => ({
      mek: { mekVersion: 'env-0000000000000000' },
      ...{ backupWindowMs: 0, allowUnknown: true },
    }),
    optional: ['allowEmpty', 'signal'],
    use: (options, { encryptor }) => core.assertRetirable(encryptor, options),
  },
  {
    of: 'adoptRestoredStore',
    needed: NONE,
    optional: [...RUN, 'target', 'epochSeen', 'documents', 'shredAgain'],
    use: (options, { encryptor }) => core.adoptRestoredStore(encryptor, options),
  },
  {
    of: 'setFenceTtl',
    needed: NONE,
    optional: ['signal', 'onWait'],
    use: (options, { encryptor }) => core.setFenceTtl(encryptor, 30_000, options),
  },
  {
    of: 'takeCensus',
    needed: NONE,
    optional: ['allowEmpty', 'signal'],
    use: (options, { encryptor }) => core.takeCensus(encryptor, options),
  },
  {
    of: 'readRecords',
    needed: NONE,
    optional: ['allowEmpty', 'signal'],
    use: (options, { encryptor }) => core.readRecords(encryptor, options),
  },
  {
    of: 'compareDefinitions',
    needed: NONE,
    optional: ['allowEmpty', 'signal'],
    use: (options, { encryptor }) => core.compareDefinitions(encryptor, [note], options),
  },
  {
    of: 'findStrayEnvelopes',
    needed: NONE,
    optional: ['concurrency', 'allowEmpty', 'signal'],
    use: (options, { encryptor, documents }) =>
      core.findStrayEnvelopes(encryptor, note, documents, options),
  },
  {
    of: 'findUnreadableRows',
    needed: NONE,
    optional: ['allowEmpty', 'signal'],
    use: (options, { encryptor }) => core.findUnreadableRows(encryptor, options),
  },
  {
    of: 'findMissingDeks',
    needed: NONE,
    optional: ['concurrency', 'allowEmpty', 'signal'],
    use: (options, { encryptor, documents }) =>
      core.findMissingDeks(encryptor, note, documents, options),
  },
  {
    of: 'findOrphanDeks',
    needed: NONE,
    optional: ['concurrency', 'allowEmpty', 'signal', 'minAgeMs'],
    use: (options, { encryptor, documents }) =>
      core.findOrphanDeks(encryptor, note, documents, options),
  },
  {
    of: 'backfillDocuments',
    needed: NONE,
    optional: MIGRATION,
    use: (options, { encryptor, documents }) =>
      core.backfillDocuments(encryptor, note, documents, options),
  },
  {
    of: 'moveDocuments',
    needed: NONE,
    optional: [...MIGRATION, 'move', 'shred'],
    use: (options, { encryptor, documents }) => {
      const [from, to] = moved(documents);
      return core.moveDocuments(encryptor, from, to, options);
    },
  },
  {
    of: 'moveDocuments',
    owner: 'from',
    needed: ({ documents }) => ({ ...moved(documents)[0] }),
    optional: [],
    use: (from, { encryptor, documents }) =>
      core.moveDocuments(encryptor, from, moved(documents)[1]),
  },
  {
    of: 'moveDocuments',
    owner: 'to',
    needed: ({ documents }) => ({ ...moved(documents)[1] }),
    optional: [],
    use: (to, { encryptor, documents }) => core.moveDocuments(encryptor, moved(documents)[0], to),
  },
  {
    of: 'forgetPaths',
    needed: NONE,
    optional: [...RUN, 'owner', 'leaseTtlMs'],
    use: (options, { encryptor, documents }) =>
      core.forgetPaths(encryptor, note, documents, options),
  },
  {
    of: 'reencryptDocuments',
    needed: () => ({ createdBefore: PAST }),
    optional: [...MIGRATION, 'shred', 'source'],
    use: (options, { encryptor, documents }) =>
      core.reencryptDocuments(encryptor, note, documents, options),
  },
  {
    of: 'reencryptDocuments',
    owner: 'source',
    needed: ({ encryptor }) => ({ keyProvider: encryptor.keyProviders[0] }),
    optional: ['dekStore'],
    use: (source, { encryptor, documents }) =>
      core.reencryptDocuments(encryptor, note, documents, { createdBefore: PAST, source }),
  },
  {
    of: 'removeEncryption',
    needed: NONE,
    optional: MIGRATION,
    use: (options, { encryptor, memory: dekStore, documents }) => {
      const { product, keyProviders } = encryptor;
      const encryption = { product, keyProviders, dekStore, enabled: false };
      return core.removeEncryption(encryption, note, documents, options);
    },
  },
];
