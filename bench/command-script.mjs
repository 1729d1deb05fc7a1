/** The other side of `npm run bench:command`: a script that rotates by the library alone. @module */
import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const [product, mekVersion] = process.argv.slice(2);
const { TARGET, SOURCE } = process.env;
const keyProviders = [new EnvKeyProvider({ key: TARGET, previousKeys: [SOURCE] })];
const dekStore = new SqliteDekStore(new Database('deks.sqlite'));
const run = rewrapAllDeks({ product, keyProviders, dekStore }, { target: { mekVersion } });
for await (const event of run) {
  if (event.type === 'failed') throw event.error;
  if (event.type === 'finished') process.exitCode = event.summary.complete ? 0 : 1;
}
