/** A child process: tries to abandon a DEK of a file, and prints what came of it. */
import { abandonDek, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const { file, key, dekId, confirm } = JSON.parse(process.argv[2]);
const encryption = {
  product: 'notelett',
  keyProviders: [new EnvKeyProvider({ key })],
  dekStore: new SqliteDekStore(new Database(file)),
};
const outcome = await abandonDek(encryption, dekId, confirm ? { confirm } : {}).then(
  ({ damage, digest, abandoned }) => ({ damage, digest, abandoned }),
  ({ code, message }) => ({ code, message }),
);
process.stdout.write(JSON.stringify(outcome));
