/** The encryptor of the service, with the database that it encrypts for. @module */
import { FileAuditSink, HttpAuditSink } from '@bytelyst/field-encrypt/audit';
import {
  initEncryption as createEncryptor,
  type AuditSink,
  type DocumentStore,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { note, type StoredNote } from '../notes/note.js';
import type { AuditSettings, Config } from './config.js';
import { openStores } from './stores.js';

export interface Encryption {
  readonly encryptor: FieldEncryptor;
  readonly notes: DocumentStore<StoredNote>;
  /** Everything in the process that is recorded goes there; absent without `AUDIT_FILE` and `AUDIT_URL`. */
  readonly auditSink: AuditSink | undefined;
  /** After the last request. */
  readonly close: () => Promise<void>;
}

type Settings = Pick<Config, 'allowLoopbackVault' | 'audit' | 'encryption' | 'stores'>;

/**
 * Opens the database, and creates the encryptor from `FIELD_ENCRYPT_…`. It records the encrypted fields of this
 * version, and refuses to start where notes may be stored that it could not read.
 *
 * @throws ConfigurationError of the library, which lists every problem by variable.
 */
export async function initEncryption(settings: Settings): Promise<Encryption> {
  const { dekStore, notes, close } = await openStores(settings.stores);
  const audit = auditSinkOf(settings.audit);
  const auditSink = audit?.sink;
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
          await audit?.close();
          close();
        }
      },
    };
  } catch (error) {
    await audit?.close();
    close();
    throw error;
  }
}

interface OpenAudit {
  readonly sink: AuditSink;
  /** What is not yet sent stays in the spool, for the next process. */
  readonly close: () => Promise<void>;
}

function auditSinkOf(settings: AuditSettings | undefined): OpenAudit | undefined {
  if (!settings) return undefined;
  if (settings.kind === 'file') {
    const sink = new FileAuditSink({ file: settings.file });
    return { sink, close: () => Promise.resolve() };
  }
  const { url, secrets, folder } = settings;
  const sink = new HttpAuditSink({ url, secrets, folder });
  return { sink, close: () => sink.close() };
}
