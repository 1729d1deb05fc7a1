/** Options of what makes an encryptor and of what counts. @module */
import * as core from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { MEK_HEX, note } from '../encryptor.js';
import { NONE, type OptionBag } from './option-bag.js';

const HEX = 'f0e4c2f76c58916ec258f246851bea091d14d4247a2fc3e18694461b1816e13b';

export const CORE_BAGS: readonly OptionBag[] = [
  {
    of: 'createFieldEncryptor',
    needed: ({ memory }) => ({
      product: 'p',
      keyProviders: [new core.EnvKeyProvider({ key: MEK_HEX })],
      dekStore: memory,
    }),
    optional: [
      'dekCache',
      'mode',
      'enabled',
      'insecureAllowDisabledInProduction',
      'onPlaintextRead',
      'recoveryKey',
      'fenceTtlMs',
      'minimumEpoch',
      'recordKey',
      'previousRecordKeys',
      'insecureAcceptUnauthenticatedRecords',
      'audit',
      'clock',
    ],
    use: (options) => core.createFieldEncryptor(options),
  },
  {
    of: 'initEncryption',
    needed: ({ memory }) => ({
      dekStore: memory,
      env: {
        FIELD_ENCRYPT_ENABLED: 'true',
        FIELD_ENCRYPT_PRODUCT: 'p',
        FIELD_ENCRYPT_KEY_PROVIDER: 'env',
        FIELD_ENCRYPT_KEY: MEK_HEX,
      },
    }),
    optional: [
      'signal',
      'keyVault',
      'maxOpsPerSecond',
      'recordKey',
      'previousRecordKeys',
      'recoveryKey',
      'onPlaintextRead',
      'audit',
      'fenceTtlMs',
      'clock',
      'insecureAllowDisabledInProduction',
      'insecureAllowEnvKeysInProduction',
      'insecureAllowLoopbackVault',
      'insecureAcceptUnauthenticatedRecords',
      'insecureIgnoreDefinitionRecord',
    ],
    use: (options) => core.initEncryption(options),
  },
  {
    of: 'initEncryption',
    owner: 'collections[]',
    needed: () => ({ definition: note }),
    optional: ['documentStore'],
    use: (each, { memory: dekStore }) => {
      const env = {
        FIELD_ENCRYPT_ENABLED: 'true',
        FIELD_ENCRYPT_PRODUCT: 'p',
        FIELD_ENCRYPT_KEY_PROVIDER: 'env',
        FIELD_ENCRYPT_KEY: MEK_HEX,
      };
      return core.initEncryption({ dekStore, env, collections: [each] });
    },
  },
  {
    of: 'registerDefinitions',
    needed: NONE,
    optional: ['insecureIgnoreDefinitionRecord', 'signal'],
    use: (options, { encryptor }) => core.registerDefinitions(encryptor, [note], options),
  },
  {
    of: 'EnvKeyProvider',
    needed: () => ({ key: HEX }),
    optional: ['previousKeys', 'id'],
    use: (options) => new core.EnvKeyProvider(options),
  },
  {
    of: 'DekCache',
    needed: NONE,
    optional: ['maxEntries', 'ttlMs', 'clock'],
    use: (options) => new core.DekCache(options),
  },
  {
    of: 'defineDocument',
    owner: 'shape',
    needed: () => ({ collection: 'c', key: ['id'], fields: ['body'] }),
    optional: [],
    use: (options) => core.defineDocument()(options),
  },
  {
    of: 'defineUntypedDocument',
    owner: 'shape',
    needed: () => ({ collection: 'c', key: ['id'], fields: ['body'] }),
    optional: [],
    use: (options) => core.defineUntypedDocument(options),
  },
  {
    of: 'authenticateRecords',
    needed: () => ({ recordKey: HEX }),
    optional: ['previousRecordKeys', 'insecureAcceptUnauthenticatedRecords'],
    use: (options) => core.authenticateRecords(new MemoryDekStore(), options),
  },
  {
    of: 'countPlaintext',
    needed: NONE,
    optional: ['signal'],
    use: (options, { documents }) => core.countPlaintext(note, documents, options),
  },
  {
    of: 'requireBackfilled',
    needed: NONE,
    optional: ['signal'],
    use: (options, { documents }) =>
      core.requireBackfilled([{ definition: note, documentStore: documents }], options),
  },
  {
    of: 'requireBackfilled',
    owner: 'collections[]',
    needed: ({ documents }) => ({ definition: note, documentStore: documents }),
    optional: [],
    use: (options) => core.requireBackfilled([options]),
  },
];
