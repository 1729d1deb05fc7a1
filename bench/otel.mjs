/**
 * `npm run bench:otel`: what metrics cost, as reads with `instrumentEncryption` against the same reads without it.
 *
 * Both are in one process, in turns. A warm read finds its key in the cache. A cold one does not: the cache has room
 * for one key, and two documents are read by turns, over a store and a key in memory. Ratios are by processor time, so
 * that what else runs on the machine hardly shows. Options: `--rounds`, 9 by default; `--reads`, 20,000 in each.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  createFieldEncryptor,
  defineDocument,
  DekCache,
  EnvKeyProvider,
} from '@bytelyst/field-encrypt';
import { instrumentEncryption } from '@bytelyst/field-encrypt/otel';
import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
import { speedRatio } from './measure.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    reads: { type: 'string', default: '20000' },
  },
});
const [rounds, reads] = [Number(values.rounds), Number(values.reads)];

const note = defineDocument()({ collection: 'notes', key: ['id'], fields: ['title', 'body'] });
const dekStore = new MemoryDekStore();
const keyProviders = [new EnvKeyProvider({ key: randomBytes(32).toString('hex') })];
const shared = { product: 'notelett', keyProviders, dekStore };
const warm = createFieldEncryptor(shared);
const cold = createFieldEncryptor({ ...shared, dekCache: new DekCache({ maxEntries: 1 }) });
const stored = [];
for (const id of ['1', '2']) {
  const plain = { id, title: 'A title', body: 'x'.repeat(1_024) };
  stored.push(await warm.encryptDocument(note, plain));
}

const exporter = { export: (_metrics, done) => done({ code: 0 }), forceFlush() {}, shutdown() {} };
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const meterProvider = new MeterProvider({ readers: [reader] });

const kinds = {
  'reads with a warm cache': () => readAll(warm, reads),
  'reads with a cold cache': () => readAll(cold, reads / 4),
};

for (const [name, work] of Object.entries(kinds)) {
  const times = { bare: [], instrumented: [] };
  for (let round = -2; round < rounds; round += 1) {
    const sides = round % 2 === 0 ? ['bare', 'instrumented'] : ['instrumented', 'bare'];
    for (const side of sides) {
      const time = await timed(work, side === 'instrumented');
      if (round >= 0) times[side].push(time);
    }
  }
  const { ratio, spread } = speedRatio(times.instrumented, times.bare);
  console.log(
    `${name}: ${ratio.toFixed(3)} ±${spread.toFixed(3)} of the rate without metrics (median of ${rounds} pairs)`,
  );
}
await meterProvider.shutdown();

async function readAll(encryptor, count) {
  for (let read = 0; read < count; read += 1) {
    await encryptor.decryptDocument(note, stored[read % 2]);
  }
}

async function timed(work, isInstrumented) {
  const instrumentation = isInstrumented ? instrumentEncryption({ meterProvider }) : undefined;
  globalThis.gc();
  const startedAt = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(startedAt);
  instrumentation?.stop();
  return user + system;
}
