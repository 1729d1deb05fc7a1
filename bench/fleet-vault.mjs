/**
 * The Key Vault for tests in a process of its own, with a key of two versions and a time that each
 * request takes at least.
 *
 * @module
 */
import { KeyVaultServer } from '../test/support/azure/key-vault-server.ts';

const { mekName, latencyMs } = JSON.parse(process.argv[2]);
const server = await KeyVaultServer.start();
const source = await server.createKey(mekName, { size: 2048 });
const target = await server.rotateKey(mekName);
server.script({ delayMs: latencyMs, times: Infinity });

const env = server.identityProvider.environment();
process.once('disconnect', () => process.exit());
process.send({ vaultUrl: server.url, source, target, env });
