/** Functions that work through rows or documents. @module */
import * as core from '../../../src/index.js';
import { BROKEN_WRAP } from '../abandoning.js';
import { defined } from '../definition-records.js';
import { encryptAny, envelopeAt, KEY, MEK_HEX, note, PRODUCT } from '../encryptor.js';
import { alterIn, copied, lose } from '../importing.js';
import { OURS } from '../recovery.js';
import { PAIR } from '../recovery-pairs.js';
import { accepting } from '../resealing.js';
import { rewrap, withKeys } from '../rotations.js';
import { drained, TO_A, TO_B, type AbortableCall, type CallWorld } from './abortable-call.js';

/** By another process, so that the one that makes the call has nothing in memory. */
async function rewrapped({ author }: CallWorld): Promise<void> {
  await rewrap(withKeys(author, ['b', 'a']));
}

function partsOf({ encryptor }: CallWorld['made']): core.EncryptionContext {
  const { product, keyProviders, dekStore, clock, audit } = encryptor;
  return { product, keyProviders, dekStore, clock, ...(audit && { audit }) };
}

export const RUN_CALLS: readonly AbortableCall[] = [
  {
    of: 'rewrapAllDeks',
    uses: ['store', 'vault'],
    isRun: true,
    ready:
      ({ made }) =>
      (options) =>
        drained(core.rewrapAllDeks(made.encryptor, { target: TO_B, ...options })),
  },
  {
    of: 'rollbackRotation',
    uses: ['store', 'vault'],
    isRun: true,
    ready: async (world) => {
      await rewrapped(world);
      const { encryptor } = world.made;
      return (options) => drained(core.rollbackRotation(encryptor, { target: TO_A, ...options }));
    },
  },
  {
    of: 'recoverDeks',
    uses: ['store', 'vault'],
    isRun: true,
    settings: OURS,
    ready: ({ made }) => {
      const { privateKey } = PAIR;
      return (options) =>
        drained(core.recoverDeks(made.encryptor, { privateKey, target: TO_B, ...options }));
    },
  },
  {
    of: 'abandonDek',
    uses: ['store', 'vault'],
    ready: async ({ author, made, stored }) => {
      const { dekId } = envelopeAt(stored, 'body');
      await alterIn(author.memory, dekId, BROKEN_WRAP);
      const { digest: confirm } = await core.abandonDek(made.encryptor, dekId);
      return (options) => core.abandonDek(made.encryptor, dekId, { confirm, ...options });
    },
  },
  {
    of: 'importDekRows',
    uses: ['store', 'vault'],
    isRun: true,
    ready: async ({ author, made, stored }) => {
      const from = await copied(author.memory);
      await lose(author, envelopeAt(stored, 'body').dekId);
      return (options) => drained(core.importDekRows(made.encryptor, { from, ...options }));
    },
  },
  {
    of: 'prunePreviousWraps',
    uses: ['store', 'vault'],
    isRun: true,
    ready: async (world) => {
      await rewrapped(world);
      const { encryptor, clock } = world.made;
      clock.advance(1);
      const rewrappedBefore = new Date(clock.wallMs());
      return (options) =>
        drained(core.prunePreviousWraps(encryptor, { rewrappedBefore, ...options }));
    },
  },
  {
    of: 'resealRecords',
    uses: ['store', 'vault'],
    isRun: true,
    ready: ({ made }) => {
      const parts = partsOf(made);
      const dekStore = core.authenticateRecords(parts.dekStore, accepting);
      const encryption = { ...parts, dekStore };
      return (options) => drained(core.resealRecords(encryption, options));
    },
  },
  {
    of: 'addRecoveryWraps',
    uses: ['store', 'vault'],
    isRun: true,
    ready: ({ made }) => {
      const encryption = { ...partsOf(made), ...OURS };
      return (options) => drained(core.addRecoveryWraps(encryption, options));
    },
  },
  {
    of: 'backfillDocuments',
    uses: ['store', 'vault', 'documents'],
    isShared: true,
    isRun: true,
    ready: async ({ made, documents }) => {
      await documents.memory.create({ ...KEY, id: 'plain', body: 'text' });
      return (options) =>
        drained(core.backfillDocuments(made.encryptor, note, documents.store, options));
    },
  },
  {
    of: 'reencryptDocuments',
    uses: ['store', 'vault', 'documents'],
    isShared: true,
    isRun: true,
    ready: ({ made, documents }) => {
      made.clock.advance(1_000);
      const createdBefore = new Date(made.clock.wallMs());
      return (options) =>
        drained(
          core.reencryptDocuments(made.encryptor, note, documents.store, {
            createdBefore,
            ...options,
          }),
        );
    },
  },
  {
    of: 'removeEncryption',
    uses: ['store', 'vault', 'documents'],
    isRun: true,
    ready: ({ made, documents }) => {
      const encryption = { ...partsOf(made), enabled: false };
      return (options) =>
        drained(core.removeEncryption(encryption, note, documents.store, options));
    },
  },
  {
    of: 'forgetPaths',
    uses: ['store', 'documents'],
    isRun: true,
    ready: async ({ author, made, documents }) => {
      await core.registerDefinitions(author.encryptor, [defined(['gone'])]);
      const definition = defined(['body'], { former: ['gone'] });
      return (options) =>
        drained(core.forgetPaths(made.encryptor, definition, documents.store, options));
    },
  },
  {
    of: 'moveDocuments',
    uses: ['store', 'vault', 'documents'],
    isShared: true,
    isRun: true,
    ready: ({ made, documents: { store: documentStore } }) => {
      const { key, fields } = note;
      const entries = defined(fields, { collection: 'entries', key });
      const from = { definition: note, documentStore };
      const to = { definition: entries, documentStore };
      return (options) => drained(core.moveDocuments(made.encryptor, from, to, options));
    },
  },
  {
    of: 'findOrphanDeks',
    uses: ['store', 'documents'],
    isRun: true,
    ready: ({ made, documents }) => {
      const minAgeMs = 0;
      return (options) =>
        drained(
          core.findOrphanDeks(made.encryptor, note, documents.store, { minAgeMs, ...options }),
        );
    },
  },
  {
    of: 'findMissingDeks',
    uses: ['store', 'documents'],
    isRun: true,
    ready:
      ({ made, documents }) =>
      (options) =>
        drained(core.findMissingDeks(made.encryptor, note, documents.store, options)),
  },
  {
    of: 'findStrayEnvelopes',
    uses: ['store', 'documents'],
    isRun: true,
    ready:
      ({ made, documents }) =>
      (options) =>
        drained(core.findStrayEnvelopes(made.encryptor, note, documents.store, options)),
  },
  {
    of: 'findUnreadableRows',
    uses: ['store'],
    isRun: true,
    ready:
      ({ made }) =>
      (options) =>
        drained(core.findUnreadableRows(made.encryptor, options)),
  },
  {
    of: 'takeCensus',
    uses: ['store'],
    ready:
      ({ made }) =>
      (options) =>
        core.takeCensus(made.encryptor, options),
  },
  {
    of: 'readRecords',
    uses: ['store'],
    ready:
      ({ made }) =>
      (options) =>
        core.readRecords(made.encryptor, options),
  },
  {
    of: 'compareDefinitions',
    uses: ['store'],
    ready:
      ({ made }) =>
      (options) =>
        core.compareDefinitions(made.encryptor, [note], options),
  },
  {
    of: 'assertRetirable',
    uses: ['store'],
    ready: async (world) => {
      await rewrapped(world);
      const { encryptor, clock } = world.author;
      await encryptAny(encryptor, { ...KEY, body: 'text' });
      clock.advance(1);
      await drained(
        core.prunePreviousWraps(withKeys(world.author, ['b', 'a']).encryptor, {
          rewrappedBefore: new Date(clock.wallMs()),
        }),
      );
      return (options) =>
        core.assertRetirable(world.made.encryptor, { mek: TO_A, backupWindowMs: 0, ...options });
    },
  },
  {
    of: 'adoptRestoredStore',
    uses: ['store', 'vault', 'documents'],
    isRun: true,
    ready: ({ made, documents: { store: documentStore } }) => {
      const documents = [{ definition: note, documentStore }];
      return (options) =>
        drained(core.adoptRestoredStore(made.encryptor, { documents, ...options }));
    },
  },
  {
    of: 'setFenceTtl',
    uses: ['store'],
    ready:
      ({ made }) =>
      (options) =>
        core.setFenceTtl(made.encryptor, 2_000, options),
  },
  {
    of: 'registerDefinitions',
    uses: ['store'],
    ready:
      ({ made }) =>
      (options) =>
        core.registerDefinitions(made.encryptor, [note], options),
  },
  {
    of: 'countPlaintext',
    uses: ['documents'],
    ready:
      ({ documents }) =>
      (options) =>
        core.countPlaintext(note, documents.store, options),
  },
  {
    of: 'requireBackfilled',
    uses: ['documents'],
    ready:
      ({ documents }) =>
      (options) =>
        core.requireBackfilled([{ definition: note, documentStore: documents.store }], options),
  },
  {
    of: 'initEncryption',
    uses: ['store', 'documents'],
    ready: ({ made, documents }) => {
      const env = {
        FIELD_ENCRYPT_ENABLED: 'true',
        FIELD_ENCRYPT_PRODUCT: PRODUCT,
        FIELD_ENCRYPT_KEY_PROVIDER: 'env',
        FIELD_ENCRYPT_KEY: MEK_HEX,
        FIELD_ENCRYPT_REQUIRE_BACKFILLED: 'true',
      };
      const collections = [{ definition: note, documentStore: documents.store }];
      return (options) =>
        core.initEncryption({ dekStore: made.dekStore, env, collections, ...options });
    },
  },
];
