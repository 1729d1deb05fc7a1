/** Stops a server while requests are under way: the process ends, or else the servers hold it. @module */
import { KeyVaultServer } from './key-vault-server.js';
import { sdkClient } from './key-vault/sdk-client.js';

const server = await KeyVaultServer.start();
const client = sdkClient(server);
await server.createKey('mek', { type: 'EC' });
await client.getKey('mek');

server.script({ hang: true }, { delayMs: 600_000 });
const names: string[] = [];
for (const name of ['hang', 'delay']) {
  const arrived = server.nextRequest('get');
  client.getKey('mek').catch(() => names.push(name));
  await arrived;
}
server.identityProvider.hangNext();
const credential = server.identityProvider.credential({ retryOptions: { maxRetries: 0 } });
credential.getToken('https://vault.azure.net/.default').catch(() => names.push('token'));
while (server.identityProvider.tokenRequests < 2) await new Promise(setImmediate);
await server.stop();
process.once('exit', () => {
  console.log(names.toSorted((one, other) => one.localeCompare(other)).join(' '));
});
