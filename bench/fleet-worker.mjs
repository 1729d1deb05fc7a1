/** A worker of a fleet whose key provider is a vault. @module */
import { once } from 'node:events';
import { EnvironmentCredential } from '@azure/identity';
import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { AkvKeyProvider } from '@bytelyst/field-encrypt/azure/key-vault';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { counted } from './counted.mjs';
import { PRODUCT } from './rewrap-rotation.mjs';

const { file, mek, vaultUrl, mekName, mekVersion, concurrency, shard } = JSON.parse(
  process.argv[2],
);
const akv = new AkvKeyProvider({
  vaultUrl,
  mekName,
  credential: new EnvironmentCredential(),
  insecureAllowLoopback: true,
});
const calls = { wrapKey: 0, unwrapKey: 0 };
const keyProviders = [
  counted(akv, (method) => (calls[method] += 1)),
  new EnvKeyProvider({ key: mek }),
];
const dekStore = new SqliteDekStore(new Database(file));

process.once('disconnect', () => process.exit());
await tell('ready');
await once(process, 'message');
const rewrapping = rewrapAllDeks(
  { product: PRODUCT, keyProviders, dekStore },
  { target: { keyProvider: 'akv', mekVersion }, concurrency, ...(shard && { shard }) },
);
for await (const event of rewrapping) {
  if (event.type === 'pass' && event.pass === 1) await tell('scanning');
  if (event.type === 'failed') throw event.error;
  if (event.type === 'finished') await tell({ summary: event.summary, calls });
}
process.disconnect();

function tell(message) {
  return new Promise((resolve) => process.send(message, resolve));
}
