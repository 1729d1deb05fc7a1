/** A child process: starts with the definition of one version over a file, seals a note, and prints the outcome. */
import { defineDocument, initEncryption } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const { file, key, shape, note, ignores = false } = JSON.parse(process.argv[2]);
const definition = defineDocument()({ collection: 'notes', key: ['id'], ...shape });
const outcome = await initEncryption({
  dekStore: new SqliteDekStore(new Database(file)),
  env: {
    FIELD_ENCRYPT_ENABLED: 'true',
    FIELD_ENCRYPT_PRODUCT: 'notelett',
    FIELD_ENCRYPT_KEY_PROVIDER: 'env',
    FIELD_ENCRYPT_KEY: key,
  },
  collections: [{ definition }],
  insecureIgnoreDefinitionRecord: ignores,
}).then(
  async (encryptor) => ({ sealed: await encryptor.encryptDocument(definition, note) }),
  ({ code, message }) => ({ code, message }),
);
process.stdout.write(JSON.stringify(outcome));
