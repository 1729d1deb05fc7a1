/**
 * A child process: rewraps the DEKs of a file, or rolls them back. At a given call it stands still, all of it at once, to
 * be killed just there; without one it runs to the end and prints the summary.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvKeyProvider, rewrapAllDeks, rollbackRotation } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

/** If the test is gone, no process is left to kill this one. */
const PATIENCE_MS = 600_000;
/** A vault and a database far away answer in no order: rows under way are then at any step. */
const LONGEST_ANSWER_MS = 2;

const { file, keys, target, point, back } = JSON.parse(process.argv[2]);
const [key, ...previousKeys] = keys;
let pass = 'none';
let hasBegun = false;
let reached = 0;

function say(line) {
  writeSync(1, `${line}\n`);
}

function reach(step, when) {
  if (step !== point?.step || when !== point.when) return;
  reached += 1;
  if (reached < point.nth) return;
  say('parked');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PATIENCE_MS);
  process.exit(70);
}

const RECORD_STEPS = { fencing: 'begin', rewrapping: 'fenced', complete: 'complete' };

function stepOf(method, [first]) {
  if (method.endsWith('wrapKey') && !hasBegun) return 'round trip';
  if (method === 'unwrapKey') return first.mekVersion === target ? 'verify' : 'unwrapKey';
  if (method === 'getItem') return 'getRotation';
  if (method === 'replaceItem') return RECORD_STEPS[first.state];
  if (method === 'list' && pass === 'verify') return 'last scan';
  return method;
}

function watched(subject) {
  const call = async (method, args) => {
    const step = stepOf(method, args);
    if (pass !== 'none') await sleep(Math.random() * LONGEST_ANSWER_MS);
    reach(step, 'before');
    const answer = await subject[method](...args);
    reach(step, 'after');
    return answer;
  };
  const get = (_subject, name) => {
    if (typeof subject[name] !== 'function') return subject[name];
    return (...args) => call(name, args);
  };
  return new Proxy(subject, { get });
}

const rotate = back ? rollbackRotation : rewrapAllDeks;
const rewrapping = rotate(
  {
    product: 'notelett',
    keyProviders: [watched(new EnvKeyProvider({ key, previousKeys }))],
    dekStore: watched(new SqliteDekStore(new Database(file))),
  },
  { target: { mekVersion: target } },
);
for await (const event of rewrapping) {
  hasBegun = true;
  if (event.type === 'pass') pass = event.purpose;
  if (event.type === 'fence') reach('fence', 'after');
  if (event.type === 'changed' && point?.step === 'any moment') {
    say('row');
    reach('any moment', 'after');
  }
  if (event.type === 'finished') say(JSON.stringify(event.summary));
}
