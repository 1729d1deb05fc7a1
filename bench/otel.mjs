/**
 * Prints what metrics cost: reads with `instrumentEncryption` against the same reads without it, in turns in one
 * process. `--rounds N` (default 9) and `--reads N` in each (default 20,000).
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { instrumentEncryption } from '@bytelyst/field-encrypt/otel';
import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    reads: { type: 'string', default: '20000' },
  },
});
const [rounds, reads] = [Number(values.rounds), Number(values.reads)];

const note = defineDocument()({ collection: 'notes', key: ['id'], fields: ['title', 'body'] });
const encryptor = createFieldEncryptor({
  product: 'notelett',
  keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('hex') })],
  dekStore: new MemoryDekStore(),
});
const plain = { id: '1', title: 'A title', body: 'x'.repeat(1_024) };
const stored = await encryptor.encryptDocument(note, plain);

const exporter = { export: (_metrics, done) => done({ code: 0 }), forceFlush() {}, shutdown() {} };
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const meterProvider = new MeterProvider({ readers: [reader] });

const kinds = {
  'reads with a warm cache': async () => {
    for (let read = 0; read < reads; read += 1) await encryptor.decryptDocument(note, stored);
  },
  'reads with a cold cache': async () => {
    for (let read = 0; read < reads / 10; read += 1) {
      encryptor.dekCache.clear();
      await encryptor.decryptDocument(note, stored);
    }
  },
};

for (const [name, work] of Object.entries(kinds)) {
  await timed(work);
  await timed(() => instrumented(work));
  const ratios = [];
  for (let round = 0; round < rounds; round += 1) {
    const bare = await timed(work);
    ratios.push(bare / (await timed(() => instrumented(work))));
  }
  const median = ratios.sort((one, other) => one - other)[Math.floor(rounds / 2)];
  console.log(
    `${name}: ${median.toFixed(2)} of the rate without metrics (median of ${rounds} pairs)`,
  );
}
await meterProvider.shutdown();

async function instrumented(work) {
  const instrumentation = instrumentEncryption({ meterProvider });
  await work();
  instrumentation.stop();
}

async function timed(work) {
  const startedAt = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - startedAt);
}
