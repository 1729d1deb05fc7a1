import {
  ConfigurationError,
  defineDocument,
  FieldEncryptionError,
  initEncryption,
  TamperedError,
} from '@bytelyst/field-encrypt';
import { SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';

const note = defineDocument()({ collection: 'notes', key: ['id'], fields: ['body'] });

/** Prints the outcome for one note, and for one that was moved under another key. */
export function runNotes(options = {}) {
  // A CommonJS file cannot wait for it.
  printNotes(options).catch((error) => {
    console.error(`${error.name} ${error.code}: ${error.message}`);
    process.exitCode = 1;
  });
}

async function printNotes(options) {
  const dekStore = new MemoryDekStore();
  const encryptor = await initEncryption({
    dekStore,
    insecureAllowLoopbackVault: true,
    ...options,
  });
  const stored = await encryptor.encryptDocument(note, { id: 'n1', body: 'Hello' });
  const { body } = await encryptor.decryptDocument(note, stored);
  const failure = await encryptor.decryptDocument(note, { ...stored, id: 'n2' }).catch((e) => e);
  const classes = [Error, FieldEncryptionError, TamperedError, ConfigurationError, TypeError];
  const report = {
    body,
    isSealed: stored.body._enc === 1,
    name: failure.name,
    code: failure.code,
    retryable: failure.retryable,
    is: classes.map((each) => failure instanceof each),
    adapters: [typeof SqliteDocumentStore, typeof dekStore.list],
  };
  console.log(JSON.stringify(report));
}
