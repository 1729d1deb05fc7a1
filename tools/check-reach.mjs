/**
 * Prints through how many files of `src` one cold `decryptDocument` runs, and one rewrapped row, and fails
 * where a limit is passed. A file counts if one of its functions ran, by V8's coverage; `testing` does not.
 */
import { randomBytes } from 'node:crypto';
import { Session } from 'node:inspector/promises';
import { register } from 'tsx/esm/api';

register();
const { createFieldEncryptor, defineDocument, EnvKeyProvider, rewrapAllDeks } =
  await import('../src/index.ts');
const { MemoryDekStore } = await import('../src/testing/index.ts');

const LIMITS = { 'a cold decryptDocument': 22, 'one rewrapped row': 34 };
const SRC = new URL('../src/', import.meta.url).href;

const note = defineDocument()({ collection: 'notes', key: ['id'], fields: ['title', 'body'] });
const dekStore = new MemoryDekStore();
const [oldKey, newKey] = [newMek(), newMek()];
const stored = await encryptorWith(oldKey).encryptDocument(note, {
  id: '1',
  title: 't',
  body: 'b',
});
const reader = encryptorWith(oldKey);
const operator = encryptorWith(newKey, [oldKey]);
const target = { mekVersion: await new EnvKeyProvider({ key: newKey }).currentVersion() };

const found = {
  'a cold decryptDocument': await filesOf(() => reader.decryptDocument(note, stored)),
  'one rewrapped row': await filesOf(async () => {
    const rewrapped = [];
    for await (const { type } of rewrapAllDeks(operator, { target })) rewrapped.push(type);
    if (!rewrapped.includes('changed')) throw new Error('No row was rewrapped');
  }),
};
for (const [what, files] of Object.entries(found)) {
  const isOver = files.length > LIMITS[what];
  if (isOver) process.exitCode = 1;
  console.log(
    `${isOver ? 'FAIL' : 'ok  '} ${what}: ${files.length} files of at most ${LIMITS[what]}`,
  );
  if (isOver) for (const file of files) console.log(`     ${file}`);
}

function newMek() {
  return randomBytes(32).toString('hex');
}

function encryptorWith(key, previousKeys = []) {
  const keyProviders = [new EnvKeyProvider({ key, previousKeys })];
  return createFieldEncryptor({ product: 'notes', keyProviders, dekStore, fenceTtlMs: 1_000 });
}

async function filesOf(work) {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await session.post('Profiler.takePreciseCoverage');
  await work();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  const ran = result.filter(({ functions }) => functions.some(({ ranges }) => ranges[0].count > 0));
  return ran
    .filter(({ url }) => url.startsWith(SRC))
    .map(({ url }) => url.slice(SRC.length).replace(/\?.*/, ''))
    .filter((file) => !file.startsWith('testing/'))
    .sort();
}
