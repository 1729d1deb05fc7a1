/** The encryptor of the service, with the database that it encrypts for. @module */
import {
  initEncryption as createEncryptor,
  type DocumentStore,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { note, type StoredNote } from '../notes/note.js';
import type { Config } from './config.js';
import { openStores } from './stores.js';

export interface Encryption {
  readonly encryptor: FieldEncryptor;
  readonly notes: DocumentStore<StoredNote>;
  /** After the last request. */
  readonly close: () => void;
}

type Settings = Pick<Config, 'allowLoopbackVault' | 'encryption' | 'stores'>;

/**
 * Opens the database, and creates the encryptor from `FIELD_ENCRYPT_…`. It records the encrypted fields of this
 * version, and refuses to start where notes may be stored that it could not read.
 *
 * @throws ConfigurationError of the library, which lists every problem by variable.
 */
export async function initEncryption(settings: Settings): Promise<Encryption> {
  const { dekStore, notes, close } = await openStores(settings.stores);
  try {
    const encryptor = await createEncryptor({
      dekStore,
      env: settings.encryption,
      insecureAllowLoopbackVault: settings.allowLoopbackVault,
      collections: [{ definition: note, documentStore: notes }],
    });
    return { encryptor, notes, close };
  } catch (error) {
    close();
    throw error;
  }
}
