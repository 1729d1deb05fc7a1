/** The side of the rewrap measurement that goes by the library. @module */
import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { mekFrom, PRODUCT } from './rewrap-rotation.mjs';
import { serveSteps, STEP_ROWS } from './steps.mjs';

const { file, count, source, target } = JSON.parse(process.argv[2]);
const database = new Database(file);
let pass = 0;

serveSteps(database, steps());

async function* steps() {
  for await (const event of rewrap()) {
    if (event.type === 'pass') pass = event.pass;
    // The first step ends where the fence does, which is a wait and no work.
    if (event.type === 'pass' && pass === 1) yield { pass: 0 };
    if (event.type === 'finished') requireComplete(event.summary);
    if (event.dekId && isWholeStep(event)) yield { pass };
  }
}

function rewrap() {
  const keyProviders = [new EnvKeyProvider({ key: target, previousKeys: [source] })];
  const encryption = { product: PRODUCT, keyProviders, dekStore: new SqliteDekStore(database) };
  const { mekVersion } = mekFrom(target);
  return rewrapAllDeks(encryption, { target: { mekVersion }, verify: 'all' });
}

function isWholeStep({ type, error, counts: { scanned } }) {
  if (type === 'failed') throw error;
  return scanned % STEP_ROWS === 0;
}

function requireComplete({ complete, changed, passes }) {
  if (complete && changed === count && passes === 3) return;
  throw new Error(`Rewrapped ${changed} rows in ${passes} passes, complete: ${complete}`);
}
