/** A rewrap of a whole file in a process of its own, which counts what it asks of store and provider. @module */
import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { counted } from './counted.mjs';
import { mekFrom, PRODUCT } from './rewrap-rotation.mjs';
import { serveSteps, STEP_ROWS } from './steps.mjs';

const { warmUp, file, count, source, target } = JSON.parse(process.argv[2]);
const keyProviders = [new EnvKeyProvider({ key: target, previousKeys: [source] })];
const { mekVersion } = mekFrom(target);
const calls = { store: 0, provider: 0 };

await warmedUp();
const database = new Database(file);

serveSteps(database, steps());

async function* steps() {
  let pass = 0;
  for await (const event of rewrap(file, database)) {
    if (event.type === 'pass') pass = event.pass;
    // The first step ends where the fence does, which is a wait and no work.
    if (event.type === 'pass' && pass === 1) yield { pass: 0, calls: takeCalls() };
    if (event.type === 'failed') throw event.error;
    if (event.type === 'finished') requireComplete(event.summary);
    const isWhole = event.dekId !== undefined && event.counts.scanned % STEP_ROWS === 0;
    if (isWhole || event.type === 'finished') yield { pass, calls: takeCalls() };
  }
}

function rewrap(name, handle) {
  const isWarmUp = name === warmUp;
  const dekStore = new SqliteDekStore(handle);
  return rewrapAllDeks(
    {
      product: PRODUCT,
      keyProviders: isWarmUp
        ? keyProviders
        : keyProviders.map((each) => counted(each, () => (calls.provider += 1))),
      dekStore: isWarmUp ? dekStore : counted(dekStore, () => (calls.store += 1)),
    },
    { target: { mekVersion }, verify: 'all' },
  );
}

/** Warms up the compiler. */
async function warmedUp() {
  const handle = new Database(warmUp);
  for await (const { type } of rewrap(warmUp, handle)) {
    // The store has now set the file up, with its final durability.
    if (type === 'begun') handle.exec('PRAGMA synchronous=OFF');
  }
  handle.close();
}

function takeCalls() {
  const taken = { ...calls };
  calls.store = 0;
  calls.provider = 0;
  return taken;
}

function requireComplete({ complete, changed, passes }) {
  if (complete && changed === count && passes === 3) return;
  throw new Error(`Rewrapped ${changed} rows in ${passes} passes, complete: ${complete}`);
}
