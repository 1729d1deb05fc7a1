/** The encryptor of the service, with the database that it encrypts for. @module */
import { FileAuditSink } from '@bytelyst/field-encrypt/audit';
import {
  initEncryption as createEncryptor,
  type AuditSink,
  type DocumentStore,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { note, type StoredNote } from '../notes/note.js';
import type { Config } from './config.js';
import { openStores } from './stores.js';

export interface Encryption {
  readonly encryptor: FieldEncryptor;
  readonly notes: DocumentStore<StoredNote>;
  /** Everything in the process that is recorded goes there; absent without `AUDIT_FILE`. */
  readonly auditSink: AuditSink | undefined;
  /** After the last request. */
  readonly close: () => Promise<void>;
}

type Settings = Pick<Config, 'allowLoopbackVault' | 'auditFile' | 'encryption' | 'stores'>;

/**
 * Opens the database, and creates the encryptor from `FIELD_ENCRYPT_…`. It records the encrypted fields of this
 * version, and refuses to start where notes may be stored that it could not read.
 *
 * @throws ConfigurationError of the library, which lists every problem by variable.
 */
export async function initEncryption(settings: Settings): Promise<Encryption> {
  const { dekStore, notes, close } = await openStores(settings.stores);
  const { auditFile } = settings;
  const auditSink = auditFile === undefined ? undefined : new FileAuditSink({ file: auditFile });
  try {
    const encryptor = await createEncryptor({
      dekStore,
      env: settings.encryption,
      insecureAllowLoopbackVault: settings.allowLoopbackVault,
      ...(auditSink && { audit: { sink: auditSink, failures: true } }),
      collections: [{ definition: note, documentStore: notes }],
    });
    return {
      encryptor,
      notes,
      auditSink,
      close: async () => {
        try {
          await encryptor.close();
        } finally {
          close();
        }
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}
