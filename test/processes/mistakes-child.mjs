/** A child process: calls one function over a file, as an operator would, and prints how it ended. */
import { writeSync } from 'node:fs';
import * as library from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const { file, product = 'notelett', keys, run, options } = JSON.parse(process.argv[2]);
const keyProviders = keys.map((each) => new library.EnvKeyProvider(each));
const database = new Database(file);
const dekStore = new SqliteDekStore(database);
const encryptor = library.createFieldEncryptor({ product, keyProviders, dekStore });

let failed = 0;
writeSync(1, JSON.stringify(await outcome()));
database.close();

async function outcome() {
  try {
    const called = library[run](encryptor, options);
    if (typeof called.next !== 'function') return { result: await called };
    let summary;
    for await (const event of called) {
      if (event.type === 'failed') failed += 1;
      if (event.type === 'finished') ({ summary } = event);
    }
    return { result: summary, failed };
  } catch ({ name, code, message }) {
    return { error: { name, code, message }, failed };
  }
}
