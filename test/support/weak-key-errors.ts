import { EnvKeyProvider, FieldEncryptionError } from '../../src/index.js';
import { encryptAny, KEY, setup } from './encryptor.js';
import { rejection } from './failure.js';

/** The code of keys that are no random ones, provoked, with its message. */
export const weakKeyErrors = {
  KEY_WEAK: {
    type: FieldEncryptionError,
    provoke: (): Promise<unknown> => {
      const keyProviders = [new EnvKeyProvider({ key: '00'.repeat(32) })];
      const { encryptor } = setup({ keyProviders });
      return rejection(encryptAny(encryptor, { ...KEY, body: 'text' }));
    },
    message:
      'The MEK env/env/env-28feea6a340d9f4a is a pattern, and cannot start a new product: make a random one with "openssl rand -base64 32"',
  },
};
