/** Holds the lease of a migration until SIGINT, as a backfill of another operator that is under way. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { CosmosClient } from '@azure/cosmos';

const PERIOD_MS = 30_000;
const BEAT_MS = 200;

const { COSMOS_ENDPOINT: endpoint = '', COSMOS_KEY: key = '' } = process.env;
const leases = new CosmosClient({ endpoint, key })
  .database('notelett')
  .container('dek_store').items;
const ended = new AbortController();
process.once('SIGINT', () => {
  ended.abort();
});
// The runner has gone.
process.stdin.resume().once('end', () => process.exit());

while (!ended.signal.aborted) {
  await leases.upsert(leaseFor(PERIOD_MS));
  process.stdout.write('held\n');
  await sleep(BEAT_MS, undefined, { signal: ended.signal }).catch(() => undefined);
}
await leases.upsert(leaseFor(0));
process.exit();

function leaseFor(periodMs: number): object {
  const now = Date.now();
  return {
    id: 'lease:notes',
    scopeId: 'lease:notelett',
    type: 'lease',
    schema: 1,
    product: 'notelett',
    kind: 'backfill',
    owner: `${hostname()}/${String(process.pid)}`,
    heartbeatAt: new Date(now).toISOString(),
    expiresAt: new Date(now + periodMs).toISOString(),
  };
}
